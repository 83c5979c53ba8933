"""What a payment buys, and until when."""

from datetime import UTC, datetime, timedelta

import pytest

from echodesk_billing import (
    IllegalTransition,
    NoActiveSubscription,
    OrderMismatch,
    SubscriptionActivated,
    SubscriptionCancelled,
    SubscriptionEnded,
    SubscriptionRenewed,
    SubscriptionResumed,
)
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.domain.subscriptions import changes
from echodesk_billing.domain.subscriptions.cancellation import cancel, resume
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.passing import on_time
from echodesk_billing.domain.subscriptions.payments import take_payment
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term
from tests.builders import NOW, a_plan, an_order, paid, report, running

FEBRUARY = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
MARCH = datetime(2026, 3, 31, 9, 30, tzinfo=UTC)


def new() -> Subscription:
    return Subscription(tenant_id="acme", term=Term(time_zone="Asia/Tbilisi"))


def test_the_first_payment_activates_and_sets_the_anchor() -> None:
    subscription = new()
    assert not subscription.has_access(NOW)
    events = take_payment(subscription, an_order(), NOW)
    assert [type(event) for event in events] == [SubscriptionActivated]
    assert subscription.state is SubscriptionState.ACTIVE
    assert (subscription.anchor, subscription.paid_until) == (NOW, FEBRUARY)


def test_access_outlives_the_paid_period_by_the_grace() -> None:
    subscription = running()
    assert subscription.has_access(NOW)
    assert subscription.is_paid(FEBRUARY - timedelta(seconds=1))
    assert not subscription.is_paid(FEBRUARY)
    assert subscription.has_access(FEBRUARY + timedelta(days=7, seconds=-1))
    assert not subscription.has_access(FEBRUARY + timedelta(days=7))


def test_paying_ahead_adds_a_period_counted_from_the_anchor() -> None:
    subscription = running()
    middle = NOW + timedelta(days=10)
    assert subscription.first_unpaid(middle) == 1
    events = take_payment(subscription, an_order(order_id="SUB-000000000001", period=1), middle)
    assert [type(event) for event in events] == [SubscriptionRenewed]
    assert subscription.paid_until == MARCH


def test_a_period_paid_twice_buys_nothing_and_is_reported() -> None:
    subscription = running()
    twin = an_order(order_id="SUB-000000000001", period=0)
    twin.observe(report(BankStatus.COMPLETED, external_order_id=twin.id), NOW)
    events = take_payment(subscription, twin, NOW)
    assert [type(event) for event in events] == [OrderMismatch]
    assert [one.amount for one in twin.pending_refunds] == [twin.amount]
    assert twin.check_at == NOW
    assert subscription.paid_until == FEBRUARY


def test_after_a_gap_longer_than_the_grace_a_payment_starts_a_new_anchor() -> None:
    subscription = running()
    may = datetime(2026, 5, 10, tzinfo=UTC)
    period = subscription.first_unpaid(may)
    take_payment(subscription, an_order(period=period), may)
    assert subscription.anchor == may
    assert subscription.paid_until == datetime(2026, 6, 10, tzinfo=UTC)


def test_within_the_grace_the_running_period_is_paid_and_the_anchor_stays() -> None:
    subscription = running()
    late = FEBRUARY + timedelta(days=6)
    take_payment(subscription, an_order(period=subscription.first_unpaid(late)), late)
    assert (subscription.anchor, subscription.paid_until) == (NOW, datetime(2026, 3, 31, 9, 30, tzinfo=UTC))


def test_cancelled_keeps_access_until_the_paid_period_ends() -> None:
    subscription = running()
    events = cancel(subscription, NOW, immediately=False)
    assert [event.access_until for event in events if isinstance(event, SubscriptionCancelled)] == [FEBRUARY]
    assert subscription.has_access(FEBRUARY - timedelta(seconds=1))
    assert subscription.upcoming is None
    assert cancel(subscription, NOW, immediately=False) == []


def test_cancelled_at_once_has_no_access() -> None:
    subscription = running()
    events = cancel(subscription, NOW, immediately=True)
    assert [type(event) for event in events] == [SubscriptionCancelled, SubscriptionEnded]
    assert not subscription.has_access(NOW)


def test_there_is_nothing_to_cancel_before_or_after() -> None:
    ended = running()
    cancel(ended, NOW, immediately=True)
    for subscription in (new(), ended):
        with pytest.raises(NoActiveSubscription):
            cancel(subscription, FEBRUARY, immediately=False)


def test_cancelling_in_grace_ends_at_once() -> None:
    subscription = running()
    events = cancel(subscription, FEBRUARY + timedelta(days=1), immediately=False)
    assert [type(event) for event in events] == [SubscriptionCancelled, SubscriptionEnded]
    assert not subscription.has_access(FEBRUARY + timedelta(days=1))


def test_a_cancellation_can_be_undone_until_the_end() -> None:
    subscription = running()
    cancel(subscription, NOW, immediately=False)
    assert [type(event) for event in resume(subscription, FEBRUARY - timedelta(days=1))] == [SubscriptionResumed]
    assert subscription.state is SubscriptionState.ACTIVE
    cancel(subscription, NOW, immediately=False)
    with pytest.raises(NoActiveSubscription):
        resume(subscription, FEBRUARY)
    assert subscription.state is SubscriptionState.ENDED


def test_only_a_cancellation_can_be_undone() -> None:
    with pytest.raises(IllegalTransition, match="resume is not possible"):
        resume(running(), NOW)


def test_an_automatic_charge_overtaken_by_a_cancellation_is_refunded() -> None:
    for immediately in (False, True):
        subscription = running()
        charge = paid(order_id="REN-000000000001", period=1, purpose=Purpose.RENEWAL)
        cancel(subscription, NOW, immediately=immediately)
        (told,) = take_payment(subscription, charge, NOW + timedelta(minutes=1))
        assert isinstance(told, OrderMismatch)
        cancelled = "the subscription was cancelled before this charge went through"
        assert told.reason == f"{cancelled}: this payment is refunded"
        assert [one.amount for one in charge.pending_refunds] == [charge.amount]
        assert subscription.paid_until == FEBRUARY
        assert not subscription.is_running


def test_a_cancelled_subscription_ends_when_its_time_has_passed() -> None:
    subscription = running()
    cancel(subscription, NOW, immediately=False)
    assert on_time(subscription, NOW) == []
    assert [type(event) for event in on_time(subscription, FEBRUARY)] == [SubscriptionEnded]


def test_buying_after_the_end_starts_a_new_anchor_with_a_new_period_number() -> None:
    subscription = running()
    cancel(subscription, NOW, immediately=False)
    june = datetime(2026, 6, 15, 8, tzinfo=UTC)
    period = subscription.first_unpaid(june)
    events = take_payment(subscription, an_order(plan=a_plan(1, 2), period=period), june)
    assert [type(event) for event in events] == [SubscriptionEnded, SubscriptionActivated]
    assert (subscription.anchor, subscription.paid_until) == (june, datetime(2026, 7, 15, 8, tzinfo=UTC))
    assert subscription.plan == a_plan(1, 2)
    assert period == 1


def test_paying_a_cancelled_subscription_resumes_it() -> None:
    subscription = running()
    cancel(subscription, NOW, immediately=False)
    take_payment(subscription, an_order(period=1), NOW + timedelta(days=3))
    assert (subscription.state, subscription.paid_until) == (SubscriptionState.ACTIVE, MARCH)


def test_the_plan_at_a_moment_is_the_one_that_holds_in_its_period() -> None:
    subscription = new()
    assert subscription.plan_at(NOW) is None
    take_payment(subscription, an_order(), NOW)
    changes.schedule(subscription, a_plan(1, 2), NOW)
    assert subscription.plan_at(FEBRUARY - timedelta(seconds=1)) == a_plan()
    assert subscription.plan_at(FEBRUARY) == a_plan(1, 2)
    cancel(subscription, NOW, immediately=False)
    assert subscription.plan_at(NOW) == a_plan()
    on_time(subscription, FEBRUARY)
    assert subscription.plan_at(NOW) is None
