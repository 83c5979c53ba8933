"""What a payment buys, and until when."""

from datetime import UTC, datetime, timedelta

import pytest

from echodesk_billing import (
    NoActiveSubscription,
    OrderMismatch,
    SelectionChangeUnsupported,
    SubscriptionActivated,
    SubscriptionCancelled,
    SubscriptionEnded,
    SubscriptionRenewed,
)
from echodesk_billing.domain.lifecycle import SubscriptionState
from echodesk_billing.domain.report import BankStatus
from echodesk_billing.domain.subscription import Subscription
from tests.builders import NOW, a_plan, an_order, report

FEBRUARY = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
MARCH = datetime(2026, 3, 31, 9, 30, tzinfo=UTC)


def new() -> Subscription:
    return Subscription(tenant_id="acme", time_zone="Asia/Tbilisi")


def active() -> Subscription:
    subscription = new()
    subscription.on_payment(an_order(), NOW)
    return subscription


def test_the_first_payment_activates_and_sets_the_anchor() -> None:
    subscription = new()
    assert not subscription.has_access(NOW)
    events = subscription.on_payment(an_order(), NOW)
    assert [type(event) for event in events] == [SubscriptionActivated]
    assert subscription.state is SubscriptionState.ACTIVE
    assert (subscription.anchor, subscription.paid_until) == (NOW, FEBRUARY)


def test_access_ends_with_the_paid_period() -> None:
    subscription = active()
    assert subscription.has_access(NOW)
    assert subscription.has_access(FEBRUARY - timedelta(seconds=1))
    assert not subscription.has_access(FEBRUARY)


def test_paying_ahead_adds_a_period_counted_from_the_anchor() -> None:
    subscription = active()
    middle = NOW + timedelta(days=10)
    assert subscription.period_to_pay(a_plan(), middle) == 1
    events = subscription.on_payment(an_order(order_id="SUB-000000000001", period=1), middle)
    assert [type(event) for event in events] == [SubscriptionRenewed]
    assert subscription.paid_until == MARCH


def test_a_period_paid_twice_buys_nothing_and_is_told() -> None:
    subscription = active()
    twin = an_order(order_id="SUB-000000000001", period=0)
    twin.observe(report(BankStatus.COMPLETED, external_order_id=twin.id), NOW)
    events = subscription.on_payment(twin, NOW)
    assert [type(event) for event in events] == [OrderMismatch]
    assert [one.amount for one in twin.pending_refunds] == [twin.amount]
    assert twin.check_at == NOW
    assert subscription.paid_until == FEBRUARY


def test_another_selection_is_not_sold_while_one_runs() -> None:
    with pytest.raises(SelectionChangeUnsupported, match="Cancel first"):
        active().period_to_pay(a_plan(1, 3), NOW)


def test_after_a_gap_the_running_period_is_paid_and_the_anchor_stays() -> None:
    subscription = active()
    may = datetime(2026, 5, 10, tzinfo=UTC)
    period = subscription.period_to_pay(a_plan(), may)
    subscription.on_payment(an_order(period=period), may)
    assert subscription.anchor == NOW
    assert subscription.paid_until == datetime(2026, 5, 31, 9, 30, tzinfo=UTC)


def test_cancelled_keeps_access_until_the_paid_period_ends() -> None:
    subscription = active()
    events = subscription.cancel(NOW, immediately=False)
    assert [event.access_until for event in events if isinstance(event, SubscriptionCancelled)] == [FEBRUARY]
    assert subscription.has_access(FEBRUARY - timedelta(seconds=1))
    assert subscription.upcoming is None
    assert subscription.cancel(NOW, immediately=False) == []


def test_cancelled_at_once_has_no_access() -> None:
    subscription = active()
    events = subscription.cancel(NOW, immediately=True)
    assert [type(event) for event in events] == [SubscriptionCancelled, SubscriptionEnded]
    assert not subscription.has_access(NOW)


def test_there_is_nothing_to_cancel_before_or_after() -> None:
    for subscription in (new(), active()):
        with pytest.raises(NoActiveSubscription):
            subscription.cancel(FEBRUARY, immediately=False)


def test_a_cancelled_subscription_ends_when_its_time_has_passed() -> None:
    subscription = active()
    subscription.cancel(NOW, immediately=False)
    assert subscription.on_time(NOW) == []
    assert [type(event) for event in subscription.on_time(FEBRUARY)] == [SubscriptionEnded]


def test_buying_after_the_end_starts_a_new_anchor_with_a_new_period_number() -> None:
    subscription = active()
    subscription.cancel(NOW, immediately=False)
    june = datetime(2026, 6, 15, 8, tzinfo=UTC)
    period = subscription.period_to_pay(a_plan(1, 2), june)
    events = subscription.on_payment(an_order(plan=a_plan(1, 2), period=period), june)
    assert [type(event) for event in events] == [SubscriptionEnded, SubscriptionActivated]
    assert (subscription.anchor, subscription.paid_until) == (june, datetime(2026, 7, 15, 8, tzinfo=UTC))
    assert subscription.plan == a_plan(1, 2)
    assert period == 1


def test_paying_a_cancelled_subscription_lets_it_run_on() -> None:
    subscription = active()
    subscription.cancel(NOW, immediately=False)
    subscription.on_payment(an_order(period=1), NOW + timedelta(days=3))
    assert (subscription.state, subscription.paid_until) == (SubscriptionState.ACTIVE, MARCH)
