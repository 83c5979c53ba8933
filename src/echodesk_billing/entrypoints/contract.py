"""The HTTP contract as the settings want it, for any server."""

from __future__ import annotations

from collections.abc import Iterable

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.entrypoints.http.calls import Page
from echodesk_billing.entrypoints.http.contract import Contract
from echodesk_billing.entrypoints.http.limits import RateLimits
from echodesk_billing.entrypoints.portal.pages import pages as portal_pages
from echodesk_billing.settings import Settings


def contract(uses: UseCases, settings: Settings, pages: Iterable[Page] = ()) -> Contract:
    """The contract with the limits and origins of the settings.

    Args:
        pages: paths besides the API, its description and the customer portal, such as the console.
    """
    rates = RateLimits(
        per_token=settings.token_rate_limit,
        per_address=settings.address_rate_limit,
        registrations=settings.registration_rate_limit,
        at_once=settings.requests_at_once,
        polls_per_tenant=settings.polls_per_tenant,
        body_seconds=settings.body_seconds,
    )
    return Contract(uses, rates, [*portal_pages(), *pages], settings.cors_origins())
