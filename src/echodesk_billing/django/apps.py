"""The app's configuration."""

from __future__ import annotations

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """EchoDesk billing in a Django project."""

    name = "echodesk_billing.django"
    label = "echodesk_billing"
    verbose_name = "Billing"

    def ready(self) -> None:
        """Register the system checks."""
        from echodesk_billing.django import checks  # noqa: F401, PLC0415 - once the apps are loaded
