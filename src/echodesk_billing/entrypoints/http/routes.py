"""Every path of the API: the routes of its resources."""

from __future__ import annotations

from echodesk_billing.entrypoints.http import (
    billing_profile,
    cards,
    coupons,
    events,
    features,
    health,
    invoices,
    operators,
    orders,
    packages,
    payments,
    portal,
    registration,
    statistics,
    subscription,
    transfers,
    upgrades,
    webhooks,
)

ROUTES = (
    *payments.ROUTES,
    *orders.ROUTES,
    *invoices.ROUTES,
    *transfers.ROUTES,
    *billing_profile.ROUTES,
    *cards.ROUTES,
    *packages.ROUTES,
    *coupons.ROUTES,
    *statistics.ROUTES,
    *subscription.ROUTES,
    *operators.ROUTES,
    *upgrades.ROUTES,
    *features.ROUTES,
    *registration.ROUTES,
    *events.ROUTES,
    *webhooks.ROUTES,
    *portal.ROUTES,
    *health.ROUTES,
)
