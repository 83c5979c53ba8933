"""The plan of an import: each rule on rows made for it, without a database or a bank."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from echodesk_billing.domain.importing import agreed
from echodesk_billing.domain.importing.evidence import gross
from echodesk_billing.domain.importing.findings import Decision, Kind
from echodesk_billing.domain.importing.plan import ImportPlan, plan_import
from echodesk_billing.domain.importing.records import (
    OldAttempt,
    OldCard,
    OldEvent,
    OldFeature,
    OldInvoice,
    OldOrder,
    OldRegistration,
    OldSubscription,
    OldTables,
    OldTenant,
)
from echodesk_billing.domain.importing.rules import NOT_ASKED, ImportRules, Receipts
from echodesk_billing.domain.importing.tenants import TenantPlan
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.report import BankRefund, BankReport, BankStatus, ReportedCard, Source
from echodesk_billing.domain.subscriptions import payments
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from tests.builders import gel

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
RULES = ImportRules(
    now=NOW,
    pause=timedelta(hours=24),
    time_zone="Asia/Tbilisi",
    policy=RenewalPolicy(),
    callback_url="https://billing.example/api/payments/webhook/",
    by="tests",
)
QUIET = NOW + timedelta(hours=25)
S = SubscriptionState


def days(number: float) -> datetime:
    return NOW + timedelta(days=number)


def feature(number: int, key: str, price: str, *, is_active: bool = True, name: str = "") -> OldFeature:
    return OldFeature(
        id=number,
        key=key,
        name=name or key.title(),
        description="",
        category="core",
        price_per_seat=Decimal(price),
        icon="",
        sort_order=number,
        is_active=is_active,
    )


FEATURES = (feature(1, "core", "0.00"), feature(2, "tickets", "5.00"), feature(3, "calls", "7.00"))
TENANT = OldTenant(
    id=1,
    schema_name="acme",
    domain_url="acme.echodesk.ge",
    name="Acme",
    admin_email="nino@acme.ge",
    payment_provider="bog",
    preferred_language="ka",
)


def subscribed(**changes: Any) -> OldSubscription:
    values: dict[str, Any] = {
        "id": 1,
        "tenant_id": 1,
        "features": (1, 2, 3),
        "agent_count": 10,
        "is_active": True,
        "starts_at": days(-40),
        "expires_at": days(12),
        "next_billing_date": None,
        "last_billed_at": days(-18),
        "is_trial": False,
        "parent_order_id": "parent",
    }
    return OldSubscription(**{**values, **changes})


def paid(order_id: str, at: float, amount: str = "120.00", **changes: Any) -> OldOrder:
    values: dict[str, Any] = {
        "id": abs(hash(order_id)) % 10**6,
        "order_id": order_id,
        "bank_order_id": f"bank-{order_id}",
        "tenant_id": 1,
        "amount": Decimal(amount),
        "currency": "GEL",
        "status": "paid",
        "payment_url": "",
        "metadata": {},
        "created_at": days(at),
        "paid_at": days(at),
    }
    return OldOrder(**{**values, **changes})


FIRST = paid("SUB-000000000001", -40, bank_order_id="parent")


def card(parent: str = "parent", **changes: Any) -> OldCard:
    values: dict[str, Any] = {
        "id": 7,
        "tenant_id": 1,
        "parent_order_id": parent,
        "card_save_type": "subscription",
        "brand": "visa",
        "masked_number": "400000***0001",
        "expiry": "12/30",
        "saved_at": days(-40),
        "is_active": True,
        "is_default": True,
    }
    return OldCard(**{**values, **changes})


def tables(
    *orders: OldOrder,
    subscription: OldSubscription | None = None,
    cards: tuple[OldCard, ...] | None = None,
    **more: Any,
) -> OldTables:
    values: dict[str, Any] = {
        "tenants": (TENANT,),
        "features": FEATURES,
        "subscriptions": (subscription or subscribed(),),
        "cards": (card(),) if cards is None else cards,
        "orders": (FIRST, *orders),
    }
    return OldTables(**{**values, **more})


def planned(
    rows: OldTables, receipts: Receipts = NOT_ASKED, decision: Decision | None = None, rules: ImportRules = RULES
) -> TenantPlan:
    decisions = {"acme": decision} if decision else {}
    (found,) = whole(rows, receipts, decisions, rules).tenants
    return found


def whole(
    rows: OldTables,
    receipts: Receipts = NOT_ASKED,
    decisions: dict[str, Decision] | None = None,
    rules: ImportRules = RULES,
    **more: Any,
) -> ImportPlan:
    return plan_import(rows, receipts, rules, catalogue_version=0, decisions=decisions, **more)


def kinds(plan: TenantPlan) -> list[tuple[Kind, str]]:
    return [(one.kind, one.subject) for one in plan.findings]


def receipt(bank_id: str, status: BankStatus = BankStatus.COMPLETED, amount: str = "120.00", **more: Any) -> BankReport:
    values: dict[str, Any] = {
        "source": Source.RECEIPT,
        "bank_order_id": bank_id,
        "status": status,
        "code": "100" if status is BankStatus.COMPLETED else None,
        "transferred": gel(amount) if status not in (BankStatus.REJECTED, BankStatus.PROCESSING) else None,
    }
    return BankReport(**{**values, **more})


def said(*reports: BankReport, **none: None) -> Receipts:
    return Receipts(answers={**{one.bank_order_id: one for one in reports}, **none})


# Until when it has paid.


@pytest.mark.parametrize(
    ("dates", "until"),
    [
        ({"expires_at": days(12), "next_billing_date": days(9)}, days(12)),
        ({"expires_at": days(9), "next_billing_date": days(12)}, days(12)),
        ({"expires_at": None, "next_billing_date": days(12)}, days(12)),
        ({"expires_at": days(12), "next_billing_date": None}, days(12)),
    ],
)
def test_the_later_of_the_dates_counts(dates: dict[str, Any], until: datetime) -> None:
    plan = planned(tables(subscription=subscribed(**dates)))
    assert plan.subscription.paid_until == until
    assert (plan.subscription.term.anchor, plan.subscription.next_period) == (until, 1)
    assert plan.findings == ()


@pytest.mark.parametrize("prefix", ["REC", "REACT", "MAN"])
def test_a_charge_that_the_dates_do_not_show_adds_a_month(prefix: str) -> None:
    hidden = f"{prefix}-000000000002"
    plan = planned(tables(paid(hidden, -2), subscription=subscribed(expires_at=days(1), last_billed_at=days(-29))))
    assert plan.subscription.paid_until == datetime(2026, 12, 27, 12, tzinfo=UTC)
    assert plan.paid_until.because == ("expires_at", f"+ 1 month for {hidden}")
    assert kinds(plan) == [(Kind.PAYMENT_ADDED, hidden)]


def test_a_month_added_is_never_shorter_than_the_old_period() -> None:
    rules = evolve(RULES, now=datetime(2027, 1, 29, 12, tzinfo=UTC))
    end = datetime(2027, 1, 31, 8, tzinfo=UTC)
    old = subscribed(expires_at=end, last_billed_at=end - timedelta(days=33))
    charge = paid("REC-000000000002", 0, paid_at=end - timedelta(days=3), created_at=end - timedelta(days=3))
    plan = planned(tables(charge, subscription=old), rules=rules)
    assert plan.subscription.paid_until == end + timedelta(days=30)


def test_each_of_several_hidden_charges_adds_a_month_and_twins_are_listed() -> None:
    old = subscribed(expires_at=days(1), last_billed_at=days(-29))
    plan = planned(tables(paid("REC-000000000002", -2), paid("MAN-000000000003", -1), subscription=old))
    assert plan.subscription.paid_until == datetime(2027, 1, 27, 12, tzinfo=UTC)
    assert kinds(plan) == [
        (Kind.DUPLICATE, "MAN-000000000003"),
        (Kind.PAYMENT_ADDED, "REC-000000000002"),
        (Kind.PAYMENT_ADDED, "MAN-000000000003"),
    ]


@pytest.mark.parametrize(
    ("charge", "old"),
    [
        (paid("REC-000000000002", -18), subscribed()),  # it was billed then
        (paid("REC-000000000002", -17), subscribed(expires_at=days(12))),  # the date reaches a period from it
        (paid("REC-000000000002", -2, status="failed"), subscribed(expires_at=days(1))),
        (paid("REC-000000000002", -41), subscribed(last_billed_at=None)),  # before it began
    ],
)
def test_a_charge_that_the_dates_show_adds_nothing(charge: OldOrder, old: OldSubscription) -> None:
    plan = planned(tables(charge, subscription=old))
    assert plan.subscription.paid_until == old.expires_at


def test_a_purchase_without_effect_needs_a_person_and_adds_nothing() -> None:
    bought = paid("SUB-000000000002", -1)
    plan = planned(tables(bought))
    assert plan.subscription.paid_until == days(12)
    assert kinds(plan) == [(Kind.PAID_WITHOUT_EFFECT, bought.order_id)]
    (order,) = [one for one in plan.orders if one.attention]
    assert order.id == bought.order_id
    applied = planned(tables(bought), decision=Decision(apply=(bought.order_id,)))
    assert applied.subscription.paid_until == datetime(2027, 1, 8, 12, tzinfo=UTC)
    settled = planned(tables(bought), decision=Decision(settled=(bought.order_id,)))
    assert (settled.subscription.paid_until, kinds(settled)) == (days(12), [])
    assert not any(one.attention for one in (*applied.orders, *settled.orders))


def test_a_payment_that_was_given_back_adds_nothing_and_takes_nothing() -> None:
    back = paid("REC-000000000002", -2)
    old = subscribed(expires_at=days(1), last_billed_at=days(-29))
    report = receipt(back.bank_order_id, BankStatus.REFUNDED, "0.00", refunded=gel("120.00"))
    plan = planned(tables(back, subscription=old), said(receipt("parent"), report))
    assert plan.subscription.paid_until == days(1)
    assert kinds(plan) == [(Kind.REFUNDED, back.order_id)]
    assert [one.order_id for one in plan.entries] == [FIRST.order_id]


def test_neither_date_is_incomplete_and_a_person_can_say_it() -> None:
    old = subscribed(expires_at=None)
    plan = planned(tables(subscription=old))
    assert (plan.subscription.state, plan.subscription.paid_until) == (S.INCOMPLETE, None)
    assert kinds(plan) == [(Kind.INCOMPLETE, "")]
    decided = planned(tables(subscription=old), decision=Decision(paid_until=days(3)))
    assert (decided.subscription.state, decided.subscription.paid_until) == (S.ACTIVE, days(3))


# Its state.


@pytest.mark.parametrize(
    ("is_active", "until", "suspended", "state"),
    [
        (True, 12, None, S.ACTIVE),
        (True, -1, None, S.PAST_DUE),
        (True, 12, -2, S.ACTIVE),
        (False, 12, None, S.CANCELLED),
        (False, 12, -41, S.CANCELLED),
        (False, 12, -2, S.SUSPENDED),
        (False, -1, -2, S.SUSPENDED),
        (False, -1, None, S.ENDED),
        (False, -1, -41, S.ENDED),
    ],
)
def test_its_state(is_active: bool, until: int, suspended: int | None, state: SubscriptionState) -> None:
    old = subscribed(is_active=is_active, expires_at=days(until), last_billed_at=days(-38))
    events = () if suspended is None else (OldEvent(tenant_id=1, event_type="suspended", created_at=days(suspended)),)
    events += (OldEvent(tenant_id=2, event_type="suspended", created_at=days(0)),)
    events += (OldEvent(tenant_id=1, event_type="activated", created_at=days(0)),)
    plan = planned(tables(subscription=old, events=events))
    assert plan.subscription.state is state
    is_charged = state in (S.ACTIVE, S.PAST_DUE)
    assert (plan.next_charge is not None) is is_charged


def test_an_overdue_one_has_a_whole_grace_and_begins_anew_when_it_pays() -> None:
    plan = planned(tables(subscription=subscribed(expires_at=days(-20), last_billed_at=days(-50))))
    subscription = plan.subscription
    assert (subscription.access_until, subscription.due_at) == (days(7), QUIET)
    assert subscription.dunning.retry_at == QUIET
    assert (plan.next_charge.at, plan.next_charge.obstacle) == (QUIET, None) if plan.next_charge else False
    order = evolve(plan.orders[0], plan=subscription.plan, period=subscription.first_unpaid(QUIET), captured=gel("120"))
    payments.take_payment(subscription, order, QUIET)
    assert subscription.paid_until == datetime(2026, 12, 27, 13, tzinfo=UTC)


def test_its_grace_can_begin_on_another_day_but_not_before_its_end() -> None:
    old = subscribed(expires_at=days(-2), last_billed_at=days(-32))
    for begins, until in ((days(5), days(12)), (days(-30), days(5))):
        plan = planned(tables(subscription=old), rules=evolve(RULES, grace_from=begins))
        assert plan.subscription.access_until == until


@pytest.mark.parametrize(("until", "state"), [(366, S.ACTIVE), (367, S.CANCELLED)])
def test_a_date_that_no_payment_reaches_is_complimentary(until: int, state: SubscriptionState) -> None:
    rows = tables(subscription=subscribed(expires_at=days(until)))
    assert planned(rows).subscription.state is state
    assert planned(rows, decision=Decision(complimentary=False)).subscription.state is S.ACTIVE
    assert planned(rows, decision=Decision(complimentary=True)).subscription.state is S.CANCELLED
    assert planned(rows).subscription.has_access(days(until) - timedelta(seconds=1))


def test_a_trial_that_paid_nothing_is_a_trial_and_one_that_paid_is_not() -> None:
    old = subscribed(is_trial=True, expires_at=days(9), last_billed_at=None, parent_order_id="")
    never = OldTables(tenants=(TENANT,), features=FEATURES, subscriptions=(old,))
    plan = planned(never)
    assert (plan.subscription.state, plan.subscription.trial_ends_at) == (S.TRIALING, days(9))
    assert (plan.subscription.has_never_paid, plan.subscription.paid_until) == (True, days(9))
    assert planned(evolve(never, orders=(FIRST,))).subscription.state is S.ACTIVE
    check = paid("CARD-000000000002", -1, "1.00")
    assert planned(evolve(never, orders=(check,))).subscription.state is S.TRIALING
    over = evolve(never, subscriptions=(evolve(old, expires_at=days(-1)),))
    assert planned(over).subscription.state is S.PAST_DUE


@pytest.mark.parametrize("until", [0.5, 1.04, 2, 12])
def test_nothing_is_due_before_the_pause_is_over(until: float) -> None:
    plan = planned(tables(subscription=subscribed(expires_at=days(until))))
    assert plan.subscription.due_at is not None
    assert plan.subscription.due_at >= QUIET
    assert plan.next_charge is not None
    assert plan.next_charge.at == max(days(until), QUIET)


# What it costs, and what its card repeats.


def test_what_the_card_repeats_is_the_price_and_unit_prices_are_fitted() -> None:
    first = evolve(FIRST, amount=Decimal("156.00"))
    plan = planned(evolve(tables(), orders=(first,), subscriptions=(subscribed(agent_count=20),)))
    agreed_plan = plan.subscription.plan
    assert agreed_plan is not None
    assert (agreed_plan.price, plan.listed_price, agreed_plan.selection.seats) == (gel("156.00"), gel("240.00"), 20)
    assert [item.unit_price for item in agreed_plan.items] == [gel("4.55"), gel("0.00"), gel("3.25")]
    assert kinds(plan) == [(Kind.PRICE_FITTED, "")]
    assert plan.next_charge is not None
    assert (plan.next_charge.amount, plan.next_charge.obstacle) == (gel("156.00"), None)


@pytest.mark.parametrize(
    ("price", "seats", "units"),
    [
        ("100.00", 3, ["19.45", "0.00", "13.88"]),
        ("0.02", 10, ["0.00", "0.00", "0.00"]),
        ("240.00", 10, ["14.00", "0.00", "10.00"]),
    ],
)
def test_fitted_unit_prices_never_cost_more_than_the_card_repeats(price: str, seats: int, units: list[str]) -> None:
    listed = agreed.plan(FEATURES, seats, 1)
    assert listed is not None
    fitted = agreed.fitted(listed, gel(price))
    assert fitted.price == gel(price)
    assert [item.unit_price for item in fitted.items] == [gel(unit) for unit in units]
    total = sum((item.price(seats) for item in fitted.items), gel("0.00"))
    assert total <= gel(price) < total + gel("0.01") * seats


def test_a_plan_of_features_for_nothing_gets_its_price_from_the_card() -> None:
    listed = agreed.plan(FEATURES[:1], 10, 1)
    assert listed is not None
    assert [item.unit_price for item in agreed.fitted(listed, gel("50.00")).items] == [gel("5.00")]


@pytest.mark.parametrize(
    ("parent", "amount", "obstacle"),
    [
        (paid("TRIAL-000000000001", -40, "0.00", bank_order_id="parent"), "0.00", "may be charged 0.00 GEL"),
        (paid("FEAT-000000000001", -40, "4.20", bank_order_id="parent"), "4.20", "may be charged 4.20 GEL"),
        (paid("CARD-000000000001", -40, "1.00", bank_order_id="parent"), "1.00", "may be charged 1.00 GEL"),
        (paid("ECARD-000000000001", -40, "1.00", bank_order_id="parent"), "1.00", "customer to be present"),
        (paid("REC-000000000001", -40, "130.00", bank_order_id="parent"), None, "may be charged 0.00 GEL"),
    ],
)
def test_a_parent_that_is_no_mandate_for_renewals(parent: OldOrder, amount: str | None, obstacle: str) -> None:
    rows = evolve(tables(), orders=(parent,))
    plan = planned(evolve(rows, subscriptions=(subscribed(features=(1, 2, 3)),)))
    assert plan.mandate is not None
    assert (plan.mandate.amount, plan.mandate.renews) == (gel(amount) if amount else None, False)
    assert plan.subscription.plan is not None
    assert plan.subscription.plan.price == gel("120.00")
    assert plan.next_charge is not None
    assert obstacle in (plan.next_charge.obstacle or "")
    assert Kind.NO_MANDATE in [kind for kind, _ in kinds(plan)]


def test_the_receipt_of_the_parent_beats_its_row() -> None:
    told = ReportedCard(kind=SaveCard.RECURRENT, masked_number="530000***9999", brand="mc", expiry="01/31")
    rows = tables(cards=(card(masked_number="", brand="", expiry=""),))
    plan = planned(rows, said(receipt("parent", amount="99.00", card=told)))
    (saved,) = plan.cards
    assert (saved.id, saved.kind, saved.mandate) == (7, SaveCard.RECURRENT, gel("99.00"))
    assert (saved.masked_number, saved.brand, saved.expiry) == ("530000***9999", "mc", "01/31")
    assert plan.mandate is not None
    assert plan.mandate.source == f"receipt of {FIRST.order_id}"


def test_the_card_that_is_charged_becomes_the_default_one() -> None:
    other = card("other", id=8, masked_number="530000***0001")
    plan = planned(tables(cards=(card(is_default=False), other)))
    assert [(one.id, one.is_default) for one in plan.cards] == [(7, True), (8, False)]
    assert kinds(plan) == [(Kind.CARD, "other")]


def test_a_removed_card_is_forgotten_and_not_charged() -> None:
    plan = planned(tables(cards=(card(is_active=False),)))
    (removed,) = plan.cards
    assert (removed.state, removed.is_default, removed.forget_at) == ("forgetting", False, QUIET)
    assert plan.next_charge is not None
    assert plan.next_charge.obstacle == "there is no saved card"


def test_a_charged_card_that_is_not_listed_is_added_without_an_id() -> None:
    plan = planned(tables(cards=()))
    (added,) = plan.cards
    assert (added.id, added.bank_order_id, added.mandate, added.is_default) == (0, "parent", gel("120.00"), True)
    assert plan.next_charge is not None
    assert plan.next_charge.obstacle is None
    unknown = planned(evolve(tables(cards=()), orders=()))
    assert unknown.cards[0].order_id.startswith("CARD-")
    assert len(unknown.cards[0].order_id) == 17
    assert unknown.next_charge is not None
    assert unknown.next_charge.obstacle is not None


def test_without_selected_features_the_obligatory_ones_are_had() -> None:
    plan = planned(tables(subscription=subscribed(features=())))
    assert plan.subscription.plan is not None
    assert (plan.subscription.plan.features, plan.subscription.plan.price) == (("core",), gel("120.00"))
    nothing = planned(evolve(tables(subscription=subscribed(features=())), features=FEATURES[1:]))
    assert (nothing.subscription.state, nothing.subscription.plan) == (S.INCOMPLETE, None)
    free = planned(tables(subscription=subscribed(features=(1,), parent_order_id=""), cards=()))
    assert (free.subscription.state, free.next_charge) == (S.CANCELLED, None)
    assert kinds(free) == [(Kind.INCOMPLETE, "")]


# Payments.


@pytest.mark.parametrize(
    ("transferred", "refunded", "status", "stated", "found"),
    [
        ("120.00", None, BankStatus.COMPLETED, "130.00", "120.00"),
        ("120.00", "40.00", BankStatus.REFUNDED_PARTIALLY, "120.00", "120.00"),
        ("80.00", "40.00", BankStatus.REFUNDED_PARTIALLY, "120.00", "120.00"),
        ("80.00", "40.00", BankStatus.REFUNDED_PARTIALLY, "130.00", "120.00"),
        ("0.00", "120.00", BankStatus.REFUNDED, "120.00", "120.00"),
        ("120.00", "120.00", BankStatus.REFUNDED, "130.00", "120.00"),
    ],
)
def test_the_bank_states_amounts_net_or_gross_of_refunds(
    transferred: str, refunded: str | None, status: BankStatus, stated: str, found: str
) -> None:
    report = receipt("b", status, transferred, refunded=gel(refunded) if refunded else None)
    assert gross(report, gel(stated)) == gel(found)


def test_nothing_is_paid_where_the_bank_claims_no_money() -> None:
    assert gross(receipt("b", BankStatus.REJECTED), gel("120.00")) is None
    assert gross(evolve(receipt("b"), status=BankStatus.PROCESSING), gel("120.00")) is None


def test_a_partial_refund_leaves_the_rest_in_the_books() -> None:
    action = BankRefund(action_id="a", amount=gel("40.00"), completed=True)
    report = receipt("parent", BankStatus.REFUNDED_PARTIALLY, "80.00", refunds=(action,), refunded=gel("40.00"))
    plan = planned(tables(), said(report))
    (order,) = plan.orders
    assert (order.state, order.captured, order.refunded) == (OrderState.REFUNDED_PARTIALLY, gel("120"), gel("40"))
    assert [(one.kind, one.amount) for one in plan.entries] == [("opening", gel("80.00"))]
    assert kinds(plan) == [(Kind.REFUNDED, FIRST.order_id)]


@pytest.mark.parametrize(
    ("status", "changes", "receipts", "state"),
    [
        ("paid", {}, NOT_ASKED, OrderState.COMPLETED),
        ("failed", {}, NOT_ASKED, OrderState.REJECTED),
        ("cancelled", {}, NOT_ASKED, OrderState.REJECTED),
        ("pending", {}, NOT_ASKED, OrderState.PROCESSING),
        ("processing", {}, NOT_ASKED, OrderState.PROCESSING),
        ("pending", {"bank_order_id": ""}, NOT_ASKED, OrderState.REJECTED),
        ("cancelled", {"metadata": {"bog_status": "refunded"}}, NOT_ASKED, OrderState.REFUNDED),
        ("paid", {"metadata": {"bog_status": "refunded"}}, NOT_ASKED, OrderState.REFUNDED),
        ("pending", {}, said(receipt("b")), OrderState.COMPLETED),
        ("failed", {}, said(receipt("b")), OrderState.COMPLETED),
        ("paid", {}, said(receipt("b", BankStatus.REJECTED)), OrderState.REJECTED),
        ("paid", {}, Receipts(answers={"b": None}), OrderState.REJECTED),
        ("pending", {"bank_order_id": ""}, Receipts(answers={"MAN-000000000002": None}), OrderState.REJECTED),
        (
            "pending",
            {"bank_order_id": ""},
            Receipts(answers={"MAN-000000000002": receipt("b", external_order_id="MAN-000000000002")}),
            OrderState.COMPLETED,
        ),
        ("paid", {}, Receipts(answers={"b": receipt("b")}, foreign=frozenset({"b"})), OrderState.REJECTED),
        ("paid", {}, said(receipt("b", external_order_id="MAN-000000000009")), OrderState.REJECTED),
    ],
)
def test_what_becomes_of_a_row(status: str, changes: dict[str, Any], receipts: Receipts, state: OrderState) -> None:
    row = paid("MAN-000000000002", -30, status=status, **{"bank_order_id": "b", **changes})
    plan = planned(tables(row), receipts)
    order = next(one for one in plan.orders if one.id == row.order_id)
    assert order.state is state
    assert order.steps[0].event == "import"
    assert order.steps[0].by == "tests"
    assert (order.check_at is None) is (state is not OrderState.PROCESSING)
    tells_otherwise = receipts is not NOT_ASKED and bool(order.is_paid or status == "paid")
    assert any(one.subject == row.order_id for one in plan.findings if one.kind is not Kind.REFUNDED) is tells_otherwise


def test_the_kept_callback_beats_the_row_and_the_receipt_beats_both() -> None:
    row = paid("REC-000000000002", -30, "130.00", bank_order_id="b")
    callback = evolve(receipt("b", amount="125.00"), source=Source.CALLBACK)
    attempt = OldAttempt(
        id=1,
        payment_order_id=row.id,
        tenant_id=1,
        status="success",
        bank_order_id="b",
        amount=Decimal("130.00"),
        attempted_at=days(-30),
        response=callback,
    )
    by_callback = planned(tables(row, attempts=(attempt,)))
    assert {one.captured for one in by_callback.orders} == {gel("120.00"), gel("125.00")}
    by_receipt = planned(tables(row, attempts=(attempt,)), said(receipt("b", amount="120.00")))
    assert {one.captured for one in by_receipt.orders} == {gel("120.00")}
    assert (Kind.AMOUNT_DIFFERS, row.order_id) in kinds(by_receipt)


def test_a_retry_without_an_order_is_an_order_of_its_own() -> None:
    attempt = OldAttempt(
        id=9,
        payment_order_id=1,
        tenant_id=1,
        status="success",
        bank_order_id="retry",
        amount=Decimal("120.00"),
        attempted_at=days(-2),
    )
    rows = tables(attempts=(attempt,), subscription=subscribed(expires_at=days(1), last_billed_at=days(-29)))
    plan = planned(rows)
    assert [one.id for one in plan.orders] == [FIRST.order_id, "RETRY-9"]
    assert plan.subscription.paid_until == datetime(2026, 12, 27, 12, tzinfo=UTC)
    failed = planned(evolve(rows, attempts=(evolve(attempt, status="failed"),)))
    assert [one.id for one in failed.orders] == [FIRST.order_id]
    named = said(receipt("retry", external_order_id="RETRY-1-REC-000000000002"))
    assert planned(rows, named).orders[1].id == "RETRY-1-REC-000000000002"
    same = evolve(attempt, bank_order_id="parent")
    assert len(planned(evolve(rows, attempts=(same,))).orders) == 1


def test_of_rows_with_one_of_the_banks_ids_one_keeps_it() -> None:
    twin = paid("MAN-000000000002", -39, bank_order_id="parent")
    plan = planned(tables(twin))
    assert [(one.id, one.bank_order_id, one.state) for one in plan.orders] == [
        (FIRST.order_id, "parent", OrderState.COMPLETED),
        (twin.order_id, None, OrderState.REJECTED),
    ]
    named = planned(tables(twin), said(receipt("parent", external_order_id=twin.order_id)))
    assert [one.id for one in named.orders if one.is_paid] == [twin.order_id]
    unpaid = evolve(FIRST, status="failed")
    assert [one.id for one in planned(evolve(tables(), orders=(unpaid, twin))).orders if one.is_paid] == [twin.order_id]


def test_two_tenants_cannot_have_one_of_the_banks_ids() -> None:
    other = evolve(TENANT, id=2, schema_name="other", domain_url="other.echodesk.ge")
    row = paid("MAN-000000000002", -30, bank_order_id="parent", tenant_id=2)
    plan = whole(evolve(tables(row), tenants=(TENANT, other)))
    assert [one.bank_order_id for tenant in plan.tenants for one in tenant.orders] == ["parent", None]


@pytest.mark.parametrize(
    "row",
    [
        paid("0b514bfd-e0d6-4915-8bb0-14b3b8e4e38d", -1),
        paid("FLITT-000000000002", -1),
        paid("MAN-000000000002", -1, currency="AMD"),
        paid("SUB-0123456789ABCDEF01234567", -1),
    ],
)
def test_what_is_not_ours_is_left_alone_and_listed(row: OldOrder) -> None:
    plan = planned(tables(row))
    assert [one.id for one in plan.orders] == [FIRST.order_id]
    assert kinds(plan) == [(Kind.LEFT_ALONE, row.order_id)]


def test_a_charge_under_way_is_the_charge_of_the_next_period() -> None:
    old = subscribed(expires_at=days(1), last_billed_at=days(-29))
    going = paid("REC-000000000002", -0.1, status="pending", paid_at=None)
    twin = paid("REC-000000000003", -0.05, status="pending", paid_at=None)
    plan = planned(tables(going, twin, subscription=old))
    found = {one.id: (one.period, one.plan is not None) for one in plan.orders if one.is_open}
    assert found == {going.order_id: (1, True), twin.order_id: (None, False)}
    assert plan.subscription.dunning.charged_period == 1


def test_a_charge_that_nobody_answered_for_long_holds_up_nothing() -> None:
    old = subscribed(expires_at=days(1), last_billed_at=days(-29))
    stale = paid("REC-000000000002", -2, status="pending", paid_at=None)
    plan = planned(tables(stale, subscription=old))
    (order,) = [one for one in plan.orders if one.is_open]
    assert (order.plan, order.check_at) == (None, NOW)
    assert plan.subscription.dunning.charged_period is None


def test_a_retry_under_way_is_the_charge_of_the_next_period() -> None:
    attempt = OldAttempt(
        id=9,
        payment_order_id=1,
        tenant_id=1,
        status="pending",
        bank_order_id="retry",
        amount=Decimal("120.00"),
        attempted_at=days(-0.1),
    )
    old = subscribed(expires_at=days(1), last_billed_at=days(-29))
    plan = planned(tables(attempts=(attempt,), subscription=old))
    (order,) = [one for one in plan.orders if one.is_open]
    assert (order.id, order.period, plan.subscription.dunning.charged_period) == ("RETRY-9", 1, 1)
    assert plan.findings == ()


def test_an_order_that_is_still_open_pays_the_next_period_at_its_own_amount() -> None:
    going = paid("MAN-000000000002", -0.1, "99.00", status="pending", paid_at=None, payment_url="https://bank/pay")
    check = paid("CARD-000000000003", -0.1, "1.00", status="pending", paid_at=None)
    single = paid("FEAT-000000000004", -0.1, "2.10", status="pending", paid_at=None)
    orders = {one.id: one for one in planned(tables(going, check, single)).orders}
    order = orders[going.order_id]
    assert (order.period, order.payment_url, order.check_at) == (1, "https://bank/pay", NOW)
    assert order.plan is not None
    assert order.plan.price == gel("99.00")
    assert (orders[check.order_id].plan, orders[single.order_id].plan) == (None, None)


def test_an_open_order_that_names_features_and_seats_buys_those() -> None:
    metadata = {"feature_ids": [1, 2, 99], "agent_count": 20}
    going = paid("SUB-000000000002", -0.1, "90.00", status="pending", paid_at=None, metadata=metadata)
    order = next(one for one in planned(tables(going)).orders if one.is_open)
    assert order.plan is not None
    assert (order.plan.features, order.plan.selection.seats) == (("core", "tickets"), 20)
    assert (order.plan.price, order.plan.items[1].unit_price) == (gel("90.00"), gel("4.50"))


def test_a_single_feature_shows_by_its_key_or_its_id() -> None:
    for metadata, shows in (
        ({"feature_key": "calls"}, True),
        ({"feature_id": 3}, True),
        ({"feature_key": "booking", "feature_id": 4}, False),
        ({}, False),
    ):
        plan = planned(tables(paid("FEAT-000000000002", -7, "2.10", metadata=metadata)))
        assert (kinds(plan) == []) is shows


# Invoices, registrations, and the rest.


def invoiced(order: OldOrder, number: str, amount: str = "120.00", **changes: Any) -> OldInvoice:
    values: dict[str, Any] = {
        "id": 5,
        "number": number,
        "payment_order_id": order.id,
        "amount": Decimal(amount),
        "currency": "GEL",
        "description": "Subscription",
        "seats": 10,
        "issued_at": days(-40),
        "pdf_url": "",
    }
    return OldInvoice(**{**values, **changes})


def test_an_invoice_keeps_its_number_its_amount_and_a_link_that_is_one() -> None:
    odd = invoiced(FIRST, "INV-202510-0003", "130.00", pdf_url="javascript:alert(1)")
    plan = planned(tables(invoices=(odd,)))
    (issued,) = plan.invoices
    assert (issued.number, issued.amount, issued.external_url) == ("INV-202510-0003", gel("130.00"), "")
    assert kinds(plan) == [(Kind.AMOUNT_DIFFERS, "INV-202510-0003")]
    linked = planned(tables(invoices=(evolve(odd, amount=Decimal(120), pdf_url="https://files/1.pdf"),)))
    assert [one.external_url for one in linked.invoices] == ["https://files/1.pdf"]


def test_an_order_has_one_invoice_and_none_before_it_is_paid() -> None:
    going = paid("MAN-000000000002", -0.1, status="pending", paid_at=None)
    rows = (
        invoiced(FIRST, "INV-1"),
        invoiced(FIRST, "INV-2", id=6),
        invoiced(going, "INV-3", id=7),
        invoiced(paid("0b514bfd-e0d6-4915-8bb0-14b3b8e4e38d", -1), "INV-4", id=8),
    )
    plan = planned(tables(going, paid("0b514bfd-e0d6-4915-8bb0-14b3b8e4e38d", -1), invoices=rows))
    assert [one.number for one in plan.invoices] == ["INV-1"]
    assert [subject for kind, subject in kinds(plan) if kind is Kind.NOT_IMPORTED] == ["INV-2", "INV-3", "INV-4"]


def registered(order_id: str, expires: float = -1, **changes: Any) -> OldRegistration:
    values: dict[str, Any] = {
        "schema_name": "newcomer",
        "order_id": order_id,
        "name": "Newcomer",
        "admin_email": "nino@newcomer.ge",
        "admin_first_name": "Nino",
        "admin_last_name": "Beridze",
        "preferred_language": "ka",
        "features": (1, 2, 3),
        "agent_count": 10,
        "is_processed": False,
        "created_at": days(-2),
        "expires_at": days(expires),
        "payload": {"admin_password": "hash"},
    }
    return OldRegistration(**{**values, **changes})


def test_a_registration_that_was_paid_for_nothing_waits_for_a_person() -> None:
    row = paid("REG-000000000002", -2, tenant_id=None)
    rows = tables(row, registrations=(registered(row.order_id),))
    plan = whole(rows)
    (found,) = plan.registrations
    assert found.registration is not None
    assert (found.order.state, found.order.tenant_id) == (OrderState.COMPLETED, "newcomer")
    assert found.payload == {"admin_password": "hash"}
    assert [one.kind for one in plan.findings] == [Kind.PAID_WITHOUT_EFFECT]
    assert found.order.attention
    (applied,) = whole(rows, decisions={"newcomer": Decision(apply=(row.order_id,))}).registrations
    assert (applied.order.state, applied.order.check_at, applied.entries) == (OrderState.PROCESSING, NOW, ())
    assert applied.order.plan is not None
    settled = whole(rows, decisions={"newcomer": Decision(settled=(row.order_id,))})
    assert (settled.findings, settled.registrations[0].order.attention) == ((), ())


@pytest.mark.parametrize(
    ("expires", "changes", "kept"),
    [(0.02, {}, True), (-0.02, {}, False), (0.02, {"admin_email": "nobody"}, False)],
)
def test_an_unpaid_registration_is_kept_until_it_expires(expires: float, changes: dict[str, Any], kept: bool) -> None:
    row = paid("REG-000000000002", 0, tenant_id=None, status="pending", paid_at=None)
    plan = whole(tables(row, registrations=(registered(row.order_id, expires, **changes),)))
    assert [one.order.state for one in plan.registrations] == ([OrderState.PROCESSING] if kept else [])
    assert [one.kind for one in plan.findings] == ([] if kept else [Kind.LEFT_ALONE])


@pytest.mark.parametrize("changes", [{"is_processed": True}, {"admin_email": "nobody"}])
def test_a_paid_registration_that_cannot_be_completed_can_be_given_back(changes: dict[str, Any]) -> None:
    row = paid("REG-000000000002", -2, tenant_id=None)
    rows = tables(row, registrations=(registered(row.order_id, **changes),))
    plan = whole(rows, decisions={"newcomer": Decision(apply=(row.order_id,))})
    (found,) = plan.registrations
    assert (found.registration, found.order.state) == (None, OrderState.COMPLETED)
    assert [one.kind for one in plan.findings] == [Kind.PAID_WITHOUT_EFFECT]


@pytest.mark.parametrize(
    ("metadata", "registrations"),
    [
        ({"schema_name": "acme"}, ()),
        ({}, (registered("SUB-000000000001", schema_name="acme", is_processed=True),)),
        ({}, ()),  # its card is charged
    ],
)
def test_the_order_of_its_registration_belongs_to_the_tenant(metadata: dict[str, str], registrations: Any) -> None:
    first = evolve(FIRST, tenant_id=None, metadata=metadata)
    plan = whole(evolve(tables(), orders=(first,), registrations=registrations))
    assert [one.id for one in plan.tenants[0].orders] == [first.order_id]
    assert plan.registrations == ()


def test_other_tenants_are_left_alone_and_listed() -> None:
    others = (
        evolve(TENANT, id=2, schema_name="public"),
        evolve(TENANT, id=3, schema_name="abroad", payment_provider="paddle"),
        evolve(TENANT, id=4, schema_name="Not Valid"),
        evolve(TENANT, id=5, schema_name="skipped"),
    )
    rows = evolve(tables(), tenants=(TENANT, *others))
    plan = whole(rows, decisions={"skipped": Decision(skip=True, note="no"), "nobody": Decision()})
    assert [one.tenant_id for one in plan.tenants] == ["acme"]
    assert [(one.kind, one.tenant) for one in plan.findings] == [
        (Kind.LEFT_ALONE, "Not Valid"),
        (Kind.LEFT_ALONE, "abroad"),
        (Kind.LEFT_ALONE, "skipped"),
        (Kind.CONFLICT, "nobody"),
    ]
    only = whole(rows, only=("acme", "missing"))
    assert [one.tenant for one in only.findings] == ["missing"]


def test_a_tenant_that_was_imported_is_planned_for_the_moment_of_its_import() -> None:
    before = days(-15)
    old = subscribed(expires_at=days(-3), last_billed_at=days(-33))
    first = whole(tables(subscription=old), rules=evolve(RULES, now=before)).tenants[0]
    again = whole(tables(subscription=old), imported={"acme": before}).tenants[0]
    assert (first.subscription, first.orders, first.cards) == (again.subscription, again.orders, again.cards)
    assert first.subscription.state is S.ACTIVE
    assert planned(tables(subscription=old)).subscription.state is S.PAST_DUE


def test_a_decision_about_an_order_that_is_not_there_is_listed() -> None:
    plan = planned(tables(), decision=Decision(apply=("SUB-1",), settled=("SUB-2",)))
    assert kinds(plan) == [(Kind.CONFLICT, "SUB-1"), (Kind.CONFLICT, "SUB-2")]


def test_the_catalogue_sells_active_features_without_flat_prices() -> None:
    odd = (feature(4, "old", "1.00", is_active=False), feature(5, "x" * 65, "1.00"))
    sold, found = agreed.catalogue((*FEATURES, *odd))
    assert [(one.key, one.is_required, one.prices_flat) for one in sold.features] == [
        ("core", True, {}),
        ("tickets", False, {}),
        ("calls", False, {}),
    ]
    assert sold.features[1].prices_per_seat == {Currency.GEL: Money(Decimal("5.00"))}
    assert [one.kind for one in found] == [Kind.FEATURE]


def test_a_customer_has_names_language_and_an_address_that_is_one() -> None:
    tenant = evolve(TENANT, domain_url="Other.echodesk.ge", preferred_language="fr", admin_email="none", name="")
    customer = planned(evolve(tables(), tenants=(tenant,))).customer
    assert (customer.subdomain, customer.name, customer.profile.language) == ("other", "acme", "ka")
    assert (customer.profile.emails, customer.created_at, customer.imported_at) == ((), days(-40), NOW)
    usual = planned(tables()).customer
    assert (usual.subdomain, usual.host_label, usual.profile.emails) == ("", "acme", ("nino@acme.ge",))


def test_a_tenant_without_a_subscription_brings_its_payments() -> None:
    plan = planned(evolve(tables(), subscriptions=()))
    assert (plan.subscription.state, len(plan.orders), len(plan.cards)) == (S.INCOMPLETE, 1, 1)
    assert kinds(plan) == [(Kind.INCOMPLETE, "")]
