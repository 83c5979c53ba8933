"""Renewing a subscription: the owed period, charges in progress or declined, the next due time.

Source: docs/subscriptions.md, docs/retries.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from echodesk_billing.domain.events import Event
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.response_codes import RetryAdvice
from echodesk_billing.domain.subscriptions.dunning import Dunning
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.passing import on_time
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.purchase import Purchase
from echodesk_billing.domain.subscriptions.subscription import Subscription

_S = SubscriptionState
LOOK_AGAIN_AFTER = timedelta(hours=1)


def owed_purchase(
    subscription: Subscription, now: datetime, policy: RenewalPolicy, *, chargeable: bool = True
) -> Purchase | None:
    """The period to charge now, or to ask the customer for; None where nothing is due.

    Its purpose is `RENEWAL` where the card may be tried, `MANUAL` where the customer has to pay.

    Args:
        chargeable: whether the saved card may be charged for it; where not, the customer is asked earlier.
    """
    if subscription.state not in (_S.ACTIVE, _S.PAST_DUE) or subscription.pause or subscription.is_free_for_good:
        return None
    period = subscription.first_unpaid(now)
    if subscription.dunning.is_waiting_for(period):
        return None
    plan, begins = subscription.plan_of(period), subscription.dunning.retry_at
    if subscription.state is _S.ACTIVE:
        begins = policy.begins(subscription.term.period(period).start, chargeable=chargeable)
    if begins is None:
        return Purchase(purpose=Purpose.MANUAL, plan=plan, period=period)
    return Purchase(purpose=Purpose.RENEWAL, plan=plan, period=period) if now >= begins else None


def start_charge(subscription: Subscription, period: int) -> None:
    """An automatic charge of the period has started."""
    subscription.dunning = subscription.dunning.charging(period)


def ask_customer(subscription: Subscription, period: int, now: datetime) -> list[Event]:
    """The customer was asked to pay the period; a period that began unpaid makes the subscription past due."""
    subscription.dunning = subscription.dunning.asked(period)
    has_begun = now >= subscription.term.end
    return subscription.fall_due(None, now) if subscription.state is _S.ACTIVE and has_begun else []


def take_decline(
    subscription: Subscription, order: Order, code: str | None, advice: RetryAdvice, policy: RenewalPolicy, at: datetime
) -> list[Event]:
    """Apply the decline of an automatic charge: plan a retry, or ask the customer.

    Declined attempts of a present customer change nothing: the customer is on the payment page.
    """
    stale = order.period is None or order.period < subscription.next_period
    if order.purpose is not Purpose.RENEWAL or stale or subscription.state not in (_S.ACTIVE, _S.PAST_DUE):
        return []
    if subscription.pause is not None:  # it is not tried again: the pause begins, or will
        subscription.dunning = Dunning()
        return on_time(subscription, at)
    subscription.dunning = subscription.dunning.declined(policy, advice, at)
    events = subscription.fall_due(code, at) if subscription.state is _S.ACTIVE else []
    if advice.allows_retry and subscription.dunning.retry_at is None and at >= subscription.term.end:
        events += subscription.suspend(at)
    return events


def plan_next(subscription: Subscription, now: datetime, policy: RenewalPolicy) -> None:
    """Set the next due time."""
    subscription.due_at = _next_due(subscription, now, policy)


def _next_due(subscription: Subscription, now: datetime, policy: RenewalPolicy) -> datetime | None:
    if not subscription.term.has_begun or subscription.state in (_S.INCOMPLETE, _S.SUSPENDED, _S.ENDED):
        return None
    if subscription.state is _S.PAUSED:
        return subscription.pause.until if subscription.pause else None
    if owed_purchase(subscription, now, policy) is not None:
        return now
    until, retry_at = subscription.term.end, subscription.dunning.retry_at
    moments = [until, subscription.grace_until(), *(moment for moment, _ in policy.reminders_before(until))]
    moments += [subscription.term.period(change.period).start for change in subscription.changes]
    if subscription.state is _S.ACTIVE:
        moments += [policy.begins(until, chargeable=chargeable) for chargeable in (True, False)]
    if subscription.state is _S.PAST_DUE:
        moments += [moment for moment, _ in policy.unpaid_reminders_before(subscription.grace_until())]
    moments += [retry_at] if retry_at else []
    done_until = subscription.tended_at or now
    return min((moment for moment in moments if moment > done_until), default=max(now, done_until) + LOOK_AGAIN_AFTER)
