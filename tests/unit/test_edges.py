"""Edges of rules that mutations of the code moved without any other test noticing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import pytest
from attrs import evolve

from echodesk_billing import (
    Applicant,
    InvalidSelection,
    ReminderDue,
    SaveCard,
    SubscriptionChanged,
    SubscriptionPastDue,
    SubscriptionRenewed,
    SubscriptionSuspended,
)
from echodesk_billing.domain import proration
from echodesk_billing.domain.card import Card, CardState
from echodesk_billing.domain.invoice import Invoice
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.lifecycle import OrderState, SubscriptionState
from echodesk_billing.domain.order import Purpose
from echodesk_billing.domain.pricing import Plan, Selection
from echodesk_billing.domain.registration import Registration
from echodesk_billing.domain.renewal import RenewalPolicy
from echodesk_billing.domain.report import BankStatus, ReportedCard, Source
from echodesk_billing.domain.response_codes import RetryAdvice
from echodesk_billing.domain.subscription import PlanChange, Purchase
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


def test_a_card_is_reminded_of_once_for_each_day() -> None:
    card, policy = a_card(), RenewalPolicy()
    first = card.remind_at
    assert first is not None
    card.remind(first, policy)
    assert card.remind_at == first + timedelta(days=4)


@pytest.mark.parametrize("kind", SaveCard)
@pytest.mark.parametrize(("is_first", "is_mandate"), [(False, False), (True, False), (False, True)])
def test_the_default_is_the_first_card_or_the_mandate_that_pays(
    kind: SaveCard, *, is_first: bool, is_mandate: bool
) -> None:
    reported = ReportedCard(kind=kind, masked_number="400000***0001", brand="visa", expiry="12/30")
    card, _ = Card.save(an_order(), reported, NOW, is_first=is_first, is_mandate=is_mandate)
    assert card.is_default == (is_first or (is_mandate and kind is SaveCard.AUTOMATIC))
    assert card.bank_order_id == ""
    assert Card.save(an_order(), reported, NOW, is_first=is_first)[0].is_default == is_first


@pytest.mark.parametrize(("plan", "name", "seats"), [(a_plan(1, 3), "Team", 3), (None, "", 0)])
def test_an_invoice_names_what_was_bought_where_something_was(plan: Plan | None, name: str, seats: int) -> None:
    order = an_order(amount=gel("1.00"))
    order.plan = plan
    invoice = Invoice.of(order, gel("1.00"), NOW, series="INV-2026", serial=1)
    assert (invoice.package_name, invoice.seats) == (name, seats)


def test_a_key_that_follows_from_another_is_one_that_the_bank_takes() -> None:
    assert UUID(derived_key("00000000-0000-4000-8000-000000000000", "paid twice")).version == 4


def test_a_suspended_subscription_waits_for_its_customer_alone() -> None:
    subscription = running()
    begins = subscription.paid_until
    assert begins is not None
    subscription.asked(1, begins)
    subscription.on_time(begins + timedelta(days=8))
    assert subscription.state is SubscriptionState.SUSPENDED
    subscription.plan_next(begins + timedelta(days=8), RenewalPolicy())
    assert subscription.due_at is None


@pytest.mark.parametrize(("state", "days_before"), [(SubscriptionState.ACTIVE, 9), (SubscriptionState.TRIALING, 7)])
def test_only_what_is_charged_begins_ahead(state: SubscriptionState, days_before: int) -> None:
    subscription = running()
    subscription.state = state
    subscription.plan_next(NOW, RenewalPolicy(ahead=timedelta(days=9)))
    assert subscription.paid_until is not None
    assert subscription.due_at == subscription.paid_until - timedelta(days=days_before)


def test_what_came_while_nobody_tended_is_due_at_once() -> None:
    subscription = running()
    assert subscription.paid_until is not None
    weeks_later = subscription.paid_until - timedelta(days=5)
    subscription.plan_next(weeks_later, RenewalPolicy())
    assert subscription.due_at == subscription.paid_until - timedelta(days=7)


def test_a_reminder_is_told_once_however_often_one_looks() -> None:
    subscription, policy = running(), RenewalPolicy()
    assert subscription.paid_until is not None
    for days, told in ((7, [7]), (6, []), (5, []), (3, [3]), (2, [])):
        events = subscription.on_time(subscription.paid_until - timedelta(days=days), policy)
        assert [event.days for event in events if isinstance(event, ReminderDue)] == told


def test_a_period_is_being_charged_from_the_moment_the_charge_is_made() -> None:
    subscription = running()
    assert subscription.paid_until is not None
    subscription.charging(1)
    assert subscription.charged_period == 1
    assert subscription.owes(subscription.paid_until, RenewalPolicy()) is None


def test_a_decline_without_a_further_try_suspends_as_soon_as_the_paid_time_is_over() -> None:
    policy = RenewalPolicy(retries=())
    for early, told in (
        (timedelta(seconds=1), [SubscriptionPastDue]),
        (timedelta(0), [SubscriptionPastDue, SubscriptionSuspended]),
    ):
        subscription = running()
        assert subscription.paid_until is not None
        order = an_order(order_id="REN-000000000001", purpose=Purpose.RENEWAL, period=1)
        at = subscription.paid_until - early
        events = subscription.on_decline(order, "107", RetryAdvice.LATER, policy, at)
        assert [type(event) for event in events] == told


def test_where_the_card_cannot_help_the_customer_owes_the_period() -> None:
    subscription = running()
    assert subscription.paid_until is not None
    order = an_order(order_id="REN-000000000001", purpose=Purpose.RENEWAL, period=1)
    subscription.on_decline(order, "105", RetryAdvice.NEW_CARD, RenewalPolicy(), subscription.paid_until)
    owed = subscription.owes(subscription.paid_until, RenewalPolicy())
    assert owed == Purchase(purpose=Purpose.MANUAL, plan=a_plan(), period=1)


def test_another_plan_at_the_same_price_is_no_upgrade() -> None:
    preview = running().preview(evolve(a_plan(1, 3), price=a_plan().price), NOW)
    assert (preview.is_immediate, preview.effective_at) == (False, preview.paid_until)


def test_unused_time_counts_at_the_price_of_the_plan_that_it_was_paid_at() -> None:
    subscription = running()
    subscription.on_payment(an_order(order_id="SUB-000000000001", plan=a_plan(1, 1), period=1), NOW)
    dearer = a_plan(1, 4)
    days = subscription.preview(dearer, NOW).extra_days
    value = Fraction(subscription.plan_of(0).price.minor + subscription.plan_of(1).price.minor)
    assert (subscription.plan_of(0).price, subscription.plan_of(1).price) == (gel("145.00"), gel("50.00"))
    assert days == proration.extra_days(value, dearer.price, NOW, "Asia/Tbilisi")


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
