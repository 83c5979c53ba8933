"""Every movement of money is in the books, once, and they balance."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from echodesk_billing import Currency, InvalidMoney, Money
from echodesk_billing.domain.accounting.invoice import series_of
from echodesk_billing.domain.accounting.journal import (
    BANK,
    REVENUE,
    VAT,
    Entry,
    EntryKind,
    credit_entries,
    invoice_entries,
    payment_entries,
    refund_entries,
    tenant_account,
)
from echodesk_billing.domain.events import OrderCompleted, OrderRefunded
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, gel, principal
from tests.unit.conftest import World

OPERATOR = principal("echodesk", Scope.OPERATOR)


async def balance(world: World, account: str) -> Money:
    balances = await world.storage.read(lambda uow: uow.books.balance(account))
    return balances.get(Currency.GEL, gel("0.00"))


async def test_a_payment_and_its_refund_are_booked_once_however_often_they_are_reported(world: World) -> None:
    order = await world.buy_and_pay()
    for _ in range(2):
        await world.hear(order)
        async for _ in world.reconcile.run():
            pass
    assert await balance(world, BANK) == gel("145.00")
    assert await balance(world, REVENUE) == Money(Decimal("-145.00"), Currency.GEL)
    assert await balance(world, tenant_account("acme")) == gel("0.00")
    order, _ = await world.refunds.refund(OPERATOR, order.id, Decimal("45.00"))
    world.bank.give_back(order)
    for _ in range(2):
        await world.hear(order)
    assert await balance(world, BANK) == gel("100.00")
    assert await balance(world, REVENUE) == Money(Decimal("-100.00"), Currency.GEL)
    kinds = [entry.kind for entry in await world.storage.read(lambda uow: uow.books.of_order(order.id))]
    assert kinds == ["payment", "invoice", "refund", "correction"]


async def test_the_charged_amount_is_booked_and_invoiced(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order, transferred=gel("140.00"), discount=gel("5.00"))
    await world.hear(order)
    assert await balance(world, BANK) == gel("140.00")
    (invoice,) = await world.views.invoices(principal())
    assert (invoice.number, invoice.amount, invoice.package_name) == ("INV-2026-000001", gel("140.00"), "Company")


async def test_orders_that_do_not_complete_are_not_booked(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order, transferred=gel("1.00"))
    await world.hear(order)
    assert await balance(world, BANK) == gel("0.00")
    assert await world.views.invoices(principal()) == []


async def test_invoices_are_numbered_without_gaps_and_visible_only_to_their_tenant(world: World) -> None:
    for number in range(4):
        await world.buy_and_pay(f"tenant-{number}")
    numbers = [
        invoice.number for number in range(4) for invoice in await world.views.invoices(principal(f"tenant-{number}"))
    ]
    assert numbers == [f"INV-2026-00000{serial}" for serial in (1, 2, 3, 4)]


def test_a_series_is_a_year_of_the_time_zone() -> None:
    new_year_in_tbilisi = datetime(2026, 12, 31, 21, tzinfo=UTC)
    assert series_of(new_year_in_tbilisi, "Asia/Tbilisi") == "INV-2027"
    assert series_of(new_year_in_tbilisi, "UTC") == "INV-2026"


def test_an_entry_has_two_accounts_and_a_positive_amount() -> None:
    event = OrderCompleted(tenant_id="acme", at=NOW, order_id="SUB-1", amount=gel("2.00"), captured=gel("2.00"))
    (payment,) = payment_entries(event)
    assert (payment.debit, payment.credit) == (BANK, "tenant:acme")
    (invoice,) = invoice_entries(event, gel("0.00"))
    assert (invoice.debit, invoice.credit, invoice.amount) == ("tenant:acme", REVENUE, gel("2.00"))
    net, vat = invoice_entries(event, gel("0.31"))
    assert (net.credit, net.amount, vat.credit, vat.amount) == (REVENUE, gel("1.69"), VAT, gel("0.31"))
    back = OrderRefunded(tenant_id="acme", at=NOW, order_id="SUB-1", amount=gel("2.00"), refunded=gel("2.00"))
    (refund,) = refund_entries(back)
    assert (refund.debit, refund.credit) == ("tenant:acme", BANK)
    net, vat = credit_entries(back, gel("0.31"))
    assert (net.debit, net.amount, vat.debit, vat.amount) == (REVENUE, gel("1.69"), VAT, gel("0.31"))
    with pytest.raises(InvalidMoney, match="the amount of an entry"):
        Entry(
            kind=EntryKind.PAYMENT,
            tenant_id="acme",
            order_id="SUB-1",
            at=NOW,
            debit=BANK,
            credit=REVENUE,
            amount=gel("0.00"),
        )
