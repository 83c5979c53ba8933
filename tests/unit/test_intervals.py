"""Periods of 3 and 12 months: prices, calendar, renewals, changes between intervals."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from echodesk_billing import Currency, InvalidSelection, SaveCard
from echodesk_billing.application.changes import When
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.calendar import months_after
from echodesk_billing.domain.catalogue.pricing import Selection, is_more, plan
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions.term import Span, Term
from tests.builders import NOW, gel, principal, with_intervals
from tests.unit.conftest import World

ACME = principal("acme")
AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)
ZONE = "Asia/Tbilisi"


def team(seats: int = 2, interval: int = 1) -> Selection:
    return Selection(package_id=1, seats=seats, interval=interval)


async def pay(world: World, order: Order | None) -> Order:
    assert order is not None
    world.bank.pay(order)
    await world.hear(order)
    return await world.order(order.id)


async def bought(world: World, selection: Selection) -> Order:
    await world.load_catalogue.load(with_intervals())
    return await pay(world, await world.checkout.buy(ACME, selection, terms=AUTOMATIC))


async def paid_until(world: World) -> datetime | None:
    return (await world.subscription()).paid_until


def test_each_interval_has_its_own_price() -> None:
    prices = [plan(with_intervals(), team(interval=months), Currency.GEL).price for months in (1, 3, 12)]
    assert prices == [gel("100.00"), gel("200.00"), gel("1000.00")]
    features = plan(with_intervals(), Selection(features=("calls",), seats=2, interval=12), Currency.GEL)
    assert (features.price, features.monthly_price) == (gel("300.00"), gel("25.00"))


def test_an_interval_without_a_price_is_not_sold() -> None:
    with pytest.raises(InvalidSelection, match="package 1 is not sold for 6 months at a time in GEL") as caught:
        plan(with_intervals(), team(interval=6), Currency.GEL)
    assert caught.value.field == "interval"
    with pytest.raises(InvalidSelection, match="feature calls is not sold for 2 months"):
        plan(with_intervals(), Selection(features=("calls",), interval=2), Currency.GEL)


def test_a_longer_interval_is_an_upgrade_and_a_shorter_one_is_not() -> None:
    sold = with_intervals()
    month, year = (plan(sold, team(interval=months), Currency.GEL) for months in (1, 12))
    small_year = plan(sold, team(seats=1, interval=12), Currency.GEL)
    assert (is_more(year, month, sold), is_more(month, year, sold), is_more(small_year, month, sold)) == (
        True,
        False,
        True,
    )


async def test_a_year_is_paid_at_once_and_renews_itself_after_a_year(world: World) -> None:
    order = await bought(world, team(interval=12))
    assert order.amount == gel("1000.00")
    assert await paid_until(world) == months_after(NOW, 12, ZONE)
    world.clock.moment = months_after(NOW, 12, ZONE)
    renewal = await world.charge_due()
    assert (renewal.amount, renewal.period) == (gel("1000.00"), 1)
    assert await paid_until(world) == months_after(NOW, 24, ZONE)


async def test_three_months_keep_the_day_of_the_anchor(world: World) -> None:
    await bought(world, team(interval=3))  # on 31 January
    ends = []
    for _ in range(4):
        ends.append(await paid_until(world))
        world.clock.moment = ends[-1]
        await world.charge_due()
    assert ends == [datetime(2026, month, day, 9, 30, tzinfo=UTC) for month, day in ((4, 30), (7, 31), (10, 31))] + [
        datetime(2027, 1, 31, 9, 30, tzinfo=UTC)
    ]


async def test_from_months_to_a_year_now_costs_the_year_and_keeps_the_unused_value(world: World) -> None:
    await bought(world, team())
    world.clock.advance(days=14)  # half of the 28 days is left: 50.00, 18.25 days of a year of 1000.00
    foreseen = await world.change_plan.preview(ACME, lambda has: has.changed(interval=12))
    assert (foreseen.preview.is_immediate, foreseen.preview.extra_days) == (True, 19)
    changed = await world.change_plan.change(ACME, lambda has: has.changed(interval=12), When.NOW)
    order = await pay(world, changed.order)
    assert (order.purpose, order.amount) == (Purpose.UPGRADE, gel("1000.00"))
    assert (
        await paid_until(world)
        == foreseen.preview.paid_until
        == months_after((await world.subscription()).term.days_after(world.clock.moment, 19), 12, ZONE)
    )


async def test_from_a_year_to_months_holds_from_the_end_of_the_year(world: World) -> None:
    await bought(world, team(interval=12))
    changed = await world.change_plan.change(ACME, lambda has: has.changed(interval=1), When.NOW_IF_MORE_EXPENSIVE)
    assert (changed.order, changed.preview.effective_at) == (None, months_after(NOW, 12, ZONE))
    world.clock.moment = months_after(NOW, 12, ZONE)
    (asked,) = await world.renewals()
    assert asked.obstacle is not None  # another amount needs the customer
    (order,) = await world.storage.read(lambda uow: uow.orders.open_of("acme"))
    assert (await pay(world, order)).amount == gel("100.00")
    assert await paid_until(world) == months_after(NOW, 13, ZONE)
    assert (await world.subscription()).term.spans == (Span(0, 12), Span(1, 1))
    world.clock.moment = months_after(NOW, 13, ZONE)
    await world.charge_due()
    assert await paid_until(world) == months_after(NOW, 14, ZONE)


async def test_a_scheduled_longer_interval_is_taken_back(world: World) -> None:
    await bought(world, team())
    await world.change_plan.change(ACME, lambda has: has.changed(interval=12), When.LATER)
    assert (await world.subscription()).term.period(1).end == months_after(NOW, 13, ZONE)
    await world.change_plan.drop_schedule(ACME)
    assert (await world.subscription()).term.spans == ()
    assert (await world.subscription()).term.period(1).end == months_after(NOW, 2, ZONE)


async def test_reactivating_a_yearly_subscription_starts_a_year(world: World) -> None:
    await bought(world, team(interval=12))
    await world.cancel.cancel(ACME, immediately=True)
    world.clock.advance(days=100)
    order = await world.checkout.reactivate(ACME)
    assert order.pays_until == months_after(world.clock.moment, 12, ZONE)
    await pay(world, order)
    assert await paid_until(world) == order.pays_until


async def test_paying_after_the_grace_starts_a_whole_interval(world: World) -> None:
    await bought(world, team(interval=3))
    world.clock.moment = months_after(NOW, 3, ZONE)
    await world.charge_due("107")
    world.clock.advance(days=40)
    order = await world.checkout.pay_now(ACME)
    await pay(world, order)
    assert await paid_until(world) == order.pays_until == months_after(world.clock.moment, 3, ZONE)


async def test_the_unit_price_of_another_interval_is_todays(world: World) -> None:
    await bought(world, team(interval=12))
    dear = tuple(evolve(one, prices={Currency.GEL: gel("70.00")}) for one in with_intervals().packages)
    await world.load_catalogue.load(evolve(with_intervals(), packages=dear))
    more = await world.change_plan.preview(ACME, lambda has: has.changed(seats=3))
    assert more.preview.plan.price == gel("1500.00")  # as agreed
    months = await world.change_plan.preview(ACME, lambda has: has.changed(interval=1))
    assert months.preview.plan.price == gel("140.00")


@given(st.integers(0, 2**32))
def test_periods_touch_and_contain_their_moments_whatever_their_lengths(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    term = Term(time_zone=ZONE, anchor=NOW, anchor_period=dice.randrange(5))
    first = term.anchor_period
    term = term.of(dice.choice((1, 3, 12)))
    for _ in range(dice.randrange(4)):
        first += dice.randrange(1, 5)
        term = term.with_spans((), [(first, dice.choice((1, 3, 12)))], 1)
    numbers = range(term.anchor_period, first + 5)
    periods = [term.period(number) for number in numbers]
    assert periods[0].start == NOW
    for one, following in itertools.pairwise(periods):
        assert one.end == following.start
    for one in periods:
        middle = one.start + (one.end - one.start) / 2
        assert [term.number_at(moment) for moment in (one.start, middle)] == [one.number] * 2
