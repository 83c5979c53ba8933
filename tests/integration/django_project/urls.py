"""The app's paths before everything else, and a view that a feature gates."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from echodesk_billing.django.access import require_active_subscription


@require_active_subscription(feature="tickets")
def tickets(_request: HttpRequest) -> HttpResponse:
    """What only customers with tickets see."""
    return HttpResponse("tickets")


def other_app(_request: HttpRequest, **_more: int) -> HttpResponse:
    """Another app of the CRM under the same prefix."""
    return HttpResponse("of another app")


urlpatterns = [
    path("", include("echodesk_billing.django.urls")),
    path("api/payments/", other_app),
    path("api/payments/<int:number>/", other_app),
    path("api/payments/payment_summary/", other_app),
    path("tickets/", tickets),
    path("admin/", admin.site.urls),
]
