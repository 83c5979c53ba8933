"""What an operator may do about a subscription: days that are given, and a charge that is tried now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from attrs import evolve

from echodesk_billing import ChangeRefused, DaysGiven, GatewayTimeout, InvalidSelection, NoActiveSubscription
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.subscriptions.cancellation import cancel
from echodesk_billing.domain.subscriptions.gifts import MOST_DAYS, give_days
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.passing import on_time
from echodesk_billing.domain.subscriptions.payments import take_payment
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, a_plan, an_order, principal, running, trial
from tests.unit.conftest import World

S = SubscriptionState
FEBRUARY = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)
OPERATOR = "operator"


def given(subscription: Subscription, days: int, at: datetime) -> list[str]:
    return [event.name for event in give_days(subscription, days, "an outage", OPERATOR, at)]


def test_days_come_after_the_paid_time_and_the_next_period_after_them() -> None:
    subscription = running()
    assert given(subscription, 10, NOW) == ["DaysGiven"]
    assert subscription.paid_until == FEBRUARY + timedelta(days=10)
    assert subscription.next_period == 1
    assert subscription.term.period(1).end == datetime(2026, 4, 10, 9, 30, tzinfo=UTC)
    assert subscription.state is S.ACTIVE


def test_who_owes_a_period_owes_it_no_more_and_has_the_days_from_now() -> None:
    subscription = running()
    late = FEBRUARY + timedelta(days=3)
    on_time(subscription, late)
    subscription.fall_due("107", late)
    assert given(subscription, 5, late) == ["DaysGiven"]
    assert (subscription.state, subscription.paid_until) == (S.ACTIVE, late + timedelta(days=5))
    assert (subscription.dunning.failures, subscription.dunning.retry_at) == (0, None)


def test_a_suspended_one_comes_back() -> None:
    subscription = running()
    late = FEBRUARY + timedelta(days=30)
    subscription.fall_due(None, late)
    subscription.suspend(late)
    assert given(subscription, 5, late) == ["DaysGiven", "SubscriptionActivated"]
    assert (subscription.state, subscription.paid_until) == (S.ACTIVE, late + timedelta(days=5))


def test_a_cancelled_one_keeps_access_longer_and_does_not_renew() -> None:
    subscription = running()
    cancel(subscription, NOW, immediately=False)
    assert given(subscription, 5, NOW) == ["DaysGiven"]
    assert (subscription.state, subscription.access_until) == (S.CANCELLED, FEBRUARY + timedelta(days=5))


def test_one_that_has_ended_has_access_again_and_does_not_renew() -> None:
    subscription = running()
    cancel(subscription, NOW, immediately=True)
    assert given(subscription, 5, NOW + timedelta(days=60)) == ["DaysGiven", "SubscriptionActivated"]
    assert (subscription.state, subscription.access_until) == (S.CANCELLED, NOW + timedelta(days=65))
    assert subscription.upcoming is None


def test_a_trial_lasts_longer_and_stays_a_trial() -> None:
    subscription = trial()
    ends = subscription.term.end
    given(subscription, 5, NOW)
    assert (subscription.state, subscription.trial_ends_at) == (S.TRIALING, ends + timedelta(days=5))
    assert subscription.has_never_paid


def test_a_charge_under_way_still_pays_the_period_that_follows() -> None:
    subscription = running()
    subscription.dunning = subscription.dunning.charging(1)
    given(subscription, 5, FEBRUARY)
    assert subscription.dunning.charged_period == 1


def test_periods_of_several_months_keep_their_length() -> None:
    subscription = running()
    plan = subscription.plan_of(0)
    subscription.start_plan(evolve(plan, selection=evolve(plan.selection, interval=3)), NOW)
    end = subscription.term.end
    given(subscription, 5, NOW)
    period = subscription.term.period(1)
    assert (period.start, (period.end - period.start).days > 85) == (end + timedelta(days=5), True)


@pytest.mark.parametrize(("days", "reason"), [(0, "why"), (-1, "why"), (MOST_DAYS + 1, "why"), (5, " ")])
def test_what_cannot_be_given_changes_nothing(days: int, reason: str) -> None:
    subscription = running()
    before = evolve(subscription)
    with pytest.raises(InvalidSelection):
        give_days(subscription, days, reason, OPERATOR, NOW)
    assert subscription == before


def test_who_never_had_a_subscription_gets_no_days() -> None:
    with pytest.raises(NoActiveSubscription):
        given(Subscription(tenant_id="acme", term=Term(time_zone="Asia/Tbilisi")), 5, NOW)


OPERATORS = principal("", Scope.OPERATOR)


async def test_a_gift_is_given_once_by_its_key_and_says_who_gave_it(world: World) -> None:
    await world.buy_and_pay()
    for key in ("one", "one", "two", None, None):
        await world.subscription_acts.give_days(OPERATORS, "acme", 2, "an outage", key=key)
    assert (await world.subscription()).paid_until == FEBRUARY + timedelta(days=8)
    gifts = [event for event in await world.events() if isinstance(event, DaysGiven)]
    assert {(one.by, one.reason, one.days) for one in gifts} == {(OPERATORS.name, "an outage", 2)}
    assert len(gifts) == 4
    with pytest.raises(NoActiveSubscription):
        await world.subscription_acts.give_days(OPERATORS, "nobody", 2, "an outage")


async def test_a_declined_charge_is_tried_now_and_once(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    with pytest.raises(ChangeRefused, match="Nothing is owed: it is paid until 2026-02-28"):
        await world.acts.retry(OPERATORS, "acme")
    world.clock.moment = FEBRUARY
    await world.charge_due("107")
    order = await world.acts.retry(OPERATORS, "acme", "they filled the account")
    again = await world.acts.retry(OPERATORS, "acme", "once more")
    assert (order.id, order.period) == (again.id, 1)
    await world.answer(order)
    assert (await world.subscription()).state is S.ACTIVE
    steps = await world.storage.read(lambda uow: uow.orders.history(order.id))
    assert OPERATORS.name in steps[0].by
    (asked,) = [one for one in steps if one.event == "retry_requested"]
    assert (asked.detail, asked.by) == ("they filled the account", OPERATORS.name)


async def test_a_card_that_cannot_be_charged_is_not_tried(world: World) -> None:
    await world.buy_and_pay()
    world.clock.moment = FEBRUARY
    with pytest.raises(ChangeRefused, match="there is no saved card"):
        await world.acts.retry(OPERATORS, "acme")
    assert len(world.bank.created) == 1
    with pytest.raises(NoActiveSubscription):
        await world.acts.retry(OPERATORS, "nobody")


async def test_a_refund_can_end_the_subscription_and_does_so_once_the_bank_has_taken_it_on(world: World) -> None:
    order = await world.buy_and_pay()
    key = str(uuid4())
    world.bank.failures_of["refund"] = [GatewayTimeout("no answer")]
    with pytest.raises(GatewayTimeout):
        await world.acts.refund(OPERATORS, order.id, None, "fraud", refund_id=key, cancel_subscription=True)
    assert (await world.subscription()).state is S.ACTIVE
    for _ in range(2):
        await world.acts.refund(OPERATORS, order.id, None, "fraud", refund_id=key, cancel_subscription=True)
    assert (await world.subscription()).state is S.ENDED
    assert (await world.names()).count("SubscriptionCancelled") == 1
    assert len((await world.order(order.id)).refunds) == 1


async def test_a_refund_of_who_has_no_subscription_any_more_just_refunds(world: World) -> None:
    order = await world.buy_and_pay()
    await world.cancel.cancel(principal(), immediately=True)
    _, refund = await world.acts.refund(OPERATORS, order.id, cancel_subscription=True)
    assert refund.amount == order.captured


@pytest.mark.parametrize("days", [1, 30, 100])
@pytest.mark.parametrize("seats", [1, 6])
def test_given_days_keep_their_value_and_that_of_paid_time_whatever_is_paid_next(days: int, seats: int) -> None:
    subscription = running()
    given(subscription, days, NOW)
    for number, plan in ((1, a_plan(1, seats)), (2, a_plan())):
        before = subscription.unused_value(NOW)
        order = an_order(order_id=f"SUB-00000000001{number}", plan=plan, period=number)
        take_payment(subscription, order, NOW)
        assert subscription.unused_value(NOW) >= before + plan.price.minor
    given(subscription, 1, NOW)
    before = subscription.unused_value(NOW)
    take_payment(subscription, an_order(order_id="SUB-000000000019", plan=a_plan(1, 2), period=3), NOW)
    assert subscription.unused_value(NOW) >= before + a_plan(1, 2).price.minor


def test_a_subscription_of_an_older_version_keeps_the_value_of_its_periods() -> None:
    subscription = running(periods=2)
    value = subscription.unused_value(NOW)
    subscription.paid = tuple(evolve(one, begins=None, ends=None) for one in subscription.paid)
    assert subscription.unused_value(NOW) == value
    subscription.paid = ()  # imported
    assert subscription.unused_value(NOW) == value
    given(subscription, 10, NOW)
    assert subscription.unused_value(NOW) > value
