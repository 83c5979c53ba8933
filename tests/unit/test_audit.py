"""The daily report: orders compared with the bank's receipts and the books."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from attrs import evolve

from echodesk_billing.application.audit import Audit
from echodesk_billing.domain.accounting.audit import Comparison, compare
from echodesk_billing.domain.accounting.journal import payment_entries
from echodesk_billing.domain.events import OrderCompleted
from echodesk_billing.domain.orders.report import BankStatus, Source
from tests.builders import NOW, an_order, gel, principal, report
from tests.unit.conftest import World


async def compared(world: World, day: date | None = None) -> list[Comparison]:
    audit = Audit(world.storage, world.bank, world.clock, "Asia/Tbilisi")
    return [one async for one in audit.report(await audit.day(day))]


async def test_a_day_without_differences(world: World) -> None:
    order = await world.buy_and_pay()
    await world.refunds.refund(principal(), order.id, gel("20.00").amount)
    world.bank.give_back(await world.order(order.id))
    await world.hear(order)
    await world.buy("globex")
    found = {one.tenant_id: one for one in await compared(world, date(2026, 1, 31))}
    assert {one.differences for one in found.values()} == {()}
    assert (found["acme"].at_the_bank, found["acme"].in_the_books) == (gel("125.00"), gel("125.00"))
    assert found["globex"].at_the_bank == gel("0.00")


async def test_the_default_day_of_a_report_is_yesterday(world: World) -> None:
    await world.buy_and_pay()
    assert await compared(world) == []
    world.clock.moment = datetime(2026, 1, 31, 20, 30, tzinfo=UTC)  # half past midnight in Tbilisi
    assert len(await compared(world)) == 1


async def test_unknown_money_at_the_bank_is_shown(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order)
    (one,) = await compared(world, date(2026, 1, 31))
    assert one.differences == ("captured: 0.00 GEL here, 145.00 GEL at the bank",)


@pytest.mark.parametrize(
    ("status", "changes", "difference"),
    [
        (BankStatus.COMPLETED, {}, ()),
        (BankStatus.COMPLETED, {"transferred": gel("144.00")}, ("captured: 145.00 GEL here, 144.00 GEL at the bank",)),
        (BankStatus.REJECTED, {}, ("captured: 145.00 GEL here, 0.00 GEL at the bank",)),
        (
            BankStatus.REFUNDED_PARTIALLY,
            {"refunded": gel("5.00")},
            ("refunded: 0.00 GEL here, 5.00 GEL at the bank",),
        ),
    ],
)
def test_every_kind_of_difference(status: BankStatus, changes: dict[str, object], difference: tuple[str, ...]) -> None:
    order = an_order()
    order.observe(report(BankStatus.COMPLETED), NOW)
    paid = OrderCompleted(tenant_id="acme", at=NOW, order_id=order.id, amount=gel("145.00"), captured=gel("145.00"))
    receipt = evolve(report(status, **changes), source=Source.RECEIPT)
    assert compare(order, receipt, payment_entries(paid)).differences == difference


def test_a_movement_missing_in_the_journal_is_shown() -> None:
    order = an_order()
    order.observe(report(BankStatus.COMPLETED), NOW)
    assert compare(order, report(BankStatus.COMPLETED), ()).differences == (
        "balance: 145.00 GEL here, 0.00 GEL in the books",
    )


def test_an_order_that_needs_attention_is_a_difference() -> None:
    order = an_order()
    order.mark("somebody should look", Source.CALLBACK, NOW)
    assert compare(order, report(BankStatus.CREATED), ()).differences == ("somebody should look",)
