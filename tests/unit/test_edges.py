"""Edges of the rules of orders, refunds, cards and choices: the last that fits and the first that does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from attrs import evolve

from echodesk_billing import (
    Applicant,
    InvalidSelection,
    OrderMismatch,
    PaymentActionRequired,
    SaveCard,
)
from echodesk_billing.domain.accounting.invoice import Invoice, Party, Seller
from echodesk_billing.domain.catalogue.limits import Limits
from echodesk_billing.domain.catalogue.pricing import Plan, Selection
from echodesk_billing.domain.customers.card import Card, CardState
from echodesk_billing.domain.customers.registration import Registration
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.orders import refunding
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.refund import RefundState
from echodesk_billing.domain.orders.report import BankStatus, ReportedCard, Source
from echodesk_billing.domain.orders.response_codes import RetryAdvice
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from tests.builders import NOW, a_manual_order, a_plan, an_order, catalogue, gel, paid, refund, report


@pytest.mark.parametrize(
    ("code", "fits"),
    [(None, True), ("100", True), ("161", True), ("169", True), ("179", True)]
    + [(code, False) for code in ("105", "107", "170", "178", "180", "200", "")],
)
def test_after_a_refund_request_a_code_belongs_to_the_payment_or_the_refund(code: str | None, fits: bool) -> None:
    order = an_order()
    order.observe(report(BankStatus.REFUND_REQUESTED, code=code), NOW)
    assert (order.state is OrderState.COMPLETED, order.attention == ()) == (fits, fits)


def test_a_feature_is_found_by_its_id() -> None:
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


def test_expiry_reminders_stop_when_the_card_has_expired() -> None:
    expiry = datetime(2026, 3, 1, tzinfo=UTC)
    assert a_card().remind_at == expiry - timedelta(days=7)
    assert len(a_card().remind(expiry - timedelta(seconds=1), RenewalPolicy())) == 1
    assert a_card().remind(expiry, RenewalPolicy()) == []
    assert not a_card().is_expired(expiry - timedelta(seconds=1))
    assert a_card().is_expired(expiry)


@pytest.mark.parametrize(
    "expiry", ["", "1230", "13/30", "00/30", "/", "ab/cd", "²2/30", "12/²0", "12/0", "12/99999", f"12/{'9' * 5000}"]
)
def test_an_invalid_expiry_counts_as_unknown(expiry: str) -> None:
    assert a_card(expiry).expires_at is None


@pytest.mark.parametrize("expiry", ["02/28", "2/28", "02/2028"])
def test_an_expiry_is_the_end_of_its_month(expiry: str) -> None:
    assert a_card(expiry).expires_at == datetime(2028, 3, 1, tzinfo=UTC)


def test_only_the_default_card_is_reminded_of() -> None:
    card = a_card()
    card.is_default = False
    assert card.remind(datetime(2026, 2, 25, tzinfo=UTC), RenewalPolicy()) == []
    assert len(a_card().remind(datetime(2026, 2, 25, tzinfo=UTC), RenewalPolicy())) == 1
    assert a_card("").remind_at is None


def test_a_flat_package_differs_from_its_neighbours() -> None:
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


def test_catalogue_items_may_have_the_longest_name_and_the_largest_id() -> None:
    package, feature = catalogue().packages[0], catalogue().features[0]
    assert evolve(package, id=2**63 - 1, name="n" * 100, display_name="ბ" * 100).id == 2**63 - 1
    assert len(evolve(feature, id=1, key="k" * 64, name="n").key) == 64
    assert Limits(max_users=0, max_whatsapp_messages=0, max_storage_gb=0) == Limits()


def test_an_action_is_matched_with_the_request_of_its_amount() -> None:
    order = an_order()
    order.observe(report(BankStatus.COMPLETED), NOW)
    for refund_id, amount in (("small", "20.00"), ("large", "30.00")):
        refunding.request_refund(order, gel(amount), refund_id=refund_id, reason="", at=NOW)
    listed = (refund("action", "30.00"),)
    order.observe(report(BankStatus.REFUNDED_PARTIALLY, refunds=listed, refunded=gel("30.00")), NOW)
    assert {one.id: one.action_id for one in order.refunds} == {"small": None, "large": "action"}


def test_a_third_decline_waits_for_the_third_retry_however_early() -> None:
    soon = NOW + timedelta(hours=1)
    tries = [RenewalPolicy().next_try(NOW, failures, soon, RetryAdvice.LATER) for failures in (1, 2, 3, 4)]
    assert tries == [NOW + timedelta(hours=4), NOW + timedelta(days=3), NOW + timedelta(days=7), None]


def test_a_decline_at_the_time_of_a_retry_waits_for_the_next_one() -> None:
    policy, first = RenewalPolicy(), NOW + timedelta(hours=4)
    assert policy.next_try(NOW, 1, first - timedelta(seconds=1), RetryAdvice.LATER) == first
    assert policy.next_try(NOW, 1, first, RetryAdvice.LATER) == NOW + timedelta(days=3)


def test_a_removed_card_is_not_a_default() -> None:
    card = a_card()
    card.forget(NOW)
    assert (card.state, card.is_default) == (CardState.FORGETTING, False)


def test_an_expiry_reminder_is_sent_once_for_each_day() -> None:
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
    invoice = Invoice.of(
        order, gel("1.00"), NOW, series="INV-2026", serial=1, buyer=Party(name="Acme"), seller=Seller()
    )
    assert (invoice.package_name, invoice.seats) == (name, seats)


def test_a_derived_key_is_a_uuid_v4() -> None:
    assert UUID(derived_key("00000000-0000-4000-8000-000000000000", "paid twice")).version == 4


@pytest.mark.parametrize(("page", "known", "told"), [("p", None, 1), ("p", "p", 0), (None, None, 0)])
def test_the_customer_is_notified_once_the_page_is_known(page: str | None, known: str | None, told: int) -> None:
    order = an_order()
    order.action_reason, order.payment_url = "there is no saved card", known
    events = order.observe(report(BankStatus.CREATED, payment_url=page), NOW)
    assert len([event for event in events if isinstance(event, PaymentActionRequired)]) == told


def test_refunds_are_accepted_only_from_a_report_of_a_payment() -> None:
    order = paid()
    assert order.observe(report(BankStatus.PROCESSING, refunds=(refund("a1", "10.00"),)), NOW) == []
    assert order.refunds == ()


@pytest.mark.parametrize("amount", ["145.01", "92233720368547758.07"])
def test_refunds_beyond_the_paid_amount_need_attention_however_large(amount: str) -> None:
    order = paid()
    listed = (refund("a1", amount), refund("a2", amount))
    (event,) = order.observe(report(BankStatus.REFUNDED_PARTIALLY, refunds=listed), NOW)
    assert isinstance(event, OrderMismatch)
    assert event.reason == f"refunds of {amount} GEL, {amount} GEL are reported of 145.00 GEL"
    assert order.refunds == ()


def test_each_failed_refund_is_reported_once() -> None:
    order = paid()
    failed = (refund("a1", "10.00", failed="162"), refund("a2", "20.00", failed="163"))
    events = order.observe(report(BankStatus.COMPLETED, refunds=failed), NOW)
    assert [event.reason for event in events if isinstance(event, OrderMismatch)] == [
        "refund a1 of 10.00 GEL failed: declined by the issuer (code 162)",
        "refund a2 of 20.00 GEL failed: the merchant's balance is not settled yet, try again later (code 163)",
    ]
    order.attention = ()  # a person has seen to it
    assert order.observe(report(BankStatus.COMPLETED, refunds=failed), NOW) == []


def test_a_failed_refund_keeps_its_reason_and_author() -> None:
    order = paid()
    asked = refunding.request_refund(
        order, gel("10.00"), refund_id="ours", reason="a day without service", at=NOW, by="cli:nino"
    )
    order.observe(report(BankStatus.COMPLETED, refunds=(refund("a1", "10.00", failed="999"),)), NOW)
    (failed,) = order.refunds
    assert (failed.id, failed.reason, failed.by) == (asked.id, "a day without service", "cli:nino")
    assert failed.failure == "not in the bank's published table (code 999)"


def test_a_refund_that_fails_without_a_code_says_so() -> None:
    order = paid()
    failed = evolve(refund("a1", "10.00", failed="162"), code=None)
    order.observe(report(BankStatus.COMPLETED, refunds=(failed,)), NOW)
    assert [(one.reason, one.failure) for one in order.refunds] == [("", "the bank gave no code")]


def test_a_refund_that_succeeds_after_all_has_not_failed() -> None:
    order = paid()
    order.observe(report(BankStatus.COMPLETED, refunds=(refund("a1", "10.00", failed="162"),)), NOW)
    order.observe(report(BankStatus.REFUNDED_PARTIALLY, refunds=(refund("a1", "10.00"),)), NOW)
    assert [(one.state, one.failure) for one in order.refunds] == [(RefundState.COMPLETED, "")]


def test_an_action_is_not_matched_with_a_request_that_has_one() -> None:
    order = paid()
    refunding.request_refund(order, gel("10.00"), refund_id="ours", reason="", at=NOW)
    refunding.refund_accepted(order, "ours", "a1", NOW)
    order.observe(report(BankStatus.REFUNDED_PARTIALLY, refunds=(refund("a2", "10.00"),)), NOW)
    assert [one.id for one in order.refunds] == ["ours", "a2"]


def test_a_listed_action_is_matched_with_the_refund_refused_on_repetition() -> None:
    order = paid()
    refunding.request_refund(order, gel("10.00"), refund_id="ours", reason="", at=NOW)
    refunding.refund_refused(order, "ours", "no", NOW)
    order.observe(report(BankStatus.REFUNDED_PARTIALLY, refunds=(refund("a2", "10.00"),)), NOW)
    assert [(one.id, one.action_id, one.state) for one in order.refunds] == [("ours", "a2", RefundState.COMPLETED)]
    assert order.attention == ()


def test_a_remainder_of_some_tetri_can_be_refunded_too() -> None:
    order = paid()
    order.observe(report(BankStatus.REFUNDED_PARTIALLY, refunded=gel("0.50")), NOW)
    assert order.refunded == gel("0.50")


def test_a_capture_of_zero_is_rejected() -> None:
    order = a_manual_order()
    order.observe(report(BankStatus.COMPLETED, transferred=gel("0.00")), NOW)
    assert order.state is OrderState.CREATED
    assert len(order.attention) == 1


@pytest.mark.parametrize(("problem", "again"), [(None, False), ("silence", True)])
def test_a_settled_order_is_checked_again_only_without_an_answer(problem: str | None, *, again: bool) -> None:
    order = paid()
    order.checked(NOW + timedelta(minutes=5), planned=order.check_at, problem=problem)
    assert order.check_at == (NOW + timedelta(minutes=10) if again else None)


def test_limits_are_where_they_are_documented() -> None:
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
