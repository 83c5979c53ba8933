"""Subscriptions: what is sold, what a tenant has, trying it, cancelling it, taking that back."""

from __future__ import annotations

from datetime import timedelta

from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.entrypoints.web.calls import Call, whole_number
from echodesk_billing.entrypoints.web.schemas import (
    CancelSubscription,
    Done,
    Events,
    MySubscription,
    Nothing,
    PackageView,
    Registered,
    RegisterTenant,
    RegistrationPayload,
    StartTrial,
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


async def resume(call: Call[Nothing]) -> Done:
    """`POST /api/subscription/resume/`."""
    subscription = await call.uses.cancel.resume(call.who)
    zone, until = subscription.time_zone, subscription.paid_until
    if subscription.state is SubscriptionState.TRIALING and subscription.trial_ends_at is not None:
        return Done(message=f"The trial runs on until {local_date(subscription.trial_ends_at, zone)}.")
    return Done(
        message=f"The subscription runs on. It is due again on {local_date(until, zone)}." if until else "It runs on."
    )


async def trial(call: Call[StartTrial]) -> MySubscription:
    """`POST /api/subscription/trial/`."""
    await call.uses.start_trial.start(call.who, call.body.selection(), currency=call.body.currency)
    return MySubscription.of(await call.uses.views.subscription(call.who))


async def register(call: Call[RegisterTenant]) -> Registered:
    """`POST /api/register-with-payment/`."""
    order = await call.uses.register.register(
        call.body.applicant(),
        call.body.selection(),
        currency=call.body.currency,
        payload=call.body.opaque(),
        key=call.key,
    )
    return Registered.of(order)


async def registration_payload(call: Call[Nothing]) -> RegistrationPayload:
    """`GET /api/registrations/<order_id>/`."""
    order_id = call.request.match_info["order_id"]
    return RegistrationPayload.of(order_id, await call.uses.register.payload(order_id))


async def events(call: Call[Nothing]) -> Events:
    """`GET /api/events/?after=<event id>&wait=<seconds>`."""
    wait = whole_number(call.request.query.get("wait", "0"), "wait", 999)
    found = await call.uses.views.events(
        call.who, call.request.query.get("after"), timedelta(seconds=wait), lambda: call.is_gone
    )
    return Events.of(found)
