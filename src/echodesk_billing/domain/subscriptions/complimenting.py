"""Complimentary plans: nothing is charged until a day, or for good.

Source: docs/subscriptions.md, "Complimentary plans".
"""

from __future__ import annotations

from datetime import date, datetime

from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.errors import ChangeRefused, InvalidSelection, NoActiveSubscription
from echodesk_billing.domain.events import Event, PlanMadeComplimentary, SubscriptionActivated, SubscriptionRenewed
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.subscriptions import lifecycle
from echodesk_billing.domain.subscriptions.dunning import Dunning
from echodesk_billing.domain.subscriptions.free_time import Complimentary, chosen_day
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.proration import PaidPeriod
from echodesk_billing.domain.subscriptions.subscription import Subscription

_S = SubscriptionState
LONGEST_DAYS = 3660


def make_complimentary(
    subscription: Subscription, plan: Plan | None, until: date | None, reason: str, by: str, at: datetime
) -> list[Event]:
    """Charge nothing after the paid time: until a day, from which the next period is charged, or for good.

    What was owed is owed no more, and a suspended subscription comes back. One that was cancelled or has ended has
    access until the day and still does not renew; for good, it runs again.

    Args:
        plan: of a tenant that has none; None for the tenant's own.
        until: None for good.
        reason: for the record.
        by: who decides.

    Raises:
        NoActiveSubscription: the tenant has no plan, and none is given.
        ChangeRefused: a plan is given, and the tenant has one.
        InvalidSelection: the day is not after the paid time, or the reason is empty.
    """
    if not reason.strip():
        raise InvalidSelection("reason", "Say why the plan is complimentary")
    is_new = subscription.state in (_S.INCOMPLETE, _S.ENDED)
    if plan is not None and not is_new:
        raise ChangeRefused("The tenant has a plan: it is made complimentary without naming another")
    if plan is None and subscription.plan is None:
        raise NoActiveSubscription
    had_access, before = subscription.has_access(at), subscription.complimentary
    if before is not None and before.holds_at(at) and _day(subscription, before.until) == until and plan is None:
        return []  # it is already
    begins = max(subscription.term.end, at) if subscription.term.has_begun else at
    ends = None if until is None else _end(subscription, begins, until)
    subscription.complimentary = Complimentary(until=ends)
    _bring_back(subscription, for_good=ends is None)
    if plan is not None:
        subscription.term = subscription.term.anchored(begins)
        subscription.start_plan(plan, at)
    if ends is not None and ends > begins:
        subscription.paid = (*subscription.paid_time(at), _free(subscription, begins, ends))
        subscription.term = subscription.term.anchored(ends, max(subscription.next_period, 1))
        subscription.hold(subscription.plans)
    elif ends is None and at >= begins:
        subscription.term = subscription.term.anchored(begins)
        subscription.hold(subscription.plans)
        _give_period(subscription, at)
    until_when = subscription.term.end
    made = PlanMadeComplimentary(tenant_id=subscription.tenant_id, at=at, by=by, until=ends, reason=reason)
    back = SubscriptionActivated(
        tenant_id=subscription.tenant_id, at=at, order_id="", paid_until=until_when, is_back=True
    )
    return [made, *([] if had_access else [back])]


def on_time(subscription: Subscription, now: datetime) -> list[Event]:
    """Give the next period of a plan that is complimentary for good; a more expensive plan ends that."""
    if not subscription.is_free_for_good or subscription.state is not _S.ACTIVE or now < subscription.term.end:
        return []
    number = subscription.term.number_at(now)
    if any(change.is_more and change.period <= number for change in subscription.changes):
        subscription.complimentary = None
        return []
    _give_period(subscription, now)
    until, begun = subscription.term.end, subscription.begin_changes(now)
    return [
        *begun,
        SubscriptionRenewed(tenant_id=subscription.tenant_id, at=now, order_id="", paid_until=until),
    ]


def _give_period(subscription: Subscription, now: datetime) -> None:
    number = subscription.term.number_at(now)
    earlier = subscription.paid_time(now)
    subscription.term = subscription.term.paid_through(number)
    period = subscription.term.period(number)
    subscription.paid = (*earlier, _free(subscription, period.start, period.end))
    subscription.dunning, subscription.tended_at = Dunning(), now


def _free(subscription: Subscription, begins: datetime, ends: datetime) -> PaidPeriod:
    """Complimentary time has no value."""
    currency = subscription.plan_of(subscription.next_period).price.currency
    return PaidPeriod(period=subscription.next_period - 1, amount=Money.zero(currency), begins=begins, ends=ends)


def _day(subscription: Subscription, moment: datetime | None) -> date | None:
    return None if moment is None else subscription.term.local_date(moment)


def _end(subscription: Subscription, begins: datetime, until: date) -> datetime:
    is_given = subscription.is_free_for_good and until <= subscription.term.local_date(begins)
    return begins if is_given else chosen_day(subscription.term, begins, until, LONGEST_DAYS)  # what was given stays


def _bring_back(subscription: Subscription, *, for_good: bool) -> None:
    state = subscription.state
    if state in (_S.INCOMPLETE, _S.TRIALING) or (for_good and state is _S.ENDED):
        lifecycle.fire(subscription, "activate")
    elif for_good and state is _S.CANCELLED:
        lifecycle.fire(subscription, "resume")
    subscription.owe_nothing()
    subscription.pause = None
