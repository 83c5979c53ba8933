"""The passing of time: changes begin, reminders are due, trials, paid time and grace end.

Source: docs/subscriptions.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from echodesk_billing.domain.events import Event, ReminderDue, RenewalUpcoming, SubscriptionEnded
from echodesk_billing.domain.subscriptions import complimenting, lifecycle, pausing
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy, reminder
from echodesk_billing.domain.subscriptions.subscription import Subscription

_S = SubscriptionState
LONGEST_CHARGE = timedelta(days=1)
"""How long after the end of access an unanswered charge keeps a subscription from being suspended."""


def on_time(
    subscription: Subscription, now: datetime, policy: RenewalPolicy | None = None, *, chargeable: bool = False
) -> list[Event]:
    """Apply what became due with time: plans change, trials and cancelled time end, the grace ends.

    Args:
        policy: for reminders; none are emitted without it.
        chargeable: whether the saved card may be charged for the next period.
    """
    events = [*pausing.on_time(subscription, now), *subscription.begin_changes(now)]
    events += complimenting.on_time(subscription, now)
    if policy is not None:
        events += _remind(subscription, now, policy, chargeable=chargeable)
    over = subscription.term.has_begun and now >= subscription.term.end
    if subscription.state is _S.CANCELLED and over:
        lifecycle.fire(subscription, "end")
        events.append(SubscriptionEnded(tenant_id=subscription.tenant_id, at=now))
        subscription.complimentary = None
    elif subscription.state is _S.TRIALING and over:
        if chargeable:
            lifecycle.fire(subscription, "activate")
        else:
            events += subscription.suspend(now)
    elif subscription.state in (_S.ACTIVE, _S.PAST_DUE) and over and not subscription.has_access(now):
        events += _lose_access(subscription, now, chargeable=chargeable)
    elif (
        subscription.state is _S.ACTIVE and over and subscription.dunning.asked_period == subscription.first_unpaid(now)
    ):
        events += subscription.fall_due(None, now)
    return events


def _remind(subscription: Subscription, now: datetime, policy: RenewalPolicy, *, chargeable: bool) -> list[Event]:
    since, subscription.tended_at = subscription.tended_at, now
    if subscription.pause is not None or subscription.is_free_for_good:
        return []
    until, what = subscription.term.end, "trial" if subscription.state is _S.TRIALING else "period"
    moments = policy.reminders_before(until)
    if subscription.state is _S.PAST_DUE:
        until, what = subscription.grace_until(), "access"
        moments = policy.unpaid_reminders_before(until)
    elif subscription.state not in (_S.ACTIVE, _S.TRIALING):
        return []
    elif chargeable:
        return _announce_charge(subscription, now, policy, since)
    days = reminder(moments, until, since, now)
    if days is None:
        return []
    return [ReminderDue(tenant_id=subscription.tenant_id, at=now, what=what, days=days, expires_at=until)]


def _announce_charge(
    subscription: Subscription, now: datetime, policy: RenewalPolicy, since: datetime | None
) -> list[Event]:
    """Announce the charge of the saved card, once a period: with the last reminder before it."""
    until = subscription.term.end
    days = reminder(policy.reminders_before(until)[:1], until, since, now)
    if days is None:
        return []
    price = subscription.plan_of(subscription.first_unpaid(now)).price
    when = max(policy.begins(until, chargeable=True), now)
    return [RenewalUpcoming(tenant_id=subscription.tenant_id, at=now, amount=price, charged_at=when, days=days)]


def _lose_access(subscription: Subscription, now: datetime, *, chargeable: bool) -> list[Event]:
    """Suspend it, unless a charge of the period is pending or planned."""
    dunning, until = subscription.dunning, subscription.grace_until()
    in_time = dunning.retry_at is not None and dunning.retry_at <= until
    is_charging = dunning.charged_period == subscription.first_unpaid(now)
    is_answered = now >= until + LONGEST_CHARGE if is_charging else True
    never_tried = subscription.state is _S.ACTIVE and chargeable and not is_charging
    if in_time or never_tried or not is_answered:
        return []
    return [*(subscription.fall_due(None, now) if subscription.state is _S.ACTIVE else []), *subscription.suspend(now)]
