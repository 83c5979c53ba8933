"""Figures of the business: counted from events, and the same when counted again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from attrs import evolve

from echodesk_billing import Business, Month, SaveCard
from echodesk_billing.application.changes import When
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.accounting.statistics import CAPTURED, Figure, Tally, business
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.events import (
    Event,
    SubscriptionChanged,
    SubscriptionEnded,
    SubscriptionImported,
    SubscriptionRenewed,
    SubscriptionSuspended,
)
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, gel, principal
from tests.unit.conftest import World

ACME, OPERATOR = principal("acme"), principal("", Scope.OPERATOR)
AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)
FEBRUARY = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


async def figures(world: World) -> Business:
    await world.figures.catch_up()
    assert await world.figures.verify() == []
    (found,) = await world.figures.read()
    return found


def moved(month: Month) -> dict[str, Decimal]:
    return {name: amount.amount for name, amount in month.movements.items() if amount}


async def test_a_new_customer_is_new_revenue(world: World) -> None:
    await world.buy_and_pay()
    await world.buy_and_pay("other", package_id=1, seats=2)
    found = await figures(world)
    assert (found.recurring, found.yearly, found.customers) == (gel("245.00"), gel("2940.00"), 2)
    (month,) = found.months
    assert (month.month, moved(month), month.captured) == ("2026-01", {"new": Decimal("245.00")}, gel("245.00"))
    assert await world.figures.count() == 0


async def test_an_upgrade_is_expansion_and_a_smaller_plan_contraction(world: World) -> None:
    await world.buy_and_pay()
    changed = await world.change_plan.change(ACME, lambda _: Selection(package_id=1, seats=5), When.NOW)
    assert changed.order is not None
    await world.answer(changed.order)
    await world.change_plan.change(ACME, lambda _: Selection(package_id=1, seats=2), When.LATER)
    world.clock.moment = NOW + timedelta(days=60)
    await world.renewals()
    found = await figures(world)
    assert moved(found.months[0]) == {"new": Decimal("145.00"), "expansion": Decimal("105.00")}
    assert {"contraction": Decimal("150.00")}.items() <= moved(found.months[-1]).items()


async def test_a_year_at_once_counts_a_twelfth_a_month() -> None:
    tally = Tally("Asia/Tbilisi")
    tally.count([renewed("120.00")])
    assert business(tally.figures)[0].recurring == gel("120.00")


async def test_who_is_suspended_is_churn_and_back_is_reactivation(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    world.clock.moment = FEBRUARY
    await world.charge_due("105")
    world.clock.moment = FEBRUARY + 8 * DAY
    await world.renewals()
    lost = await figures(world)
    assert (lost.recurring, lost.customers) == (gel("0.00"), 0)
    assert moved(lost.months[-1]) == {"churn": Decimal("145.00")}
    await world.answer(await world.checkout.reactivate(ACME))
    back = await figures(world)
    assert (back.recurring, back.customers) == (gel("145.00"), 1)
    assert moved(back.months[-1])["reactivation"] == Decimal("145.00")
    (collection,) = back.collections
    assert (collection.code, collection.declined, collection.recovered) == ("105", 1, 0)


async def test_a_retry_that_succeeds_is_recovered(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    world.clock.moment = FEBRUARY
    await world.charge_due("107")
    world.clock.moment = FEBRUARY + timedelta(hours=5)
    await world.charge_due("107")
    world.clock.moment = FEBRUARY + 3 * DAY
    await world.charge_due()
    found = await figures(world)
    (collection,) = found.collections
    assert (collection.code, collection.declined, collection.recovered, collection.rate) == ("107", 1, 1, 1.0)
    assert (sum(one.failed for one in found.months), sum(one.recovered for one in found.months)) == (2, 1)
    assert "churn" not in {name for one in found.months for name in moved(one)}


async def test_a_refund_is_money_and_not_churn(world: World) -> None:
    order = await world.buy_and_pay()
    order, _ = await world.refunds.refund(OPERATOR, order.id, Decimal("45.00"), "less used")
    world.bank.give_back(order)
    await world.hear(order)
    found = await figures(world)
    assert (found.recurring, found.months[0].refunded) == (gel("145.00"), gel("45.00"))


async def test_a_pause_and_a_complimentary_plan_are_no_revenue(world: World) -> None:
    await world.buy_and_pay()
    await world.subscription_acts.pause(OPERATOR, "acme", "a season", until=date(2026, 4, 20))
    assert (await figures(world)).recurring == gel("145.00")
    world.clock.moment = FEBRUARY
    await world.renewals()
    assert (await figures(world)).recurring == gel("0.00")
    await world.buy_and_pay("other")
    await world.subscription_acts.make_complimentary(OPERATOR, "other", "a partner")
    assert (await figures(world)).customers == 0
    world.clock.moment = FEBRUARY + 60 * DAY
    await world.renewals()
    assert (await figures(world)).customers == 0


async def test_days_given_to_who_is_gone_are_no_revenue(world: World) -> None:
    await world.buy_and_pay()
    await world.cancel.cancel(ACME, immediately=True)
    await world.subscription_acts.give_days(OPERATOR, "acme", 5, "an outage")
    assert (await figures(world)).recurring == gel("0.00")


def renewed(price: str, currency: Currency = Currency.GEL, tenant: str = "acme", at: datetime = NOW) -> Event:
    monthly = Money(Decimal(price), currency)
    return SubscriptionRenewed(tenant_id=tenant, at=at, order_id="SUB-1", paid_until=at, monthly_price=monthly)


def test_another_currency_is_churn_in_one_and_reactivation_in_the_other() -> None:
    tally = Tally("Asia/Tbilisi")
    tally.count([renewed("145.00"), renewed("50.00", Currency.EUR)])
    found = {one.currency: (one.recurring.amount, one.customers) for one in business(tally.figures)}
    assert found == {Currency.GEL: (0, 0), Currency.EUR: (Decimal("50.00"), 1)}


def test_months_are_those_of_the_time_zone() -> None:
    tally = Tally("Asia/Tbilisi")
    tally.count([renewed("10.00", at=datetime(2026, 1, 31, 20, 30, tzinfo=UTC))])
    assert {figure.month for figure in tally.figures} == {"2026-02"}


def test_a_change_of_who_pays_nothing_counts_nothing() -> None:
    facts = {"tenant_id": "acme", "at": NOW, "order_id": None, "plan_name": "Team", "price": gel("50.00")}
    tally = Tally("Asia/Tbilisi")
    tally.count([SubscriptionChanged(**facts, monthly_price=gel("50.00"))])  # type: ignore[arg-type]
    tally.count([SubscriptionSuspended(tenant_id="acme", at=NOW), SubscriptionEnded(tenant_id="acme", at=NOW)])
    assert tally.figures == {}


def test_an_imported_customer_is_imported_revenue() -> None:
    imported = SubscriptionImported(
        tenant_id="acme", at=NOW, state="active", plan_name="Team", price=gel("50.00"), paid_until=None
    )
    tally = Tally("Asia/Tbilisi")
    tally.count([imported, evolve(imported, tenant_id="gone", state="suspended"), renewed("60.00")])
    (found,) = business(tally.figures)
    assert moved(found.months[0]) == {"imported": Decimal("50.00"), "expansion": Decimal("10.00")}
    assert found.customers == 1


@pytest.mark.parametrize("batch", [1, 2, 1000])
async def test_counting_in_pieces_gives_the_same(world: World, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echodesk_billing.application.statistics.BATCH", batch)
    monkeypatch.setattr("echodesk_billing.application.statistics.PAGE", batch)
    monkeypatch.setattr("echodesk_billing.application.statistics.MOST_BATCHES", 2)
    for tenant in ("acme", "other"):
        await world.buy_and_pay(tenant)
    await world.cancel.cancel(ACME, immediately=True)
    found = await figures(world)
    assert (found.recurring, found.months[0].left) == (gel("145.00"), 1)


async def test_a_figure_that_was_tampered_with_is_found(world: World) -> None:
    await world.buy_and_pay()
    await world.figures.count()
    wrong = Figure("2026-01", "GEL", CAPTURED)
    await world.storage.transact(lambda uow: uow.statistics.keep({wrong: 1}, [], []))
    (difference,) = await world.figures.verify()
    assert (difference.figure, difference.kept, difference.counted) == (wrong, 14501, 14500)
