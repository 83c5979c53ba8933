"""A year of a business: thirty customers of all kinds on the simulated bank's clock, its books, figures and papers."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pypdfium2
import pytest
from attrs import define, field

from bog_sandbox.callbacks import Signer
from echodesk_billing import Billing, Invoice, Order, SubscriptionState
from echodesk_billing.domain.accounting.journal import BANK, TRANSFERS, VAT, EntryKind
from echodesk_billing.domain.money import Currency, Money
from tests.builders import with_intervals
from tests.integration.conftest import service_environment
from tests.integration.parts import Bank, Forge, running_bank

BEGINS = date(2030, 1, 10)
GEL0 = Money.zero(Currency.GEL)
TEAM, COMPANY = 1, 2


@define
class Shop:
    """The library, the bank, and a clock that both share."""

    billing: Billing
    bank: Bank
    today: date = BEGINS
    declined: set[str] = field(factory=set)

    async def pay(self, order: Order, **more: Any) -> Order:
        """The customer pays a page; the bank's receipt is merged."""
        await self.bank.pay(order.bank_order_id or "", **more)
        await self.billing.reconcile(older_than=timedelta(0))
        return await self.billing.status(order.id, tenant_id=order.tenant_id)

    async def buy(self, tenant: str, package: int = COMPANY, seats: int = 1, **more: Any) -> Order:
        """A first payment, with a card of the tenant's own."""
        order = await self.billing.checkout(
            tenant_id=tenant, tenant_name=f"{tenant} LLC", package_id=package, seats=seats, **more
        )
        return await self.pay(order, card=card_of(tenant))

    async def day_passes(self) -> None:
        """The worker's chores of a day, and what the bank found out."""
        await self.bank.control("POST", "clock", {"advance": 86_400})
        self.today += timedelta(days=1)
        if [one for one in await self.billing.renew() if one.order_id]:
            await self.billing.reconcile(older_than=timedelta(0))

    async def until(self, month: int, day: int = 10) -> None:
        """Days pass until this one of 2030, or of 2031 from the thirteenth month on."""
        wanted = date(BEGINS.year + (month - 1) // 12, (month - 1) % 12 + 1, day)
        while self.today < wanted:
            await self.day_passes()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """With a bank of its own, whose clock no other test has to live with."""
    async with running_bank(tmp_path / "bank.log") as bank, open_shop(bank, tmp_path) as shop:
        yield shop


@asynccontextmanager
async def open_shop(bank: Bank, tmp_path: Path) -> AsyncIterator[Shop]:
    environment = await service_environment(bank, f"sqlite:///{tmp_path}/db.sqlite3", Signer())
    environment |= {
        "BILLING_SELLER_NAME": "შპს ექოდესკი",
        "BILLING_SELLER_BANK_ACCOUNT": "GE00BG0000000000000000",
        "BILLING_VAT_PERCENT": "18",
        "BILLING_ASK_AHEAD_HOURS": "0",
        "BILLING_TRIAL_DAYS": "14",
        "BILLING_BANK_CALLS_PER_SECOND": "10000",
    }
    now = datetime.fromisoformat((await bank.control("GET", "clock"))["now"])
    starts = datetime(BEGINS.year, BEGINS.month, BEGINS.day, 6, tzinfo=UTC)
    await bank.control("POST", "clock", {"advance": (starts - now).total_seconds()})
    await bank.fault("callback", "drop", times=100_000)
    async with Billing.open(environment) as billing:
        await billing.load_catalogue(with_intervals())
        yield Shop(billing, bank)


STEADY = [f"steady-{number}" for number in range(8)]
TEAMS = {f"team-{seats}": seats for seats in range(2, 6)}
EXPECTED: dict[str, tuple[int, str, str]] = {  # invoices, taken, refunded
    **dict.fromkeys(STEADY, (12, "1740.00", "0.00")),
    **{tenant: (12, f"{600 * seats}.00", "0.00") for tenant, seats in TEAMS.items()},
    "quarterly": (4, "1160.00", "0.00"),
    "yearly": (1, "1450.00", "0.00"),
    "by-hand": (12, "1740.00", "0.00"),
    "upgrade": (13, "2650.00", "0.00"),
    "downgrade": (12, "1800.00", "0.00"),
    "declined-once": (12, "1740.00", "0.00"),
    "suspended": (11, "1595.00", "0.00"),
    "cancelled": (5, "725.00", "0.00"),
    "refunded-in-part": (12, "1740.00", "45.00"),
    "refunded": (3, "435.00", "145.00"),
    "fifth-off": (12, "1392.00", "0.00"),
    "ten-days": (12, "1740.00", "0.00"),
    "half-price": (12, "1522.50", "0.00"),
    "partner": (3, "435.00", "0.00"),
    "seasonal": (10, "1450.00", "0.00"),
    "by-transfer": (4, "1160.00", "0.00"),
    "given-days": (12, "1740.00", "0.00"),
    "after-trial": (12, "1740.00", "0.00"),
}
RECURRING, CUSTOMERS = "3945.17", 27


def card_of(tenant: str) -> str:
    """A card of a tenant's own."""
    return f"40000000{list(EXPECTED).index(tenant):08}"


async def opening(shop: Shop) -> None:
    """The first day: everybody comes."""
    billing = shop.billing
    for tenant in EXPECTED:
        await shop.bank.control("PUT", f"cards/{card_of(tenant)}", {"code": "100"})
    await billing.create_coupon("FIFTH", "percent", 20, "the opening")
    await billing.create_coupon("TEN", "days", 10, "the opening")
    await billing.create_coupon("HALF", "percent_periods", 50, "the opening", periods=3)
    coupons = {"fifth-off": "FIFTH", "ten-days": "ten", "half-price": "half"}
    plain = ("declined-once", "suspended", "cancelled", "refunded-in-part", "refunded", "partner", "seasonal")
    for tenant in (*STEADY, *plain, "given-days", *coupons):
        await shop.buy(tenant, coupon=coupons.get(tenant, ""))
    for tenant, seats in {**TEAMS, "upgrade": 2, "downgrade": 4}.items():
        await shop.buy(tenant, TEAM, seats)
    await shop.buy("quarterly", interval=3)
    await shop.buy("yearly", interval=12)
    await shop.buy("by-hand", save_card="no")
    made = await billing.create_proforma("by-transfer", package_id=COMPANY, interval=3, tenant_name="გადარიცხვა LLC")
    await billing.record_transfer(made.number, made.amount.amount, "T-1", "on the statement")
    await billing.start_trial("after-trial", package_id=COMPANY)


async def by_hand(shop: Shop, *tenants: str) -> None:
    """Those who are asked pay the next period on a page."""
    for tenant in tenants:
        if tenant == "by-hand":
            order = await shop.billing.checkout(tenant_id=tenant, package_id=COMPANY, save_card="no")
        else:
            order = await shop.billing.pay_now(tenant)
        await shop.pay(order, card=card_of(tenant))


async def by_transfer(shop: Shop, month: int) -> None:
    made = await shop.billing.create_proforma("by-transfer")
    await shop.billing.record_transfer(made.number, made.amount.amount, f"T-{month}", "on the statement")


async def the_year(shop: Shop) -> None:
    """What happens from month to month, besides what the worker does."""
    billing = shop.billing
    await shop.until(1, 26)
    await shop.pay(await billing.reactivate("after-trial"), card=card_of("after-trial"))
    for month in range(2, 13):
        await before_the_tenth(shop, month)
        await shop.until(month, 11)
        await by_hand(shop, "by-hand", *({4: ["half-price"], 7: ["downgrade"]}.get(month, [])))
        if month in (4, 7, 10):
            await by_transfer(shop, month)
        await after_the_tenth(shop, month)
    await shop.until(12, 31)


async def before_the_tenth(shop: Shop, month: int) -> None:
    if month in (3, 5):
        await shop.until(month, 9)
        number, code = {3: (card_of("declined-once"), "107"), 5: (card_of("suspended"), "105")}[month]
        await shop.bank.control("PUT", f"cards/{number}", {"code": code})


async def after_the_tenth(shop: Shop, month: int) -> None:
    billing = shop.billing
    orders = {one.tenant_id: one for one in await paid_orders(shop)}
    match month:
        case 2:
            await billing.refund(orders["refunded-in-part"].id, Decimal("45.00"), reason="less used")
        case 3:
            await shop.until(3, 12)
            await shop.bank.control("PUT", f"cards/{card_of('declined-once')}", {"code": "100"})
            await shop.until(3, 15)
            await billing.refund(orders["refunded"].id, reason="not what it wanted", cancel_subscription=True)
            await billing.make_complimentary("partner", "a design partner")
        case 4:
            await billing.pause("seasonal", "no guests", until=date(BEGINS.year, 7, 1))
            await shop.until(4, 20)
            changed = await billing.change_plan("upgrade", "now", seats=5)
            assert changed.order is not None
            await shop.pay(changed.order, card=card_of("upgrade"))
        case 5:
            await shop.until(5, 20)
            await billing.cancel("cancelled")
        case 6:
            await billing.change_plan("downgrade", "later", seats=2)
            await shop.until(6, 15)
            await billing.give_days("given-days", 10, "an outage")
            await shop.until(6, 20)
            assert (await billing.subscription("suspended")).subscription.state is SubscriptionState.SUSPENDED  # type: ignore[union-attr]
            await shop.bank.control("PUT", f"cards/{card_of('suspended')}", {"code": "100"})
            await shop.pay(await billing.reactivate("suspended"), card=card_of("suspended"))
    await billing.reconcile(older_than=timedelta(0))


async def paid_orders(shop: Shop) -> list[Order]:
    """All paid orders, the newest last."""
    container = shop.billing._container
    found = await container.storage().read(lambda uow: uow.orders.listed(None, None, 10_000))
    return sorted((one for one in found if one.captured is not None), key=lambda one: one.created_at)


async def test_thirty_customers_in_a_year(shop: Shop, forge: Forge, tmp_path: Path) -> None:
    assert len(EXPECTED) == 30
    await opening(shop)
    await the_year(shop)
    await the_money_is_right(shop)
    await the_figures_are_right(shop)
    await the_exports_are_right(shop, forge, tmp_path)
    await the_papers_are_right(shop)


async def the_money_is_right(shop: Shop) -> None:
    orders = await paid_orders(shop)
    found = {
        tenant: (
            len(mine),
            str(sum((one.captured or GEL0 for one in mine), GEL0).amount),
            str(sum((one.refunded for one in mine), GEL0).amount),
        )
        for tenant in EXPECTED
        for mine in [[one for one in orders if one.tenant_id == tenant]]
    }
    assert found == EXPECTED
    assert Counter(one.state for one in orders if one.attention) == {}
    container = shop.billing._container
    balances = await container.storage().read(
        lambda uow: {name: uow.books.balance(name).get(Currency.GEL, GEL0) for name in (BANK, TRANSFERS, VAT)}
    )
    taken = sum((Decimal(one[1]) for one in EXPECTED.values()), Decimal(0))
    assert balances[TRANSFERS].amount == Decimal("1160.00")
    assert balances[BANK].amount == taken - Decimal("1160.00") - Decimal("190.00")
    receipts = await shop.bank.control("GET", "orders")
    paid = (
        Decimal(one["purchase_units"]["transfer_amount"]) for one in receipts if one["payment_detail"]["code"] == "100"
    )
    at_the_bank = sum(paid, Decimal(0))
    assert at_the_bank == balances[BANK].amount


async def the_figures_are_right(shop: Shop) -> None:
    (found,) = await shop.billing.statistics()
    assert (str(found.recurring.amount), found.customers) == (RECURRING, CUSTOMERS)
    assert found.yearly == found.recurring * 12
    assert [one.month for one in found.months] == [f"{BEGINS.year}-{month:02}" for month in range(1, 13)]
    assert sum(one.joined["new_customers"] for one in found.months) == 30
    assert {(one.code, one.declined, one.recovered) for one in found.collections} == {("105", 1, 0), ("107", 1, 1)}
    moved = {}
    for one in found.months:
        moved[one.month[-2:]] = {name: str(amount.amount) for name, amount in one.movements.items() if amount}
    assert moved["03"] == {"churn": "290.00"}  # refunded and partner
    assert moved["04"] == {"expansion": "222.50"}  # upgrade, and half-price at its full price
    assert moved["05"] == {"churn": "290.00"}  # suspended and seasonal
    assert moved["06"] == {"reactivation": "145.00", "churn": "145.00"}  # suspended is back, cancelled has ended
    assert moved["07"] == {"reactivation": "145.00", "contraction": "100.00"}  # seasonal is back, downgrade
    taken = sum((one.captured for one in found.months), GEL0)
    assert taken.amount == sum((Decimal(one[1]) for one in EXPECTED.values()), Decimal(0))
    assert sum((one.refunded for one in found.months), GEL0).amount == Decimal("190.00")
    assert await shop.billing._container.figures().verify() == []


async def the_exports_are_right(shop: Shop, forge: Forge, tmp_path: Path) -> None:
    environment = shop.billing._container.settings()
    settings = {name: str(value) for name, value in msgspec.to_builtins(environment).items() if value not in ("", None)}

    async def exported(what: str) -> list[dict[str, Any]]:
        file = tmp_path / f"{what}.json"
        days = ("--from", "2030-01-01", "--to", "2030-12-31")
        arguments = (what, "export", *days, "--format", "json", "--output", str(file))
        code, printed = await forge.run(tmp_path / "export.log", settings, *arguments)
        assert code == 0, printed[-500:]
        rows: list[dict[str, Any]] = json.loads(file.read_text())
        return rows

    documents, entries = await exported("invoices"), await exported("ledger")
    kinds = Counter(one["kind"] for one in documents)
    assert kinds == {"invoice": sum(one[0] for one in EXPECTED.values()), "credit note": 2}
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
    for one in documents:
        month = sums[one["issued_at"][:7]]
        month[0] += Decimal(str(one["net"]))
        month[1] += Decimal(str(one["vat"]))
    for one in entries:
        month = sums[one["at"][:7]]
        sign = {EntryKind.INVOICE: 1, EntryKind.CORRECTION: -1}.get(one["kind"], 0)
        account = one["credit"] if sign == 1 else one["debit"]
        month[3 if account == VAT else 2] += sign * Decimal(str(one["amount"]))
    assert len(sums) == 12
    assert [one[:2] for one in sums.values()] == [one[2:] for one in sums.values()]


async def the_papers_are_right(shop: Shop) -> None:
    billing = shop.billing

    async def text(tenant: str, number: int = -1) -> tuple[Invoice, str]:
        invoice = list(reversed(await billing.invoices(tenant)))[number]
        return invoice, read(await billing.invoice_pdf(tenant, invoice.id, language="en"))

    first, half = await text("half-price", 0)
    assert [
        told
        for told in (first.number, "Discount HALF, 50 %", "-72.50", "72.50 GEL", "VAT 18 %", "11.06")
        if told not in half
    ] == []
    _, full = await text("half-price", 3)
    assert ("HALF" in full, "145.00 GEL" in full) == (False, True)
    _, transfer = await text("by-transfer", 0)
    assert [told for told in ("bank transfer", "PF-2030-000001", "გადარიცხვა LLC") if told not in transfer] == []
    (note,) = await billing.credit_notes("refunded-in-part")
    printed = read(await billing.credit_note_pdf("refunded-in-part", note.id, language="en"))
    assert [told for told in (note.number, note.invoice_number, "45.00 GEL", "6.86") if told not in printed] == []
    (latest, *_) = await billing.proformas("by-transfer")
    proforma = read(await billing.proforma_pdf(latest.number, language="ka"))
    assert [told for told in (latest.number, "GE00BG0000000000000000", "290.00 GEL") if told not in proforma] == []
    upgraded = list(reversed(await billing.invoices("upgrade")))[4]
    assert upgraded.details.ends is not None  # 20 April, 9 days for 66.67, a month
    assert (upgraded.amount.amount, upgraded.details.ends.day) == (Decimal("250.00"), 29)


def read(pdf: bytes) -> str:
    text: str = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_bounded()
    return text
