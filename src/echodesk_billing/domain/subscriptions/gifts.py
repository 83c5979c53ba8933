"""Days that an operator gives: the paid time ends later, and nothing is charged for them."""

from __future__ import annotations

from datetime import datetime

from echodesk_billing.domain.errors import InvalidSelection, NoActiveSubscription
from echodesk_billing.domain.events import DaysGiven, Event, SubscriptionActivated
from echodesk_billing.domain.subscriptions import proration
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.passing import on_time
from echodesk_billing.domain.subscriptions.subscription import Subscription

_S = SubscriptionState
MOST_DAYS = 366


def give_days(subscription: Subscription, days: int, reason: str, by: str, at: datetime) -> list[Event]:
    """Give days of access after the paid time, or from now where that has passed.

    Further periods are counted from the new end. What was owed is owed no more: the days take the place of the unpaid
    period. A subscription that is suspended or paused comes back; one that was cancelled or has ended has access, and
    still does not renew.

    Args:
        days: from 1 to `MOST_DAYS`.
        reason: for the record.
        by: who gives them.

    Raises:
        NoActiveSubscription: it has never been paid or tried.
        InvalidSelection: the number of days is not possible, or the reason is empty.

    Source: docs/subscriptions.md, "Days that you give".
    """
    if not 1 <= days <= MOST_DAYS:
        raise InvalidSelection("days", f"{days} days cannot be given: give from 1 to {MOST_DAYS}")
    if not reason.strip():
        raise InvalidSelection("reason", "Say why the days are given")
    events = on_time(subscription, at)
    if not subscription.term.has_begun or subscription.state is _S.INCOMPLETE:
        raise NoActiveSubscription
    had_access = subscription.has_access(at)
    begins = max(subscription.term.end, at)
    until = subscription.term.days_after(begins, days)
    if not subscription.has_never_paid:
        plan, last = subscription.plan_in_force(at), subscription.next_period - 1
        gift = proration.given(last, begins, until, plan.price, subscription.time_zone, plan.interval)
        subscription.paid = (*subscription.paid_time(at), gift)
    _extend(subscription, until)
    subscription.owe_nothing()
    given = DaysGiven(tenant_id=subscription.tenant_id, at=at, by=by, days=days, reason=reason, paid_until=until)
    back = SubscriptionActivated(tenant_id=subscription.tenant_id, at=at, order_id="", paid_until=until, is_back=True)
    return [*events, given, *([] if had_access else [back])]


def _extend(subscription: Subscription, until: datetime) -> None:
    """Let the paid time, or the trial, end at `until`."""
    is_trial = subscription.has_never_paid
    subscription.term = subscription.term.anchored(until)
    subscription.hold(subscription.plans)
    if is_trial:
        subscription.trial_ends_at = until
