"""Pauses: they begin after the paid time, nothing is charged, and the anchor moves by them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from echodesk_billing import (
    ChangeRefused,
    IllegalTransition,
    InvalidSelection,
    NoActiveSubscription,
    SubscriptionResumed,
)
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.response_codes import RetryAdvice
from echodesk_billing.domain.subscriptions import renewals
from echodesk_billing.domain.subscriptions.cancellation import cancel, resume
from echodesk_billing.domain.subscriptions.gifts import give_days
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.offers import pays_until, renewal
from echodesk_billing.domain.subscriptions.passing import on_time
from echodesk_billing.domain.subscriptions.pausing import plan_pause
from echodesk_billing.domain.subscriptions.payments import take_payment
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, an_order, principal, running, trial
from tests.unit.conftest import World

S = SubscriptionState
POLICY = RenewalPolicy()
FEBRUARY = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def paused(until: date | None = date(2026, 4, 20), *, keeps_access: bool = False) -> Subscription:
    """One that is paid until 28 February, with a pause after that."""
    subscription = running()
    plan_pause(subscription, until, "a seasonal business", "op", NOW, keeps_access=keeps_access)
    return subscription


def passed(subscription: Subscription, now: datetime) -> list[str]:
    events = [event.name for event in on_time(subscription, now, POLICY)]
    renewals.plan_next(subscription, now, POLICY)
    return events


def test_the_paid_time_is_used_first_and_then_nothing_is_charged() -> None:
    subscription = paused()
    assert passed(subscription, FEBRUARY - DAY) == []
    assert (subscription.state, subscription.has_access(FEBRUARY - DAY)) == (S.ACTIVE, True)
    assert renewals.owed_purchase(subscription, FEBRUARY - DAY, POLICY) is None
    assert passed(subscription, FEBRUARY) == ["SubscriptionPaused"]
    assert (subscription.state, subscription.has_access(FEBRUARY)) == (S.PAUSED, False)
    assert renewals.owed_purchase(subscription, FEBRUARY + DAY, POLICY) is None
    assert subscription.upcoming is None


def test_it_ends_on_its_day_and_the_next_period_begins_then() -> None:
    subscription = paused()
    passed(subscription, FEBRUARY)
    ends = datetime(2026, 4, 20, 9, 30, tzinfo=UTC)
    assert subscription.due_at == ends
    assert passed(subscription, ends) == ["SubscriptionResumed"]
    assert (subscription.state, subscription.anchor, subscription.next_period) == (S.ACTIVE, ends, 1)
    owed = renewals.owed_purchase(subscription, ends, POLICY)
    assert owed is not None
    assert (owed.period, subscription.term.period(1).end) == (1, datetime(2026, 5, 20, 9, 30, tzinfo=UTC))


def test_a_worker_that_comes_after_the_whole_pause_finds_the_period_where_it_would_be() -> None:
    subscription = paused()
    late = datetime(2026, 4, 22, tzinfo=UTC)
    assert passed(subscription, late) == ["SubscriptionPaused", "SubscriptionResumed"]
    assert subscription.anchor == datetime(2026, 4, 20, 9, 30, tzinfo=UTC)


def test_one_without_a_day_lasts_until_it_is_resumed() -> None:
    subscription = paused(None)
    passed(subscription, FEBRUARY)
    assert subscription.due_at is None
    late = FEBRUARY + timedelta(days=200)
    assert passed(subscription, late) == []
    (resumed,) = resume(subscription, late, "the season begins")
    assert isinstance(resumed, SubscriptionResumed)
    assert resumed.reason == "the season begins"
    assert (subscription.state, subscription.anchor) == (S.ACTIVE, late)


def test_one_that_is_planned_can_be_taken_back() -> None:
    subscription = paused()
    anchor = subscription.anchor
    assert [event.name for event in resume(subscription, NOW)] == ["SubscriptionResumed"]
    assert (subscription.pause, subscription.anchor) == (None, anchor)
    with pytest.raises(IllegalTransition):
        resume(subscription, NOW)


def test_access_lasts_where_the_setting_says_so() -> None:
    subscription = paused(keeps_access=True)
    passed(subscription, FEBRUARY)
    assert subscription.access_until == datetime(2026, 4, 20, 9, 30, tzinfo=UTC)
    open_end = paused(None, keeps_access=True)
    passed(open_end, FEBRUARY)
    assert open_end.has_access(FEBRUARY + timedelta(days=3000))


def test_a_payment_ends_it_and_buys_a_full_period_from_then() -> None:
    subscription = paused()
    passed(subscription, FEBRUARY)
    back = FEBRUARY + timedelta(days=10)
    offered = renewal(subscription, back)
    until = pays_until(subscription, offered, back)
    order = an_order(order_id="MAN-000000000001", purpose=Purpose.MANUAL, period=offered.period)
    assert [event.name for event in take_payment(subscription, order, back)] == ["SubscriptionRenewed"]
    assert (subscription.state, subscription.pause) == (S.ACTIVE, None)
    assert subscription.paid_until == until == datetime(2026, 4, 10, 9, 30, tzinfo=UTC)


def test_a_period_paid_ahead_puts_it_off() -> None:
    subscription = paused()
    take_payment(subscription, an_order(order_id="MAN-000000000001", purpose=Purpose.MANUAL, period=1), NOW)
    assert passed(subscription, FEBRUARY) == []
    assert passed(subscription, datetime(2026, 3, 31, 9, 30, tzinfo=UTC)) == ["SubscriptionPaused"]


def test_one_that_was_paid_beyond_does_not_take_place() -> None:
    subscription = paused(date(2026, 3, 20))
    take_payment(subscription, an_order(order_id="MAN-000000000001", purpose=Purpose.MANUAL, period=1), NOW)
    assert passed(subscription, datetime(2026, 3, 31, 9, 30, tzinfo=UTC)) == ["SubscriptionResumed"]
    assert (subscription.state, subscription.pause) == (S.ACTIVE, None)


def test_a_charge_under_way_is_waited_for_and_its_decline_begins_the_pause() -> None:
    subscription = paused()
    renewals.start_charge(subscription, 1)
    assert passed(subscription, FEBRUARY) == []
    order = an_order(order_id="REN-000000000001", purpose=Purpose.RENEWAL, period=1)
    events = renewals.take_decline(subscription, order, "107", RetryAdvice.LATER, POLICY, FEBRUARY + DAY)
    assert [event.name for event in events] == ["SubscriptionPaused"]
    assert subscription.dunning.retry_at is None


def test_changes_that_are_scheduled_wait_for_the_period_that_they_are_for() -> None:
    subscription = paused()
    passed(subscription, FEBRUARY)
    plan = subscription.plan
    passed(subscription, FEBRUARY + timedelta(days=45))
    assert subscription.plan_at(FEBRUARY + timedelta(days=45)) == plan


def test_days_given_bring_it_back() -> None:
    subscription = paused()
    passed(subscription, FEBRUARY)
    give_days(subscription, 5, "a look", "op", FEBRUARY + DAY)
    assert (subscription.state, subscription.pause) == (S.ACTIVE, None)
    assert subscription.has_access(FEBRUARY + 2 * DAY)


def test_one_that_is_cancelled_ends() -> None:
    subscription = paused()
    passed(subscription, FEBRUARY)
    events = [event.name for event in cancel(subscription, FEBRUARY + DAY, immediately=False)]
    assert events == ["SubscriptionCancelled", "SubscriptionEnded"]
    assert subscription.pause is None


@pytest.mark.parametrize("until", [date(2026, 2, 28), date(2026, 1, 1), date(2027, 3, 2)])
def test_a_day_within_the_paid_time_or_too_far_away_is_refused(until: date) -> None:
    with pytest.raises(InvalidSelection) as refused:
        paused(until)
    assert "from 1 to 366 days after 2026-02-28" in str(refused.value)


def test_the_day_of_a_running_one_can_be_changed_but_not_to_the_past() -> None:
    subscription = paused()
    passed(subscription, FEBRUARY)
    now = datetime(2026, 3, 10, tzinfo=UTC)
    plan_pause(subscription, date(2026, 3, 15), "earlier", "op", now, keeps_access=False)
    assert subscription.pause is not None
    assert subscription.pause.until == datetime(2026, 3, 15, 9, 30, tzinfo=UTC)
    with pytest.raises(InvalidSelection, match="has passed"):
        plan_pause(subscription, date(2026, 3, 2), "earlier", "op", now, keeps_access=False)


def test_planning_the_same_again_changes_nothing() -> None:
    subscription = paused()
    assert plan_pause(subscription, date(2026, 4, 20), "again", "op", NOW, keeps_access=False) == []
    assert len(plan_pause(subscription, None, "longer", "op", NOW, keeps_access=False)) == 1


def test_only_a_paid_subscription_can_be_paused() -> None:
    owing = running()
    late = FEBRUARY + DAY
    owing.fall_due("107", late)
    for subscription in (owing, trial()):
        with pytest.raises(ChangeRefused):
            plan_pause(subscription, None, "why", "op", late, keeps_access=False)
        assert subscription.pause is None
    with pytest.raises(InvalidSelection):
        plan_pause(running(), None, " ", "op", NOW, keeps_access=False)


async def test_a_paused_tenant_is_not_charged_until_the_day(world: World) -> None:
    await world.buy_and_pay(terms=Terms(save_card=SaveCard.AUTOMATIC))
    operator = principal("op", Scope.OPERATOR)
    await world.subscription_acts.pause(operator, "acme", "a seasonal business", until=date(2026, 4, 20))
    world.clock.moment = FEBRUARY + DAY
    assert [(one.state, one.order_id) for one in await world.renewals()] == [("paused", None)]
    assert await world.renewals() == []
    world.clock.moment = datetime(2026, 4, 20, 9, 30, tzinfo=UTC)
    await world.charge_due()
    assert (await world.subscription()).paid_until == datetime(2026, 5, 20, 9, 30, tzinfo=UTC)
    with pytest.raises(NoActiveSubscription):
        await world.subscription_acts.pause(operator, "nobody", "why")
