"""Complimentary plans: nothing is charged until a day or for good, and no paid time is lost."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from attrs import evolve

from echodesk_billing import ChangeRefused, InvalidSelection, NoActiveSubscription
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions import changes, offers, renewals
from echodesk_billing.domain.subscriptions.cancellation import cancel
from echodesk_billing.domain.subscriptions.complimenting import make_complimentary
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.passing import on_time
from echodesk_billing.domain.subscriptions.payments import take_payment
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, a_plan, an_order, catalogue, principal, running, trial
from tests.unit.conftest import World

S = SubscriptionState
POLICY = RenewalPolicy()
FEBRUARY = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
JUNE = datetime(2026, 6, 30, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def made(subscription: Subscription, until: date | None, at: datetime = NOW) -> list[str]:
    return [event.name for event in make_complimentary(subscription, None, until, "a partner", "op", at)]


def passed(subscription: Subscription, now: datetime) -> list[str]:
    events = [event.name for event in on_time(subscription, now, POLICY)]
    renewals.plan_next(subscription, now, POLICY)
    return events


def owed(subscription: Subscription, now: datetime) -> int | None:
    found = renewals.owed_purchase(subscription, now, POLICY)
    return found.period if found else None


def test_until_a_day_nothing_is_owed_and_the_next_period_begins_then() -> None:
    subscription = running()
    assert made(subscription, date(2026, 6, 30)) == ["PlanMadeComplimentary"]
    assert (subscription.paid_until, subscription.state) == (JUNE, S.ACTIVE)
    assert owed(subscription, JUNE - DAY) is None
    assert owed(subscription, JUNE) == 1
    assert subscription.term.period(1).end == datetime(2026, 7, 30, 9, 30, tzinfo=UTC)
    assert (subscription.is_free(JUNE - DAY), subscription.is_free(JUNE)) == (True, False)


@pytest.mark.parametrize("until", [None, date(2026, 6, 30)])
def test_the_same_again_changes_nothing(until: date | None) -> None:
    subscription = running()
    made(subscription, until)
    before = evolve(subscription)
    assert made(subscription, until, NOW + DAY) == []
    assert subscription == before


def test_for_good_a_new_period_begins_by_itself_and_none_is_ever_owed() -> None:
    subscription = running()
    assert made(subscription, None) == ["PlanMadeComplimentary"]
    assert subscription.paid_until == FEBRUARY
    assert passed(subscription, FEBRUARY) == ["SubscriptionRenewed"]
    assert passed(subscription, FEBRUARY + timedelta(days=200)) == ["SubscriptionRenewed"]
    assert owed(subscription, FEBRUARY + timedelta(days=200)) is None
    assert subscription.has_access(FEBRUARY + timedelta(days=200))
    assert subscription.upcoming is None
    assert subscription.due_at is not None
    assert subscription.due_at <= subscription.term.end


def test_who_is_suspended_comes_back_and_owes_nothing() -> None:
    for until, ends in ((date(2026, 6, 30), JUNE.replace(hour=9, minute=30)), (None, None)):
        subscription = running()
        late = FEBRUARY + timedelta(days=30)
        subscription.fall_due(None, late)
        subscription.suspend(late)
        assert made(subscription, until, late) == ["PlanMadeComplimentary", "SubscriptionActivated"]
        assert (subscription.state, owed(subscription, late)) == (S.ACTIVE, None)
        assert subscription.has_access(late + DAY)
        assert ends is None or subscription.paid_until == ends


def test_a_trial_becomes_a_plan() -> None:
    subscription = trial()
    made(subscription, None)
    assert subscription.state is S.ACTIVE
    assert passed(subscription, subscription.term.end) == ["SubscriptionRenewed"]


def test_one_that_has_ended_has_access_until_the_day_and_does_not_renew() -> None:
    subscription = running()
    cancel(subscription, NOW, immediately=True)
    later = FEBRUARY + timedelta(days=60)
    assert made(subscription, date(2026, 6, 30), later) == ["PlanMadeComplimentary", "SubscriptionActivated"]
    assert subscription.state is S.CANCELLED
    assert passed(subscription, subscription.term.end) == ["SubscriptionEnded"]
    assert subscription.complimentary is None


def test_a_charge_that_was_under_way_is_refunded() -> None:
    subscription = running()
    renewals.start_charge(subscription, 1)
    made(subscription, None, FEBRUARY + DAY)
    order = an_order(order_id="REN-000000000001", purpose=Purpose.RENEWAL, period=1, captured=a_plan().price)
    order.state = order.state.COMPLETED
    events = [event.name for event in take_payment(subscription, order, FEBRUARY + DAY)]
    assert events == ["OrderMismatch"]
    assert order.is_given_back


def test_an_upgrade_is_paid_in_full_and_only_paid_time_becomes_days() -> None:
    subscription = running()
    dearer = a_plan(1, seats=5)
    worth = subscription.extra_days(dearer, NOW + 10 * DAY)
    made(subscription, date(2026, 6, 30))
    assert subscription.extra_days(dearer, NOW + 10 * DAY) == worth
    assert subscription.extra_days(dearer, FEBRUARY + DAY) == 0
    free = running()
    made(free, None)
    passed(free, FEBRUARY)
    assert free.extra_days(dearer, FEBRUARY + DAY) == 0
    order = an_order(order_id="UPG-000000000001", purpose=Purpose.UPGRADE, plan=dearer, period=2)
    take_payment(free, order, FEBRUARY + DAY)
    assert (free.complimentary, free.plan) == (None, dearer)


def test_time_paid_after_the_complimentary_time_keeps_its_value() -> None:
    subscription = running()
    made(subscription, date(2026, 6, 30))
    take_payment(subscription, an_order(order_id="MAN-000000000001", purpose=Purpose.MANUAL, period=1), NOW)
    dearer = a_plan(1, seats=5)
    only_paid = running(periods=2)
    assert subscription.extra_days(dearer, FEBRUARY + DAY) >= only_paid.extra_days(dearer, FEBRUARY + DAY)


def test_a_more_expensive_plan_that_was_scheduled_is_not_free() -> None:
    subscription = running()
    made(subscription, None)
    changes.schedule(subscription, a_plan(1, seats=5), NOW, catalogue=catalogue())
    assert passed(subscription, FEBRUARY) == []
    assert subscription.complimentary is None
    assert owed(subscription, FEBRUARY) == 1


def test_nothing_has_to_be_paid_and_nothing_can() -> None:
    subscription = running()
    made(subscription, None)
    with pytest.raises(ChangeRefused, match="nothing has to be paid"):
        offers.renewal(subscription, NOW)


def test_for_good_can_be_ended_and_what_was_given_stays() -> None:
    subscription = running()
    made(subscription, None)
    passed(subscription, FEBRUARY)
    march = subscription.paid_until
    made(subscription, date(2026, 1, 1), FEBRUARY + DAY)
    assert subscription.paid_until == march
    assert march is not None
    assert owed(subscription, march) == 2


def test_a_tenant_without_a_plan_is_given_one() -> None:
    subscription = Subscription(tenant_id="acme", term=Term(time_zone="Asia/Tbilisi"))
    with pytest.raises(NoActiveSubscription):
        made(subscription, None)
    events = make_complimentary(subscription, a_plan(), None, "our own", "op", NOW)
    assert [event.name for event in events] == ["PlanMadeComplimentary", "SubscriptionActivated"]
    assert (subscription.state, subscription.paid_until) == (S.ACTIVE, FEBRUARY)
    with pytest.raises(ChangeRefused):
        make_complimentary(subscription, a_plan(), None, "our own", "op", NOW)


@pytest.mark.parametrize(("until", "reason"), [(date(2026, 2, 28), "why"), (date(2040, 1, 1), "why"), (None, " ")])
def test_what_cannot_be_given_is_refused(until: date | None, reason: str) -> None:
    subscription = running()
    with pytest.raises(InvalidSelection):
        make_complimentary(subscription, None, until, reason, "op", NOW)
    assert subscription.complimentary is None


async def test_no_card_is_used_and_no_invoice_issued(world: World) -> None:
    await world.buy_and_pay(terms=Terms(save_card=SaveCard.AUTOMATIC))
    operator = principal("op", Scope.OPERATOR)
    await world.subscription_acts.make_complimentary(operator, "acme", "a partner")
    for days in (31, 62, 93):
        world.clock.moment = NOW + timedelta(days=days)
        assert [(one.state, one.order_id) for one in await world.renewals()] == [("active", None)]
    assert len(await world.orders()) == 1
    assert (await world.subscription()).has_access(world.clock.moment)
    await world.subscription_acts.make_complimentary(
        operator, "ours", "our own company", selection=Selection(package_id=2)
    )
    assert (await world.subscription("ours")).state is S.ACTIVE
    assert {event.by for event in await world.events() if event.name == "PlanMadeComplimentary"} == {operator.name}
