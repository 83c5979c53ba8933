"""The app."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Hears about events in every process."""

    name = "tenants"

    def ready(self) -> None:
        """Connect the receivers."""
        from tenants import receivers  # noqa: F401
