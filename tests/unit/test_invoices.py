"""Invoices as an accountant reads them: lines that add up, VAT, the buyer of that day, and credit notes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from attrs import evolve

from echodesk_billing import CreditNoteIssued, Currency, Money
from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice, InvoiceLine, Party, Seller, lines
from echodesk_billing.domain.accounting.journal import BANK, REVENUE, VAT, tenant_account
from echodesk_billing.domain.accounting.vat import vat_in
from echodesk_billing.domain.catalogue.pricing import Selection, plan
from echodesk_billing.domain.orders.payment_request import Wallet
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, a_plan, a_request, an_order, catalogue, gel, principal, refund, report
from tests.unit.conftest import World

OPERATOR = principal("echodesk", Scope.OPERATOR)
TAXED = Seller(
    party=Party(name="EchoDesk LLC", identification_code="405123456", address="Tbilisi"), vat_percent=Decimal(18)
)
FEBRUARY = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)


@pytest.fixture
async def taxed() -> World:
    world = World(seller=TAXED)
    await world.load_catalogue.load(catalogue())
    return world


@pytest.mark.parametrize(
    ("amount", "percent", "vat"),
    [
        ("118.00", "18", "18.00"),
        ("145.00", "18", "22.12"),
        ("0.01", "18", "0.00"),
        ("0.04", "18", "0.01"),
        ("100.00", "0", "0.00"),
        ("0.00", "18", "0.00"),
        ("119.00", "19", "19.00"),
        ("10.00", "5.5", "0.52"),
    ],
)
def test_vat_is_in_the_price_and_rounded_half_up(amount: str, percent: str, vat: str) -> None:
    assert vat_in(gel(amount), Decimal(percent)) == gel(vat)


def test_without_a_percent_there_is_no_vat() -> None:
    assert vat_in(gel("118.00"), None) == gel("0.00")


def of(order: object = None, captured: str = "145.00", **changes: object) -> Invoice:
    whole = {"series": "INV-2026", "serial": 1, "buyer": Party(name="Acme"), "seller": Seller(), **changes}
    return Invoice.of(order or an_order(), gel(captured), NOW, **whole)  # type: ignore[arg-type]


def test_a_plan_by_seats_has_a_line_of_seats() -> None:
    agreed = a_plan(package_id=1, seats=3)
    order = an_order(plan=agreed, amount=agreed.price)
    assert lines(order, agreed.price) == (
        InvoiceLine(description="Team", quantity=3, unit_price=gel("50.00"), amount=gel("150.00")),
    )


def test_features_have_a_line_each_and_free_ones_none() -> None:
    chosen = plan(catalogue(), Selection(features=["tickets", "calls"], seats=2), Currency.GEL)
    free = evolve(chosen.items[0], unit_price=gel("0.00"), key="free", name="Free")
    agreed = evolve(chosen, items=(*chosen.items, free))
    found = lines(an_order(plan=agreed, amount=agreed.price), agreed.price)
    assert [line.quantity for line in found] == [2, 2]
    assert sum((line.amount for line in found), gel("0.00")) == agreed.price
    assert "Free" not in [line.description for line in found]


def test_a_price_that_the_items_do_not_make_has_one_line() -> None:
    agreed = evolve(a_plan(package_id=1, seats=3), price=gel("149.00"))
    (line,) = lines(an_order(plan=agreed, amount=agreed.price), agreed.price)
    assert (line.quantity, line.amount) == (1, gel("149.00"))


def test_a_discount_of_the_bank_is_a_line_of_its_own() -> None:
    *_, last = lines(an_order(), gel("140.00"))
    assert (last.is_discount, last.amount) == (True, gel("-5.00"))


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({}, "card"),
        ({"is_automatic": True}, "saved_card"),
        ({"wallet": Wallet.GOOGLE_PAY}, "google_pay"),
        ({"wallet": Wallet.APPLE_PAY}, "apple_pay"),
    ],
)
def test_it_says_how_it_was_paid(changes: dict[str, object], method: str) -> None:
    assert of(an_order(request=a_request(**changes))).details.method == method


async def test_it_keeps_seller_buyer_and_period_as_they_were(taxed: World) -> None:
    await taxed.customers.change_profile(
        principal(), {"legal_name": "Acme LLC", "identification_code": "404123456", "address": "Rustaveli 1"}
    )
    await taxed.buy_and_pay()
    await taxed.customers.change_profile(principal(), {"legal_name": "Other LLC", "address": "elsewhere"})
    (invoice,) = await taxed.views.invoices(principal())
    details = invoice.details
    assert (invoice.buyer, details.identification_code, details.address) == ("Acme LLC", "404123456", "Rustaveli 1")
    assert (details.seller, details.vat_percent, details.vat) == (TAXED.party, Decimal(18), gel("22.12"))
    assert (details.begins, details.ends) == (NOW, FEBRUARY)


async def test_a_period_paid_ahead_and_an_upgrade_say_what_they_pay(taxed: World) -> None:
    await taxed.buy_and_pay(package_id=1, seats=2)
    await taxed.buy_and_pay(package_id=1, seats=2, distinct=True)
    taxed.clock.advance(days=10)
    await taxed.buy_and_pay(package_id=1, seats=5)
    upgrade, ahead, first = await taxed.views.invoices(principal())
    assert (first.details.ends, ahead.details.begins) == (FEBRUARY, FEBRUARY)
    assert upgrade.details.begins == taxed.clock.moment
    assert upgrade.details.ends == (await taxed.subscription()).paid_until


async def test_vat_is_an_account_and_every_refund_has_its_part_of_it(taxed: World) -> None:
    order = await taxed.buy_and_pay()
    for amount in ("10.00", "33.33", None):
        order, _ = await taxed.refunds.refund(OPERATOR, order.id, Decimal(amount) if amount else None, "asked for")
        taxed.bank.give_back(order)
        await taxed.hear(order)
        order = await taxed.order(order.id)
    notes = list(reversed(await taxed.views.credit_notes(principal())))
    assert [note.number for note in notes] == ["CN-2026-000001", "CN-2026-000002", "CN-2026-000003"]
    assert [note.amount for note in notes] == [gel("10.00"), gel("33.33"), gel("101.67")]
    assert sum((note.vat or gel("0") for note in notes), gel("0")) == gel("22.12")
    assert {(note.invoice_number, note.reason) for note in notes} == {("INV-2026-000001", "asked for")}
    events = [event for event in await taxed.events() if isinstance(event, CreditNoteIssued)]
    assert [event.number for event in events] == [note.number for note in notes]
    for account in (BANK, REVENUE, VAT, tenant_account("acme")):
        balance = await taxed.storage.read(lambda uow, account=account: uow.books.balance(account))  # type: ignore[misc]
        assert balance == {Currency.GEL: gel("0.00")}, account


async def test_revenue_is_what_is_left_without_vat(taxed: World) -> None:
    await taxed.buy_and_pay()
    balances = {
        account: (await taxed.storage.read(lambda uow, account=account: uow.books.balance(account)))[Currency.GEL]  # type: ignore[misc]
        for account in (REVENUE, VAT)
    }
    assert balances == {REVENUE: gel("-122.88"), VAT: gel("-22.12")}


async def test_a_refund_of_the_banks_office_has_a_credit_note_too(taxed: World) -> None:
    order = await taxed.buy_and_pay()
    refunded = report(
        BankStatus.REFUNDED_PARTIALLY,
        bank_order_id=order.bank_order_id,
        external_order_id=order.id,
        transferred=gel("145.00"),
        refunds=(refund("office", "45.00"),),
    )
    await taxed.settlement.apply(refunded)
    (note,) = await taxed.views.credit_notes(principal())
    assert (note.amount, note.reason, note.vat) == (gel("45.00"), "", gel("6.86"))


async def test_a_card_check_has_no_invoice_and_no_credit_note(taxed: World) -> None:
    order = await taxed.cards.add(principal())
    taxed.bank.pay(order)
    await taxed.hear(order)
    async for _ in taxed.reconcile.run():
        pass
    taxed.bank.give_back(await taxed.order(order.id))
    await taxed.hear(order)
    assert await taxed.views.invoices(principal()) == []
    assert await taxed.views.credit_notes(principal()) == []
    entries = await taxed.storage.read(lambda uow: uow.books.of_order(order.id))
    assert [entry.kind for entry in entries] == ["payment", "refund"]


def test_a_credit_note_of_an_invoice_without_vat_has_none() -> None:
    note = CreditNote.of(of(), gel("5.00"), gel("5.00"), NOW, series="CN-2026", serial=7, reason="")
    assert (note.vat, note.number) == (None, "CN-2026-000007")


@pytest.mark.parametrize("parts", [["0.01"] * 9, ["3.33", "3.33", "3.34"], ["10.00"], ["0.07", "9.93"]])
def test_parts_of_vat_add_up_to_that_of_the_whole(parts: list[str]) -> None:
    whole = sum((gel(part) for part in parts), gel("0.00"))
    invoice = of(captured=str(whole.amount), seller=TAXED)
    returned, vat = gel("0.00"), gel("0.00")
    for part in parts:
        returned += gel(part)
        note = CreditNote.of(invoice, gel(part), returned, NOW, series="CN-2026", serial=1, reason="")
        assert note.vat is not None
        assert note.vat >= Money.zero(Currency.GEL)
        vat += note.vat
    assert vat == invoice.details.vat
