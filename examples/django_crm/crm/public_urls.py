"""What the public host serves: the bank's webhook, registration and the price lists."""

from django.urls import include, path

from echodesk_billing.django import urls

urlpatterns = [path("", include((urls.public, "echodesk_billing")))]
