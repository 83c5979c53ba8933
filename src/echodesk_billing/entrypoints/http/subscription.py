"""The tenant's subscription: status, cancel, resume, trial."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from echodesk_billing.application.views import SubscriptionView
from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.catalogue.limits import UNLIMITED
from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Choice, Done, Nothing
from echodesk_billing.entrypoints.http.messages import say
from echodesk_billing.ports.access import Scope

NEAR_LIMIT_PERCENT = 80


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
    """A plan; `id` is null for a set of features, whose names are the name."""

    id: int | None
    name: str
    display_name: str
    pricing_model: str

    @classmethod
    def of(cls, plan: Plan, catalogue: Catalogue | None = None, language: str = "en") -> MyPackage:
        """From a plan; its names are today's where a package is still on sale."""
        sold = catalogue.packages if catalogue else ()
        package = next((one for one in sold if one.id == plan.selection.package_id), None)
        return cls(
            id=plan.selection.package_id,
            name=package.name if package else plan.name,
            display_name=package.words(language).name if package else plan.name,
            pricing_model=plan.pricing_model,
        )


class ScheduledChange(Struct, frozen=True, kw_only=True):
    """The plan of a later period."""

    package: MyPackage
    agent_count: int
    monthly_cost: Decimal
    effective_date: datetime


class MyPeriod(Struct, frozen=True, kw_only=True):
    """Start, end and price. `monthly_cost` is the price of `interval` months, divided by them."""

    is_active: bool
    state: SubscriptionState
    subscription_type: Literal["paid", "trial"]
    starts_at: datetime
    expires_at: datetime
    next_billing_date: datetime | None
    monthly_cost: Decimal
    interval: int
    interval_cost: Decimal
    currency: str
    agent_count: int
    cancel_at_period_end: bool
    is_trial: bool = False
    trial_ends_at: datetime | None = None
    access_until: datetime | None = None
    scheduled_change: ScheduledChange | None = None
    is_complimentary: bool = False
    complimentary_until: datetime | None = None
    paused_from: datetime | None = None
    resumes_at: datetime | None = None


class SelectedFeature(Struct, frozen=True, kw_only=True):
    """A feature of the plan; its price is that agreed, per month and agent; 0 where a package includes it."""

    id: int
    key: str
    name: str
    price_per_user_gel: Decimal


class MyLimits(Struct, frozen=True, kw_only=True):
    """The included limits: null users and -1 messages or gigabytes are unlimited."""

    max_users: int | None = None
    max_whatsapp_messages: int = 0
    max_storage_gb: int = 0


class MyUsage(Struct, frozen=True, kw_only=True):
    """The usage reported by the CRM."""

    current_users: int = 0
    whatsapp_messages_used: int = 0
    storage_used_gb: int | float = 0


class UsageLimit(Struct, frozen=True, kw_only=True):
    """Usage of one limit; `limit` is null where it is unlimited. `percent_used` repeats `usage_percentage`."""

    within_limit: bool
    current: int | float
    limit: int | None
    usage_percentage: float
    percent_used: float
    is_exceeded: bool
    is_near_limit: bool

    @classmethod
    def of(cls, current: float, limit: int | None) -> UsageLimit:
        """From usage and limits."""
        if limit == UNLIMITED:
            limit = None
        percentage = round(100 * current / limit, 1) if limit else 0.0
        is_within = limit is None or current <= limit
        return cls(
            within_limit=is_within,
            current=current,
            limit=limit,
            usage_percentage=percentage,
            percent_used=percentage,
            is_exceeded=not is_within,
            is_near_limit=is_within and percentage >= NEAR_LIMIT_PERCENT,
        )


class UsageLimits(Struct, frozen=True, kw_only=True):
    """Usage of each limit."""

    users: UsageLimit
    whatsapp: UsageLimit
    storage: UsageLimit


class MySubscription(Struct, frozen=True, kw_only=True):
    """The tenant's subscription, also one that has ended; `has_subscription` is false only before the first one.

    `features` are those that may be used now, `selected_features` those of the plan. `package` is null for a set of
    features.
    """

    has_subscription: bool
    package: MyPackage | None
    subscription: MyPeriod | None
    features: dict[str, bool]
    selected_features: list[SelectedFeature]
    agent_count: int
    current_users: int
    limits: MyLimits
    usage: MyUsage
    usage_limits: UsageLimits

    @classmethod
    def of(cls, view: SubscriptionView, language: str = "en") -> MySubscription:
        """From a subscription at one moment."""
        running, plan = view.subscription, view.last_plan
        has_access = running is not None and running.has_access(view.now)
        limits = _limits(plan)
        is_package = plan is not None and plan.selection.package_id is not None
        return cls(
            has_subscription=plan is not None,
            package=MyPackage.of(plan, view.catalogue, language) if plan and is_package else None,
            subscription=_period(running, plan, view) if running and plan else None,
            features=_features(view.catalogue, plan.features if plan and has_access else ()),
            selected_features=_selected(plan, view.catalogue, language),
            agent_count=plan.selection.seats if plan else 0,
            current_users=view.usage.users,
            limits=limits,
            usage=MyUsage(
                current_users=view.usage.users,
                whatsapp_messages_used=view.usage.whatsapp_messages,
                storage_used_gb=view.usage.storage_gb,
            ),
            usage_limits=UsageLimits(
                users=UsageLimit.of(view.usage.users, limits.max_users),
                whatsapp=UsageLimit.of(view.usage.whatsapp_messages, limits.max_whatsapp_messages),
                storage=UsageLimit.of(view.usage.storage_gb, limits.max_storage_gb),
            ),
        )


def _limits(plan: Plan | None) -> MyLimits:
    if plan is None:
        return MyLimits(max_users=0)
    limits = plan.limits
    return MyLimits(
        max_users=limits.max_users or None,
        max_whatsapp_messages=limits.max_whatsapp_messages,
        max_storage_gb=limits.max_storage_gb,
    )


def _scheduled(subscription: Subscription, view: SubscriptionView) -> ScheduledChange | None:
    change = subscription.next_change if subscription.is_running else None
    if change is None:
        return None
    effective_at, plan = change
    return ScheduledChange(
        package=MyPackage.of(plan, view.catalogue),
        agent_count=plan.selection.seats,
        monthly_cost=plan.monthly_price.amount,
        effective_date=effective_at,
    )


def _period(subscription: Subscription, plan: Plan, view: SubscriptionView) -> MyPeriod | None:
    anchor, until = subscription.anchor, subscription.paid_until
    if anchor is None or until is None:
        return None
    upcoming = subscription.upcoming
    in_trial = subscription.state is SubscriptionState.TRIALING
    is_free, free = subscription.is_free(view.now), subscription.complimentary
    nothing = Money.zero(plan.price.currency)
    return MyPeriod(
        is_active=subscription.has_access(view.now),
        state=subscription.state,
        subscription_type="trial" if in_trial or subscription.has_never_paid else "paid",
        starts_at=subscription.started_at or anchor,
        expires_at=until,
        next_billing_date=upcoming.start if upcoming else None,
        monthly_cost=(nothing if is_free else plan.monthly_price).amount,
        interval=plan.interval,
        interval_cost=(nothing if is_free else plan.price).amount,
        currency=plan.price.currency,
        agent_count=plan.selection.seats,
        cancel_at_period_end=subscription.state is SubscriptionState.CANCELLED,
        is_trial=in_trial,
        trial_ends_at=subscription.trial_ends_at,
        access_until=subscription.access_until,
        scheduled_change=_scheduled(subscription, view),
        is_complimentary=is_free,
        complimentary_until=free.until if free and is_free else None,
        paused_from=subscription.term.end if subscription.pause else None,
        resumes_at=subscription.pause.until if subscription.pause else None,
    )


def _features(catalogue: Catalogue, owned: tuple[str, ...]) -> dict[str, bool]:
    known = {feature.key: False for feature in catalogue.features}
    return {**known, **dict.fromkeys(owned, True)}


def _selected(plan: Plan | None, catalogue: Catalogue, language: str) -> list[SelectedFeature]:
    sold = {feature.key: feature for feature in catalogue.features}
    selected = []
    for key in plan.features if plan else ():
        item, feature = plan.item(key) if plan else None, sold.get(key)
        if item is None and feature is None:
            continue  # a package includes it, and it is no longer sold by itself
        selected.append(
            SelectedFeature(
                id=item.id if item else feature.id if feature else 0,
                key=key,
                name=feature.words(language).name if feature else item.name if item else key,
                price_per_user_gel=item.unit_price.part(plan.interval).amount if item and plan else Decimal("0.00"),
            )
        )
    return selected


async def me(call: Call[Nothing]) -> MySubscription:
    """`GET /api/subscription/me/`."""
    return MySubscription.of(await call.uses.views.subscription(call.who), call.language)


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
    return MySubscription.of(await call.uses.views.subscription(call.who), call.language)


ROUTES = (
    Route(
        method="POST",
        path="/api/payments/cancel/",
        handler=cancel,
        operation="cancelSubscription",
        summary="Cancel the subscription, by default at the end of the paid period",
        takes=CancelSubscription,
        gives=SubscriptionCancelled,
        scope=Scope.WRITE,
    ),
    Route(
        method="GET",
        path="/api/subscription/me/",
        handler=me,
        operation="getSubscriptionMe",
        summary="The tenant's subscription",
        gives=MySubscription,
        scope=Scope.READ,
    ),
    Route(
        method="POST",
        path="/api/subscription/resume/",
        handler=resume,
        operation="resumeSubscription",
        summary="Undo a cancellation",
        gives=Done,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path="/api/subscription/trial/",
        handler=trial,
        operation="startTrial",
        summary="Start a free trial, once per tenant",
        takes=StartTrial,
        gives=MySubscription,
        scope=Scope.WRITE,
    ),
)
