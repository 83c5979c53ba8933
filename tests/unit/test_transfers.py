"""Payments by bank transfer: proforma, payment, invoice, books, refund."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pypdfium2
import pytest
from attrs import evolve

from echodesk_billing import (
    ChangeRefused,
    InvalidSelection,
    NoActiveSubscription,
    Order,
    OrderState,
    Proforma,
    ProformaNotFound,
    SubscriptionState,
)
from echodesk_billing.application.audit import Audit
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.application.settled import Outcome
from echodesk_billing.domain.accounting.invoice import Party, Seller
from echodesk_billing.domain.accounting.journal import BANK, REVENUE, TRANSFERS, VAT
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.report import BankStatus, Source
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, catalogue, gel, principal, report
from tests.unit.conftest import World

OPERATOR = principal("", Scope.OPERATOR)
FEBRUARY = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
SELLER = Seller(
    party=Party(name="EchoDesk LLC", identification_code="405123456", bank_account="GE00BG0000000000000000"),
    vat_percent=Decimal(18),
)


@pytest.fixture
async def shop() -> World:
    world = World(seller=SELLER)
    await world.load_catalogue.load(catalogue())
    return world


async def recorded(world: World, proforma: Proforma, reference: str = "T1", **more: object) -> Order:
    amount = more.pop("amount", proforma.amount.amount)
    return await world.transfers.record(OPERATOR, proforma.number, amount, reference, "seen", **more)  # type: ignore[arg-type]


async def balances(world: World) -> dict[str, Decimal]:
    def read(uow: object) -> dict[str, Decimal]:
        return {
            account: uow.books.balance(account).get(Currency.GEL, Money.zero(Currency.GEL)).amount  # type: ignore[attr-defined]
            for account in (BANK, TRANSFERS, REVENUE, VAT, "tenant:acme")
        }

    return await world.storage.read(read)


async def test_a_proforma_changes_nothing_until_its_money_arrives(shop: World) -> None:
    made = await shop.transfers.create_proforma(OPERATOR, "acme", Selection(package_id=2), tenant_name="Acme LLC")
    assert (made.number, made.amount, made.buyer) == ("PF-2026-000001", gel("145.00"), "Acme LLC")
    assert made.details.vat == gel("22.12")
    assert made.details.ends == FEBRUARY  # if it is paid now
    assert await shop.orders() == []
    order = await recorded(shop, made)
    assert (order.state, order.captured, order.id[:4]) == (OrderState.COMPLETED, gel("145.00"), "MAN-")
    subscription = await shop.subscription()
    assert (subscription.state, subscription.paid_until) == (SubscriptionState.ACTIVE, FEBRUARY)
    assert (await shop.customer()) is not None


async def test_the_books_keep_transfers_apart_from_the_card_bank(shop: World) -> None:
    made = await shop.transfers.create_proforma(OPERATOR, "acme", Selection(package_id=2))
    await recorded(shop, made)
    assert await balances(shop) == {
        BANK: 0,
        TRANSFERS: Decimal("145.00"),
        REVENUE: Decimal("-122.88"),
        VAT: Decimal("-22.12"),
        "tenant:acme": 0,
    }
    (invoice,) = await shop.views.invoices(principal("acme"))
    assert (invoice.number, invoice.details.method, invoice.details.proforma) == (
        "INV-2026-000001",
        "bank_transfer",
        made.number,
    )
    completed = next(one for one in await shop.events() if one.name == "OrderCompleted")
    assert completed.by == OPERATOR.name


async def test_the_same_transfer_is_recorded_once_and_another_is_refused(shop: World) -> None:
    made = await shop.transfers.create_proforma(OPERATOR, "acme", Selection(package_id=2))
    order = await recorded(shop, made)
    assert (await recorded(shop, made)).id == order.id
    with pytest.raises(ChangeRefused, match=order.id):
        await recorded(shop, made, "T2")
    assert len(await shop.orders()) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": Decimal("144.99")},
        {"amount": Decimal("145.01")},
        {"amount": Decimal(0)},
        {"reference": " "},
        {"reference": "x" * 101},
        {"paid_on": date(2026, 2, 2)},
        {"paid_on": date(2020, 2, 2)},
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(shop: World, wrong: dict[str, object]) -> None:
    made = await shop.transfers.create_proforma(OPERATOR, "acme", Selection(package_id=2))
    with pytest.raises(InvalidSelection):
        await recorded(shop, made, **wrong)  # type: ignore[arg-type]
    assert await shop.orders() == []
    with pytest.raises(ProformaNotFound):
        await shop.transfers.record(OPERATOR, "PF-2026-000099", Decimal(1), "T1", "seen")
    with pytest.raises(InvalidSelection):
        await shop.transfers.record(OPERATOR, "INV-2026-000001", Decimal(1), "T1", "seen")


async def test_a_seller_without_an_account_makes_no_proforma() -> None:
    world = World(seller=Seller(party=Party(name="EchoDesk")))
    await world.load_catalogue.load(catalogue())
    with pytest.raises(ChangeRefused, match="BILLING_SELLER_BANK_ACCOUNT"):
        await world.transfers.create_proforma(OPERATOR, "acme", Selection(package_id=2))
    with pytest.raises(NoActiveSubscription):
        await world.transfers.create_proforma(OPERATOR, "acme")


async def test_without_a_choice_it_is_for_what_the_tenant_has(shop: World) -> None:
    await shop.buy_and_pay()
    made = await shop.transfers.create_proforma(OPERATOR, "acme")
    assert made.plan == (await shop.subscription()).plan
    await recorded(shop, made)
    assert (await shop.subscription()).next_period == 2


async def test_money_that_arrives_after_the_card_paid_buys_the_period_after(shop: World) -> None:
    made = await shop.transfers.create_proforma(OPERATOR, "acme", Selection(package_id=2))
    await shop.buy_and_pay()
    order = await recorded(shop, made)
    assert (order.period, (await shop.subscription()).next_period) == (1, 2)


async def test_a_larger_plan_begins_at_once_with_the_days_that_are_left(shop: World) -> None:
    await shop.buy_and_pay(terms=Terms(save_card=SaveCard.AUTOMATIC))
    shop.clock.moment = NOW + timedelta(days=10)
    made = await shop.transfers.create_proforma(OPERATOR, "acme", Selection(package_id=1, seats=5))
    order = await recorded(shop, made)
    subscription = await shop.subscription()
    assert (order.id[:4], subscription.plan) == ("UPG-", made.plan)
    assert not order.pending_refunds


async def test_a_suspended_tenant_comes_back(shop: World) -> None:
    await shop.buy_and_pay()
    shop.clock.moment = FEBRUARY + timedelta(days=20)
    await shop.renewals()
    shop.clock.moment += timedelta(hours=2)
    await shop.renewals()
    assert (await shop.subscription()).state is SubscriptionState.SUSPENDED
    await recorded(shop, await shop.transfers.create_proforma(OPERATOR, "acme"))
    assert (await shop.subscription()).has_access(shop.clock.moment)


async def test_a_refund_is_recorded_at_once_with_its_credit_note(shop: World) -> None:
    order = await recorded(shop, await shop.transfers.create_proforma(OPERATOR, "acme", Selection(package_id=2)))
    refunded, refund = await shop.refunds.refund(OPERATOR, order.id, Decimal("45.00"), "less used")
    assert (refunded.state, refund.state) == (OrderState.REFUNDED_PARTIALLY, "completed")
    assert shop.bank.created == {}
    await shop.refunds.refund(OPERATOR, order.id, None, "all of it")
    assert (await shop.order(order.id)).state is OrderState.REFUNDED
    assert (await balances(shop))[TRANSFERS] == 0
    notes = await shop.views.credit_notes(principal("acme"))
    assert [(one.number, one.amount, one.reason) for one in notes] == [
        ("CN-2026-000002", gel("100.00"), "all of it"),
        ("CN-2026-000001", gel("45.00"), "less used"),
    ]


async def test_the_daily_report_asks_the_bank_nothing_and_finds_nothing(shop: World) -> None:
    await recorded(shop, await shop.transfers.create_proforma(OPERATOR, "acme", Selection(package_id=2)))
    audit = Audit(shop.storage, shop.bank, shop.clock, "Asia/Tbilisi")
    (compared,) = [one async for one in audit.report(await audit.day(NOW.date()))]
    assert compared.differences == ()


@pytest.mark.parametrize("language", ["en", "ka"])
async def test_it_is_printed_with_account_and_reference(shop: World, language: str) -> None:
    made = await shop.transfers.create_proforma(
        OPERATOR, "acme", Selection(features=("tickets", "calls"), seats=3), tenant_name="Yağmur Şirketi, აკმე, Արարատ"
    )
    _, pdf = await shop.transfers.pdf(OPERATOR, made.number, language)
    text = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_bounded()
    for told in (made.number, "GE00BG0000000000000000", "81.00 GEL", "Yağmur Şirketi, აკმე, Արարատ", "18 %"):
        assert told in text
    with pytest.raises(ProformaNotFound):
        await shop.transfers.pdf(principal("other"), made.number, "en")


async def test_a_callback_that_names_a_transfer_leads_to_no_order_at_the_bank(shop: World) -> None:
    """The bank signs the callbacks of all its merchants with one key, and any of them may use our ids."""
    order = await recorded(shop, await shop.transfers.create_proforma(OPERATOR, "acme", Selection(package_id=2)))
    foreign = report(BankStatus.COMPLETED, external_order_id=order.id, bank_order_id="other-1")
    settled = await shop.settlement.apply(evolve(foreign, source=Source.CALLBACK))
    assert (settled.outcome, settled.order) == (Outcome.UNKNOWN_ORDER, None)
    assert (await shop.order(order.id)).check_at is None
    assert [one async for one in shop.reconcile.run()] == []
    assert shop.bank.created == {}
