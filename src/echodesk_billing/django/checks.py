"""System checks: `manage.py check` names what is wrong, `check --deploy` what is missing in production."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, register

from echodesk_billing.django.conf import billing_settings, options
from echodesk_billing.setting_values import InvalidSettings


@register("echodesk_billing")
def check_settings(**_more: Any) -> list[CheckMessage]:
    """Errors in the settings of billing."""
    found: list[CheckMessage] = []
    for read in (billing_settings, options):
        try:
            read()
        except InvalidSettings as error:
            found.append(checks.Error(str(error), hint="See docs/configuration.md.", id="echodesk_billing.E001"))
    return found


@register("echodesk_billing", deploy=True)
def check_deployment(**_more: Any) -> list[CheckMessage]:
    """What is missing in production."""
    try:
        settings = billing_settings()
    except InvalidSettings:
        return []  # `check_settings` says so
    missing = [
        (not settings.client_id, "BOG_CLIENT_ID is not set: calls that need the bank answer 503", "W001"),
        (settings.is_sqlite, "DATABASE_URL is SQLite: use PostgreSQL with more than one process", "W002"),
        (
            not settings.encryption_keys,
            "BILLING_ENCRYPTION_KEYS is not set: registrations carry no secrets",
            "W003",
        ),
        (settings.api_domain.startswith("http://"), "API_DOMAIN is not an https:// address", "W004"),
    ]
    return [checks.Warning(text, id=f"echodesk_billing.{number}") for is_missing, text, number in missing if is_missing]
