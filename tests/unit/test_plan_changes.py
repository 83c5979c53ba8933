"""Upgrades now, changes from the next period, and previews that equal what then happens."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from echodesk_billing import (
    ChangeRefused,
    InvalidSelection,
    NoActiveSubscription,
    NothingScheduled,
    OrderMismatch,
    SaveCard,
    SubscriptionChanged,
    SubscriptionChangeScheduled,
)
from echodesk_billing.application.changes import When
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain import calendar
from echodesk_billing.domain.catalogue.catalogue import Package
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions import proration
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.entrypoints.http.subscription import SubscriptionCancelled
from echodesk_billing.entrypoints.http.upgrades import PlanChanged
from tests.builders import NOW, catalogue, gel, principal
from tests.unit.conftest import World

ACME = principal("acme")
AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)
FEBRUARY = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
MARCH = datetime(2026, 3, 31, 9, 30, tzinfo=UTC)


def seats(number: int) -> Selection:
    return Selection(package_id=1, seats=number)


async def pay(world: World, order: Order | None) -> Order:
    assert order is not None
    world.bank.pay(order)
    await world.hear(order)
    return await world.order(order.id)


async def test_an_immediate_upgrade_costs_the_full_price_and_turns_unused_time_into_days(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=2, terms=AUTOMATIC)
    world.clock.advance(days=14)  # half of the 28 days to 28 February is left: 50 GEL, 8 days of 31
    changed = await world.change_plan.change(ACME, lambda _: seats(4), When.NOW)
    assert (changed.before.price, changed.preview.is_immediate, changed.preview.extra_days) == (gel("100.00"), True, 8)
    order = await pay(world, changed.order)
    assert (order.purpose, order.amount, order.period) == (Purpose.UPGRADE, gel("200.00"), 1)
    subscription = await world.subscription()
    assert subscription.anchor == NOW + timedelta(days=22)
    assert subscription.paid_until == changed.preview.paid_until == datetime(2026, 3, 22, 9, 30, tzinfo=UTC)
    assert subscription.running_plan(world.clock.moment).price == gel("200.00")
    assert [card.mandate for card in await world.cards.listed(ACME)] == [gel("200.00")]
    told = [event for event in await world.events() if isinstance(event, SubscriptionChanged)]
    assert [(event.order_id, event.extra_days) for event in told] == [(order.id, 8)]


async def test_the_preview_of_an_upgrade_is_what_happens(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=3)
    await world.buy_and_pay(package_id=1, seats=3)
    world.clock.advance(days=11, hours=5, seconds=7)
    preview = (await world.change_plan.preview(ACME, lambda _: seats(5))).preview
    changed = await world.change_plan.change(ACME, lambda _: seats(5), When.NOW)
    assert changed.preview == preview
    order = await pay(world, changed.order)
    assert order.captured == preview.plan.price
    assert (await world.subscription()).paid_until == preview.paid_until


async def test_the_renewal_after_an_upgrade_is_charged_to_the_new_mandate(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=2, terms=AUTOMATIC)
    await pay(world, (await world.change_plan.change(ACME, lambda _: seats(4), When.NOW)).order)
    paid_until = (await world.subscription()).paid_until
    assert paid_until is not None
    world.clock.moment = paid_until
    order = await world.charge_due()
    assert (order.purpose, order.captured) == (Purpose.RENEWAL, gel("200.00"))


async def test_a_second_paid_upgrade_is_refunded_unless_it_is_more_expensive(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=2)
    small = (await world.change_plan.change(ACME, lambda _: seats(3), When.NOW)).order
    large = (await world.change_plan.change(ACME, lambda _: seats(5), When.NOW)).order
    assert large is not None
    await pay(world, large)
    order = await pay(world, small)
    assert [one.amount for one in order.pending_refunds] == [gel("150.00")]
    assert [event.order_id for event in await world.events() if isinstance(event, OrderMismatch)] == [order.id]
    assert (await world.subscription()).running_plan(world.clock.moment).price == gel("250.00")


async def test_two_upgrades_each_more_expensive_lose_nothing(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=2)
    small = (await world.change_plan.change(ACME, lambda _: seats(3), When.NOW)).order
    large = (await world.change_plan.change(ACME, lambda _: seats(5), When.NOW)).order
    await pay(world, small)
    await pay(world, large)
    subscription = await world.subscription()
    # 100 + 150 GEL of unused time at 250 GEL a month is a month
    assert subscription.anchor is not None
    assert timedelta(days=28) <= subscription.anchor - NOW <= timedelta(days=32)
    assert subscription.next_period == 3


async def test_an_upgrade_that_a_renewal_overtook_counts_the_renewed_month_too(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=2, terms=AUTOMATIC)
    world.clock.moment = FEBRUARY - timedelta(minutes=1)
    upgrade = (await world.change_plan.change(ACME, lambda _: seats(4), When.NOW)).order
    world.clock.moment = FEBRUARY
    await world.charge_due()
    order = await pay(world, upgrade)
    assert order.period == 2
    subscription = await world.subscription()
    assert subscription.anchor is not None
    assert timedelta(days=14) <= subscription.anchor - FEBRUARY <= timedelta(days=17)


async def test_a_cheaper_plan_is_not_an_upgrade(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=4)
    with pytest.raises(ChangeRefused, match="change from the next period instead"):
        await world.change_plan.change(ACME, lambda _: seats(2), When.NOW)


async def test_a_scheduled_change_holds_from_the_next_period(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=4)
    changed = await world.change_plan.change(ACME, lambda _: seats(2), When.LATER)
    assert (changed.order, changed.preview.effective_at) == (None, FEBRUARY)
    subscription = await world.subscription()
    assert subscription.running_plan(world.clock.moment).price == gel("200.00")
    assert [type(event) for event in await world.events()][-1] is SubscriptionChangeScheduled
    world.clock.moment = FEBRUARY
    await world.renewals()
    assert (await world.subscription()).running_plan(FEBRUARY).price == gel("100.00")
    assert "SubscriptionChanged" in await world.names()


async def test_a_change_can_be_scheduled_for_a_later_period(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=4)
    april = date(2026, 4, 2)
    changed = await world.change_plan.change(ACME, lambda _: seats(2), When.LATER, effective=april)
    assert changed.preview.effective_at == datetime(2026, 4, 30, 9, 30, tzinfo=UTC)
    subscription = await world.subscription()
    assert [subscription.plan_of(period).price for period in (1, 2, 3, 4)] == [
        gel("200.00"),
        gel("200.00"),
        gel("100.00"),
        gel("100.00"),
    ]


async def test_a_scheduled_change_can_be_dropped_and_replaced(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=4)
    with pytest.raises(NothingScheduled):
        await world.change_plan.drop_schedule(ACME)
    await world.change_plan.change(ACME, lambda _: seats(2), When.LATER)
    await world.change_plan.change(ACME, lambda _: seats(3), When.LATER)
    assert (await world.subscription()).plan_of(1).price == gel("150.00")
    await world.change_plan.drop_schedule(ACME)
    assert (await world.subscription()).plan_of(1).price == gel("200.00")


async def test_a_change_that_is_paid_for_is_not_dropped(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=4)
    await world.buy_and_pay(package_id=1, seats=2)
    with pytest.raises(NothingScheduled):
        await world.change_plan.drop_schedule(ACME)
    assert (await world.subscription()).plan_of(1).price == gel("100.00")


async def test_requesting_the_current_plan_is_not_a_change(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=4)
    await world.change_plan.change(ACME, lambda _: seats(2), When.LATER)
    await world.change_plan.change(ACME, lambda _: seats(4), When.LATER)
    assert (await world.subscription()).changes == ()


async def test_more_seats_are_an_upgrade_and_fewer_hold_from_the_next_period(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=4)
    more = await world.change_plan.change(ACME, lambda has: evolve(has, seats=6), When.NOW_IF_MORE_EXPENSIVE)
    assert more.order is not None
    fewer = await world.change_plan.change(ACME, lambda has: evolve(has, seats=2), When.NOW_IF_MORE_EXPENSIVE)
    assert (fewer.order, fewer.preview.plan.price) == (None, gel("100.00"))


@pytest.mark.parametrize(
    ("effective", "holds_from"),
    [
        (datetime.fromisoformat("2026-03-31T23:00:00-01:00"), datetime(2026, 4, 30, 9, 30, tzinfo=UTC)),  # 1 April here
        (datetime.fromisoformat("2026-04-01T01:00:00+14:00"), MARCH),  # 31 March here
        (datetime.fromisoformat("2026-03-31T23:00:00"), MARCH),
        (datetime.fromisoformat("0001-01-01T00:00:00+14:00"), FEBRUARY),
        (date(2026, 4, 1), datetime(2026, 4, 30, 9, 30, tzinfo=UTC)),
    ],
)
async def test_a_moment_is_its_day_in_the_time_zone_of_the_subscription(
    world: World, effective: date, holds_from: datetime
) -> None:
    await world.buy_and_pay(package_id=1, seats=3)
    changed = await world.change_plan.change(ACME, lambda _: seats(2), When.LATER, effective=effective)
    assert changed.preview.effective_at == holds_from


async def test_days_in_sentences_are_days_of_the_time_zone(world: World) -> None:
    world.clock.moment = datetime(2026, 1, 31, 21, 0, tzinfo=UTC)  # 1 February in Tbilisi
    await world.buy_and_pay(package_id=1, seats=3)
    changed = await world.change_plan.change(ACME, lambda _: seats(2), When.LATER)
    assert "starts on 2026-03-01" in PlanChanged.of(changed).message
    changed = await world.change_plan.change(ACME, lambda _: seats(1), When.LATER)
    assert "scheduled for 2026-03-01 is cancelled" in PlanChanged.of(changed).message
    cancelled = await world.cancel.cancel(ACME)
    assert "until 2026-03-01" in SubscriptionCancelled.of(cancelled, world.clock.moment).message


async def test_a_reduction_of_seats_is_cancelled_by_requesting_the_current_number(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=3)
    bought = (await world.subscription()).plan
    with pytest.raises(ChangeRefused, match="is already in force"):
        await world.change_plan.change(ACME, lambda has: evolve(has, seats=3), When.NOW_IF_MORE_EXPENSIVE)
    await world.change_plan.change(ACME, lambda has: evolve(has, seats=2), When.NOW_IF_MORE_EXPENSIVE)
    fewer = await world.change_plan.change(ACME, lambda has: evolve(has, seats=1), When.NOW_IF_MORE_EXPENSIVE)
    assert (fewer.before, fewer.preview.plan.selection.seats) == (bought, 1)
    for prices in (catalogue(), evolve(catalogue(), version=2, packages=dearer(catalogue().packages))):
        await world.load_catalogue.load(prices)
        foreseen = await world.change_plan.preview(ACME, lambda has: evolve(has, seats=3))
        assert foreseen.preview.plan == bought  # at the price that was agreed
    changed = await world.change_plan.change(ACME, lambda has: evolve(has, seats=3), When.NOW_IF_MORE_EXPENSIVE)
    assert (changed.order, changed.before, changed.preview.plan) == (None, bought, bought)
    assert changed.preview.replaces == foreseen.preview.replaces
    assert [plan.selection.seats for plan, _ in changed.preview.replaces] == [1]
    assert changed.preview.effective_at == foreseen.preview.effective_at == world.clock.moment
    assert (await world.subscription()).changes == ()


def dearer(packages: tuple[Package, ...]) -> tuple[Package, ...]:
    return tuple(
        evolve(package, prices={currency: price + price for currency, price in package.prices.items()})
        for package in packages
    )


@pytest.mark.parametrize("seats_wanted", [11, 10_000])
async def test_a_package_is_not_sold_with_more_seats_than_it_has(world: World, seats_wanted: int) -> None:
    with pytest.raises(InvalidSelection, match=f"Team has at most 10 seats, not {seats_wanted}"):
        await world.buy(package_id=1, seats=seats_wanted)
    await world.buy_and_pay(package_id=1, seats=10)
    for when in When:
        with pytest.raises(InvalidSelection, match="at most 10 seats"):
            await world.change_plan.change(ACME, lambda has: evolve(has, seats=seats_wanted), when)


async def test_the_seats_of_a_flat_package_cannot_be_changed(world: World) -> None:
    await world.buy_and_pay(package_id=2)
    with pytest.raises(ChangeRefused, match="is already in force"):
        await world.change_plan.change(ACME, lambda has: evolve(has, seats=6), When.NOW_IF_MORE_EXPENSIVE)


async def test_features_are_added_and_removed(world: World) -> None:
    order = await world.checkout.buy(ACME, Selection(features=("tickets",), seats=2))
    await pay(world, order)
    added = await world.change_plan.change(ACME, lambda has: has.with_feature("calls"), When.LATER)
    assert added.preview.plan.price == gel("54.00")
    removed = await world.change_plan.change(ACME, lambda has: has.without_feature("tickets"), When.LATER)
    assert removed.preview.plan.price == gel("30.00")
    with pytest.raises(InvalidSelection, match="last feature"):
        await world.change_plan.change(ACME, lambda has: has.without_feature("calls"), When.LATER)


async def test_a_feature_is_added_to_a_package_and_dropped_again(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=2)
    more = await world.change_plan.preview(ACME, lambda has: has.with_feature("calls"))
    assert (more.preview.is_immediate, more.preview.plan.price) == (True, gel("130.00"))  # 2 x (50.00 + 15.00)
    assert more.preview.plan.features == ("tickets", "calls")
    await pay(world, (await world.change_plan.change(ACME, lambda has: has.with_feature("calls"), When.NOW)).order)
    less = await world.change_plan.change(ACME, lambda has: has.without_feature("calls"), When.LATER)
    assert less.preview.plan.price == gel("100.00")


async def test_what_a_package_has_cannot_be_added_to_it(world: World) -> None:
    await world.buy_and_pay(package_id=1)
    with pytest.raises(InvalidSelection, match="tickets is already part of the package Team"):
        await world.change_plan.change(ACME, lambda has: has.with_feature("tickets"), When.NOW)


async def test_nothing_changes_without_an_active_subscription(world: World) -> None:
    for change in (
        world.change_plan.preview(ACME, lambda _: seats(2)),
        world.change_plan.change(ACME, lambda _: seats(2), When.LATER),
        world.change_plan.change(ACME, lambda _: seats(2), When.NOW),
        world.change_plan.drop_schedule(ACME),
        world.checkout.pay_now(ACME),
        world.checkout.reactivate(ACME),
    ):
        with pytest.raises(NoActiveSubscription):
            await change


async def test_an_upgrade_in_grace_pays_the_period_that_is_owed_and_the_anchor_stays(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=2)
    world.clock.moment = FEBRUARY + timedelta(days=2)
    await world.renewals()
    changed = await world.change_plan.change(ACME, lambda _: seats(4), When.NOW)
    order = await pay(world, changed.order)
    subscription = await world.subscription()
    assert (order.purpose, order.amount) == (Purpose.SUBSCRIPTION, gel("200.00"))
    assert (subscription.state, subscription.anchor) == (SubscriptionState.ACTIVE, NOW)
    assert subscription.paid_until == changed.preview.paid_until == MARCH
    assert subscription.running_plan(world.clock.moment).price == gel("200.00")


async def test_an_ended_subscription_comes_back_at_todays_price(world: World) -> None:
    await world.buy_and_pay()
    await world.cancel.cancel(ACME, immediately=True)
    order = await pay(world, await world.checkout.reactivate(ACME))
    subscription = await world.subscription()
    assert (order.period, subscription.state, subscription.next_period) == (1, SubscriptionState.ACTIVE, 2)


@given(
    old=st.integers(1, 10**7),
    new=st.integers(1, 10**7),
    left=st.fractions(0, 1),
    months=st.integers(0, 14),
    day=st.integers(0, 3000),
    zone=st.sampled_from(["Asia/Tbilisi", "America/New_York", "Europe/London"]),
)
def test_extra_days_are_the_fewest_that_lose_nothing(
    old: int, new: int, left: Fraction, months: int, day: int, zone: str
) -> None:
    if old > 4 * new:
        return
    price, moment = Money.from_minor(new, Currency.GEL), NOW + timedelta(days=day, seconds=day * 7919 % 86400)
    value = (months + left) * old
    days = proration.extra_days(value, price, moment, zone)
    assert _worth(moment, days, price, zone) >= value
    assert days == 0 or _worth(moment, days - 1, price, zone) < value


def _worth(moment: datetime, days: int, price: Money, zone: str) -> Fraction:
    """The price of the days, by another way than the code's: month by month back from the anchor."""
    anchor, worth, month = calendar.days_after(moment, days, zone), Fraction(0), 0
    end = anchor
    while end > moment:
        month -= 1
        start = calendar.months_after(anchor, month, zone)
        length, used = end - start, end - max(start, moment)
        worth += Fraction(used // timedelta(microseconds=1), length // timedelta(microseconds=1)) * price.minor
        end = start
    return worth


async def test_a_scheduled_change_has_no_extra_days(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=4)
    assert (await world.change_plan.preview(ACME, lambda _: seats(2))).preview.extra_days == 0
    changed = await world.change_plan.change(ACME, lambda _: seats(2), When.LATER)
    assert (changed.preview.extra_days, changed.preview.paid_until) == (0, FEBRUARY)
    assert changed.preview.is_immediate is False


async def test_an_upgrade_paid_a_while_later_keeps_the_days_that_were_promised(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=2)
    world.clock.advance(days=14)
    changed = await world.change_plan.change(ACME, lambda _: seats(4), When.NOW)
    world.clock.advance(days=9)
    await pay(world, changed.order)
    subscription = await world.subscription()
    assert subscription.anchor == world.clock.moment + timedelta(days=changed.preview.extra_days)
    assert subscription.tended_at == world.clock.moment


async def test_a_change_that_is_paid_ahead_keeps_the_one_before_it(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=4)
    await world.buy_and_pay(package_id=1, seats=3)
    await world.buy_and_pay(package_id=1, seats=2)
    subscription = await world.subscription()
    assert [(change.period, change.plan.price) for change in subscription.changes] == [
        (1, gel("150.00")),
        (2, gel("100.00")),
    ]
    assert [subscription.plan_of(period).price for period in range(3)] == [gel("200.00"), gel("150.00"), gel("100.00")]
