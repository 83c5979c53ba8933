"""The tenant's subscription: status, cancel, resume, trial."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from echodesk_billing.application.views import SubscriptionView
from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Choice, Done, Nothing
from echodesk_billing.entrypoints.http.messages import say
from echodesk_billing.ports.access import Scope
from echodesk_billing.ports.usage import Usage


class CancelSubscription(Struct, frozen=True, kw_only=True):
    """When to cancel."""

    immediately: bool = False


class SubscriptionCancelled(Struct, frozen=True, kw_only=True):
    """Until when the tenant still has access."""

    status: Literal["cancelled"] = "cancelled"
    message: str
    access_until: datetime

    @classmethod
    def of(cls, subscription: Subscription, now: datetime, language: str = "en") -> SubscriptionCancelled:
        """From a subscription that was just cancelled."""
        until = subscription.paid_until
        if subscription.state is SubscriptionState.ENDED or until is None:
            return cls(message=say(language, "ended"), access_until=now)
        day = local_date(until, subscription.time_zone)
        return cls(message=say(language, "cancelled", day=day), access_until=until)


class StartTrial(Choice, frozen=True, kw_only=True):
    """The plan of the trial."""


class MyPackage(Struct, frozen=True, kw_only=True):
    """The tenant's plan; `id` is null for a set of features."""

    id: int | None
    name: str
    pricing_model: str

    @classmethod
    def of(cls, plan: Plan) -> MyPackage:
        """From a plan."""
        return cls(id=plan.selection.package_id, name=plan.name, pricing_model=plan.pricing_model)


class ScheduledChange(Struct, frozen=True, kw_only=True):
    """The plan of a later period."""

    package: MyPackage
    agent_count: int
    monthly_cost: Decimal
    effective_date: datetime


class MyPeriod(Struct, frozen=True, kw_only=True):
    """Start, end and price."""

    is_active: bool
    state: SubscriptionState
    starts_at: datetime
    expires_at: datetime
    next_billing_date: datetime | None
    monthly_cost: Decimal
    currency: str
    agent_count: int
    cancel_at_period_end: bool
    is_trial: bool = False
    trial_ends_at: datetime | None = None
    access_until: datetime | None = None
    scheduled_change: ScheduledChange | None = None


class MyLimits(Struct, frozen=True, kw_only=True):
    """The included limits."""

    max_users: int = 0
    max_whatsapp_messages: int = 0
    max_storage_gb: int = 0


class MyUsage(Struct, frozen=True, kw_only=True):
    """The usage reported by the CRM."""

    users: int = 0
    whatsapp_messages: int = 0
    storage_gb: int = 0


class UsageLimit(Struct, frozen=True, kw_only=True):
    """Usage of one limit."""

    within_limit: bool
    current: int
    limit: int
    usage_percentage: float

    @classmethod
    def of(cls, current: int, limit: int) -> UsageLimit:
        """From usage and limits."""
        percentage = round(100 * current / limit, 1) if limit else 0.0
        return cls(within_limit=current <= limit, current=current, limit=limit, usage_percentage=percentage)


class UsageLimits(Struct, frozen=True, kw_only=True):
    """Usage of each limit."""

    users: UsageLimit
    whatsapp: UsageLimit
    storage: UsageLimit


class MySubscription(Struct, frozen=True, kw_only=True):
    """The tenant's subscription; `package` and `subscription` are null where there is none."""

    has_subscription: bool
    package: MyPackage | None
    subscription: MyPeriod | None
    features: dict[str, bool]
    limits: MyLimits
    usage: MyUsage
    usage_limits: UsageLimits

    @classmethod
    def of(cls, view: SubscriptionView) -> MySubscription:
        """From a subscription at one moment."""
        running, plan = view.subscription, view.plan
        has_access = running is not None and running.has_access(view.now)
        included = plan.limits if plan else MyLimits()
        limits = MyLimits(
            max_users=included.max_users,
            max_whatsapp_messages=included.max_whatsapp_messages,
            max_storage_gb=included.max_storage_gb,
        )
        return cls(
            has_subscription=plan is not None,
            package=MyPackage.of(plan) if plan else None,
            subscription=_period(running, plan, view.now) if running and plan else None,
            features=_features(view.catalogue, plan.features if plan and has_access else ()),
            limits=limits,
            usage=_usage(view.usage),
            usage_limits=_usage_limits(view.usage, limits),
        )


def _scheduled(subscription: Subscription) -> ScheduledChange | None:
    change = subscription.next_change
    if change is None:
        return None
    effective_at, plan = change
    return ScheduledChange(
        package=MyPackage.of(plan),
        agent_count=plan.selection.seats,
        monthly_cost=plan.price.amount,
        effective_date=effective_at,
    )


def _period(subscription: Subscription, plan: Plan, now: datetime) -> MyPeriod | None:
    anchor, until = subscription.anchor, subscription.paid_until
    if anchor is None or until is None:
        return None
    upcoming = subscription.upcoming
    in_trial = subscription.state is SubscriptionState.TRIALING
    return MyPeriod(
        is_active=subscription.has_access(now),
        state=subscription.state,
        starts_at=subscription.started_at or anchor,
        expires_at=until,
        next_billing_date=upcoming.start if upcoming else None,
        monthly_cost=plan.price.amount,
        currency=plan.price.currency,
        agent_count=plan.selection.seats,
        cancel_at_period_end=subscription.state is SubscriptionState.CANCELLED,
        is_trial=in_trial,
        trial_ends_at=subscription.trial_ends_at,
        access_until=subscription.access_until,
        scheduled_change=_scheduled(subscription),
    )


def _features(catalogue: Catalogue, owned: tuple[str, ...]) -> dict[str, bool]:
    known = {feature.key: False for feature in catalogue.features}
    return {**known, **dict.fromkeys(owned, True)}


def _usage(usage: Usage) -> MyUsage:
    return MyUsage(users=usage.users, whatsapp_messages=usage.whatsapp_messages, storage_gb=usage.storage_gb)


def _usage_limits(usage: Usage, limits: MyLimits) -> UsageLimits:
    return UsageLimits(
        users=UsageLimit.of(usage.users, limits.max_users),
        whatsapp=UsageLimit.of(usage.whatsapp_messages, limits.max_whatsapp_messages),
        storage=UsageLimit.of(usage.storage_gb, limits.max_storage_gb),
    )


async def me(call: Call[Nothing]) -> MySubscription:
    """`GET /api/subscription/me/`."""
    return MySubscription.of(await call.uses.views.subscription(call.who))


async def cancel(call: Call[CancelSubscription]) -> SubscriptionCancelled:
    """`POST /api/payments/cancel/`."""
    subscription = await call.uses.cancel.cancel(call.who, immediately=call.body.immediately)
    return SubscriptionCancelled.of(subscription, await call.uses.clock.now(), call.language)


async def resume(call: Call[Nothing]) -> Done:
    """`POST /api/subscription/resume/`."""
    subscription = await call.uses.cancel.resume(call.who)
    zone, until = subscription.time_zone, subscription.paid_until
    if subscription.state is SubscriptionState.TRIALING and subscription.trial_ends_at is not None:
        day = local_date(subscription.trial_ends_at, zone)
        return Done(message=say(call.language, "trial_resumed", day=day))
    if until is None:
        return Done(message=say(call.language, "resumed"))
    return Done(message=say(call.language, "resumed_until", day=local_date(until, zone)))


async def trial(call: Call[StartTrial]) -> MySubscription:
    """`POST /api/subscription/trial/`."""
    await call.uses.start_trial.start(call.who, call.body.selection(), currency=call.body.currency)
    return MySubscription.of(await call.uses.views.subscription(call.who))


ROUTES = (
    Route(
        method="POST",
        path="/api/payments/cancel/",
        handler=cancel,
        summary="Cancel the subscription, by default at the end of the paid period",
        takes=CancelSubscription,
        gives=SubscriptionCancelled,
        scope=Scope.WRITE,
    ),
    Route(
        method="GET",
        path="/api/subscription/me/",
        handler=me,
        summary="The tenant's subscription",
        gives=MySubscription,
        scope=Scope.READ,
    ),
    Route(
        method="POST",
        path="/api/subscription/resume/",
        handler=resume,
        summary="Undo a cancellation",
        gives=Done,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path="/api/subscription/trial/",
        handler=trial,
        summary="Start a free trial, once per tenant",
        takes=StartTrial,
        gives=MySubscription,
        scope=Scope.WRITE,
    ),
)
