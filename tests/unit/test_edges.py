"""Edges of rules that mutations of the code moved without any other test noticing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from echodesk_billing import Applicant, InvalidSelection, SaveCard, SubscriptionChanged, SubscriptionRenewed
from echodesk_billing.domain.card import Card, CardState
from echodesk_billing.domain.lifecycle import OrderState, SubscriptionState
from echodesk_billing.domain.pricing import Selection
from echodesk_billing.domain.registration import Registration
from echodesk_billing.domain.renewal import RenewalPolicy
from echodesk_billing.domain.report import BankStatus, Source
from echodesk_billing.domain.response_codes import RetryAdvice
from echodesk_billing.domain.subscription import PlanChange
from tests.builders import NOW, a_plan, an_order, catalogue, gel, refund, report
from tests.unit.conftest import World
from tests.unit.test_words import running


@pytest.mark.parametrize(
    ("code", "fits"),
    [(None, True), ("100", True), ("161", True), ("169", True), ("179", True)]
    + [(code, False) for code in ("105", "107", "170", "178", "180", "200", "")],
)
def test_after_a_refund_was_asked_for_a_code_is_that_of_the_payment_or_of_a_refund(
    code: str | None, fits: bool
) -> None:
    order = an_order()
    order.observe(report(BankStatus.REFUND_REQUESTED, code=code), NOW)
    assert (order.state is OrderState.COMPLETED, order.attention == ()) == (fits, fits)


def test_a_feature_is_found_by_its_number() -> None:
    assert [catalogue().feature_by_id(number).key for number in (1, 2)] == ["tickets", "calls"]
    with pytest.raises(InvalidSelection, match="no feature 3"):
        catalogue().feature_by_id(3)


def a_card(expiry: str = "02/26") -> Card:
    card = Card(
        tenant_id="acme",
        order_id="SUB-1",
        bank_order_id="bank-1",
        kind=SaveCard.AUTOMATIC,
        mandate=gel("145.00"),
        masked_number="400000***0001",
        brand="visa",
        expiry=expiry,
        saved_at=NOW,
        is_default=True,
    )
    card.plan_reminder(RenewalPolicy(), NOW)
    return card


def test_a_card_is_reminded_of_until_it_has_expired_and_not_after() -> None:
    expiry = datetime(2026, 3, 1, tzinfo=UTC)
    assert a_card().remind_at == expiry - timedelta(days=7)
    assert len(a_card().remind(expiry - timedelta(seconds=1), RenewalPolicy())) == 1
    assert a_card().remind(expiry, RenewalPolicy()) == []
    assert not a_card().is_expired(expiry - timedelta(seconds=1))
    assert a_card().is_expired(expiry)


def test_only_the_default_card_is_reminded_of() -> None:
    card = a_card()
    card.is_default = False
    assert card.remind(datetime(2026, 2, 25, tzinfo=UTC), RenewalPolicy()) == []
    assert len(a_card().remind(datetime(2026, 2, 25, tzinfo=UTC), RenewalPolicy())) == 1
    assert a_card("").remind_at is None


def test_a_flat_package_is_another_package_than_those_before_and_behind_it() -> None:
    assert a_plan(2).is_of(Selection(package_id=2, seats=9))
    assert not a_plan(2).is_of(Selection(package_id=1))
    assert not a_plan(2).is_of(Selection(package_id=3))


@pytest.mark.parametrize("other", ["aaa@acme.example", "zzz@acme.example"])
def test_a_name_is_reserved_against_every_other_address(other: str) -> None:
    mine = Applicant(schema_name="acme", name="Acme", admin_email="nino@acme.example")
    kept = Registration(
        order_id="REG-1", applicant=mine, sealed_payload=None, created_at=NOW, expires_at=NOW + timedelta(hours=1)
    )
    assert kept.reserves_against(evolve(mine, admin_email=other), NOW)


def test_an_action_is_taken_for_the_request_of_its_very_amount() -> None:
    order = an_order()
    order.observe(report(BankStatus.COMPLETED), NOW)
    for refund_id, amount in (("small", "20.00"), ("large", "30.00")):
        order.request_refund(gel(amount), refund_id=refund_id, reason="", at=NOW)
    listed = (refund("action", "30.00"),)
    order.observe(report(BankStatus.REFUNDED_PARTIALLY, refunds=listed, refunded=gel("30.00")), NOW)
    assert {one.id: one.action_id for one in order.refunds} == {"small": None, "large": "action"}


async def test_a_customer_who_is_asked_late_is_past_due_at_once(world: World) -> None:
    await world.buy_and_pay()
    world.clock.moment = datetime(2026, 2, 28, 11, tzinfo=UTC)
    await world.renewals()
    assert (await world.subscription()).state is SubscriptionState.PAST_DUE


def test_a_third_decline_waits_for_the_third_try_however_soon_it_came() -> None:
    soon = NOW + timedelta(hours=1)
    tries = [RenewalPolicy().next_try(NOW, failures, soon, RetryAdvice.LATER) for failures in (1, 2, 3, 4)]
    assert tries == [NOW + timedelta(hours=4), NOW + timedelta(days=3), NOW + timedelta(days=7), None]


def test_a_decline_at_the_very_moment_of_a_try_waits_for_the_next() -> None:
    policy, first = RenewalPolicy(), NOW + timedelta(hours=4)
    assert policy.next_try(NOW, 1, first - timedelta(seconds=1), RetryAdvice.LATER) == first
    assert policy.next_try(NOW, 1, first, RetryAdvice.LATER) == NOW + timedelta(days=3)


def test_a_plan_that_is_paid_when_its_period_begins_holds_at_once() -> None:
    subscription = running()
    begins = subscription.paid_until
    assert begins is not None
    order = an_order(order_id="SUB-000000000001", plan=a_plan(1, 2), period=1)
    changed, renewed = subscription.on_payment(order, begins)
    assert isinstance(changed, SubscriptionChanged)
    assert (changed.order_id, changed.plan_name, changed.extra_days) == (order.id, "Team", 0)
    assert isinstance(renewed, SubscriptionRenewed)
    assert (subscription.plan, subscription.changes) == (a_plan(1, 2), ())


def test_a_plan_that_is_paid_ahead_takes_the_place_of_the_one_that_was_scheduled() -> None:
    subscription = running()
    subscription.schedule(a_plan(1, 2), NOW)
    subscription.on_payment(an_order(order_id="SUB-000000000001", plan=a_plan(1, 3), period=1), NOW)
    assert subscription.changes == (PlanChange(period=1, plan=a_plan(1, 3)),)


def test_who_was_asked_to_pay_a_period_is_not_asked_again() -> None:
    subscription = running()
    begins = subscription.paid_until
    assert begins is not None
    assert subscription.owes(begins, RenewalPolicy()) is not None
    subscription.asked(1, begins)
    assert subscription.asked_period == 1
    assert subscription.owes(begins, RenewalPolicy()) is None


def test_a_forgotten_card_is_nobodys_default() -> None:
    card = a_card()
    card.forget(NOW)
    assert (card.state, card.is_default) == (CardState.FORGETTING, False)


def test_limits_are_where_they_are_said_to_be() -> None:
    assert Selection(package_id=1, seats=10_000).seats == 10_000
    with pytest.raises(InvalidSelection, match="1 to 10000"):
        Selection(package_id=1, seats=10_001)
    order = an_order()
    for number in range(25):
        order.mark(f"reason {number}", Source.CALLBACK, NOW)
    assert len(order.attention) == 20
    long = "a" * 193 + "@b.test"
    assert len(Applicant(schema_name="acme", name="", admin_email=long).admin_email) == 200
    with pytest.raises(InvalidSelection):
        Applicant(schema_name="acme", name="", admin_email="a" + long)
