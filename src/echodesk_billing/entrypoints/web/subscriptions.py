"""Subscriptions: what is sold, what a tenant has, cancelling it."""

from __future__ import annotations

from echodesk_billing.entrypoints.web.calls import Call
from echodesk_billing.entrypoints.web.schemas import (
    CancelSubscription,
    MySubscription,
    Nothing,
    PackageView,
    SubscriptionCancelled,
)


async def packages(call: Call[Nothing]) -> list[PackageView]:
    """`GET /api/packages/`."""
    catalogue = await call.uses.views.catalogue()
    return [PackageView.of(package) for package in catalogue.packages]


async def me(call: Call[Nothing]) -> MySubscription:
    """`GET /api/subscription/me/`."""
    return MySubscription.of(await call.uses.views.subscription(call.who))


async def cancel(call: Call[CancelSubscription]) -> SubscriptionCancelled:
    """`POST /api/payments/cancel/`."""
    subscription = await call.uses.cancel.cancel(call.who, immediately=call.body.immediately)
    return SubscriptionCancelled.of(subscription, await call.uses.clock.now())
