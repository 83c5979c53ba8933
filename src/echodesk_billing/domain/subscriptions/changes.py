"""Scheduled changes of plan: scheduling and cancelling them.

Source: docs/subscriptions.md, "Changing the plan".
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from echodesk_billing.domain.catalogue import pricing
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.catalogue.pricing import Plan, Selection
from echodesk_billing.domain.errors import ChangeRefused, NothingScheduled
from echodesk_billing.domain.events import Event, SubscriptionChangeScheduled
from echodesk_billing.domain.subscriptions.plans import PlanChange
from echodesk_billing.domain.subscriptions.purchase import Preview
from echodesk_billing.domain.subscriptions.subscription import Subscription

FARTHEST_CHANGE = timedelta(days=366)


def schedule(
    subscription: Subscription,
    plan: Plan,
    at: datetime,
    effective: date | None = None,
    catalogue: Catalogue | None = None,
) -> list[Event]:
    """Schedule `plan` for the next unpaid period, or for the first one that begins on `effective` or later.

    It replaces changes scheduled for the same time or later. Scheduling the current plan cancels them. Where
    the current period is unpaid, a cheaper plan takes effect at once, a more expensive one once it is paid.

    Args:
        catalogue: today's prices, on which the plans are compared.

    Raises:
        NoActiveSubscription: it is not active.
        ChangeRefused: the plan is priced in another currency, or the day is too far away.
    """
    subscription.require_running()
    if effective is not None and effective > subscription.term.local_date(at) + FARTHEST_CHANGE:
        raise ChangeRefused(f"{effective} is too far off: a change holds within {FARTHEST_CHANGE.days} days")
    number = effective_period(subscription, at, effective)
    before = subscription.plan_of(number)
    if before.price.currency is not plan.price.currency:
        raise ChangeRefused(f"The subscription runs in {before.price.currency}: a change keeps the currency")
    events = subscription.drop_changes(number, f"{plan.name} was chosen instead", at, unless=plan)
    before = subscription.plan_of(number)
    if before == plan:
        return events
    is_more = pricing.is_more(plan, before, catalogue)
    subscription.hold(subscription.plans.schedule(PlanChange(period=number, plan=plan, is_more=is_more)))
    if begun := subscription.begin_changes(at):
        return [*events, *begun]
    starts = max(at, subscription.term.period(number).start)
    return [*events, change_scheduled(subscription, plan, starts, at)]


def drop_schedule(subscription: Subscription, at: datetime) -> list[Event]:
    """Cancel scheduled changes, except paid ones.

    Raises:
        NothingScheduled: no change is scheduled.
    """
    events = subscription.drop_changes(subscription.next_period, "it was taken back", at)
    if not events:
        raise NothingScheduled
    return events


def planned(subscription: Subscription) -> Selection | None:
    """The current or last requested plan, to which single features and seats are added."""
    latest = subscription.plans.latest
    return latest.selection if latest and subscription.is_running else None


def effective_period(subscription: Subscription, at: datetime, effective: date | None) -> int:
    """The first unpaid period that begins on `effective` or later."""
    term = subscription.term
    number = max(term.next_period, subscription.first_unpaid(at))
    while effective is not None and term.local_date(term.period(number).start) < effective:
        number += 1
    return number


def would_replace(
    subscription: Subscription, plan: Plan, at: datetime, effective: date | None
) -> tuple[tuple[Plan, datetime], ...]:
    """The scheduled changes that `plan` would replace, each with its effective time."""
    subscription.require_running()
    number = effective_period(subscription, at, effective)
    return tuple(one for one in subscription.scheduled_from(number) if one[0] != plan)


def scheduled(subscription: Subscription, plan: Plan, now: datetime) -> Preview:
    """The result of scheduling `plan`."""
    term = subscription.term
    starts = [term.period(one.period).start for one in subscription.changes if one.plan == plan]
    return Preview(
        plan=plan,
        is_immediate=False,
        effective_at=max(starts[-1], now) if starts else now,
        extra_days=0,
        paid_until=term.end,
    )


def change_scheduled(
    subscription: Subscription, plan: Plan, starts: datetime, at: datetime
) -> SubscriptionChangeScheduled:
    """The event that `plan` is scheduled for `starts`."""
    return SubscriptionChangeScheduled(
        tenant_id=subscription.tenant_id, at=at, plan_name=plan.name, price=plan.price, effective_at=starts
    )
