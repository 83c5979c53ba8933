"""What a tenant's host serves."""

from django.urls import include, path

from tenants.views import Calls, Me

urlpatterns = [
    path("", include("echodesk_billing.django.urls")),
    path("api/me/", Me.as_view()),
    path("api/calls/", Calls.as_view()),
]
