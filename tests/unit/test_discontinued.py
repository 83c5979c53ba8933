"""What a subscription has keeps its unit prices, and can be kept, reduced and dropped once it is no longer sold."""

from __future__ import annotations

import pytest
from attrs import evolve

from echodesk_billing import Catalogue, Currency, InvalidSelection, SaveCard
from echodesk_billing.application.changes import When
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.catalogue.limits import Limits
from echodesk_billing.domain.catalogue.pricing import Plan, Selection, is_more, plan
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.entrypoints.http.features import AvailableFeatures
from tests.builders import catalogue, gel, principal
from tests.unit.conftest import World

ACME = principal("acme")
TICKETS, CALLS = 1, 2
BOTH = Selection(features=("calls", "tickets"), seats=2)


def of_features(*keys: str, seats: int = 2) -> Selection:
    return Selection(features=keys, seats=seats)


def without(*keys: str, prices: str | None = None) -> Catalogue:
    """Today's catalogue after some features, or all packages, went; what is left costs `prices`."""
    features = tuple(one for one in catalogue().features if one.key not in keys)
    packages = catalogue().packages if "packages" not in keys else ()
    if prices is not None:
        dear = {Currency.GEL: gel(prices)}
        features = tuple(evolve(one, prices_per_seat=dear, prices_flat={}) for one in features)
        packages = tuple(evolve(one, prices=dear) for one in packages)
    return Catalogue(version=2, packages=tuple(evolve(one, features=()) for one in packages), features=features)


async def pay(world: World, order: Order | None) -> Order:
    assert order is not None
    world.bank.pay(order)
    await world.hear(order)
    return await world.order(order.id)


async def bought(world: World, selection: Selection) -> None:
    await pay(world, await world.checkout.buy(ACME, selection, terms=Terms(save_card=SaveCard.AUTOMATIC)))


async def scheduled_price(world: World) -> Money:
    subscription = await world.subscription()
    assert subscription.next_change is not None
    return subscription.next_change[1].price


async def test_a_discontinued_feature_is_dropped_from_the_next_period_on(world: World) -> None:
    await bought(world, BOTH)
    await world.load_catalogue.load(without("calls"))
    feature, changed = await world.change_plan.remove_feature(ACME, CALLS)
    assert (feature.key, changed.preview.plan.selection) == ("calls", of_features("tickets"))
    assert await scheduled_price(world) == gel("24.00")


async def test_another_feature_is_dropped_beside_a_discontinued_one(world: World) -> None:
    await bought(world, BOTH)
    await world.load_catalogue.load(without("calls"))
    await world.change_plan.remove_feature(ACME, TICKETS)
    assert await scheduled_price(world) == gel("30.00")


async def test_a_feature_is_added_at_its_price_of_today_beside_a_discontinued_one(world: World) -> None:
    await bought(world, of_features("calls"))
    await world.load_catalogue.load(without("calls", prices="20.00"))
    _, changed = await world.change_plan.add_feature(ACME, TICKETS, When.NOW)
    order = await pay(world, changed.order)
    assert (order.purpose, order.amount) == (Purpose.UPGRADE, gel("70.00"))  # 2 x 15.00 as agreed + 2 x 20.00


async def test_the_seats_of_a_set_with_a_discontinued_feature_change_both_ways(world: World) -> None:
    await bought(world, BOTH)
    await world.load_catalogue.load(without("calls"))
    more = await world.change_plan.preview(ACME, lambda has: evolve(has, seats=3))
    assert (more.preview.is_immediate, more.preview.plan.price) == (True, gel("81.00"))
    fewer = await world.change_plan.change(ACME, lambda has: evolve(has, seats=1), When.NOW_IF_MORE_EXPENSIVE)
    assert (fewer.order, fewer.preview.plan.price) == (None, gel("27.00"))


async def test_a_discontinued_package_is_kept_reduced_and_given_more_seats_at_its_price(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=4, terms=Terms(save_card=SaveCard.AUTOMATIC))
    await world.load_catalogue.load(without("packages"))
    for seats, price in ((2, "100.00"), (6, "300.00")):
        changed = await world.change_plan.preview(ACME, lambda has, n=seats: evolve(has, seats=n))  # type: ignore[misc]
        assert changed.preview.plan.price == gel(price)
        assert (changed.preview.plan.name, changed.preview.plan.features) == ("Team", ("tickets",))
    with pytest.raises(InvalidSelection, match="Team has at most 10 seats, not 11"):
        await world.change_plan.preview(ACME, lambda has: evolve(has, seats=11))


async def test_a_discontinued_package_can_be_changed_to_one_on_sale(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=4)
    await world.load_catalogue.load(without("packages"))
    changed = await world.change_plan.change(ACME, lambda _: of_features("calls"), When.LATER)
    assert changed.preview.plan.price == gel("30.00")


async def test_a_discontinued_plan_is_prepaid_and_renewed_by_its_tenant(world: World) -> None:
    await bought(world, BOTH)
    await world.load_catalogue.load(without("calls"))
    world.clock.advance(seconds=61)
    ahead = await pay(world, await world.checkout.buy(ACME, BOTH, terms=Terms(save_card=SaveCard.AUTOMATIC)))
    assert (ahead.amount, ahead.period) == (gel("54.00"), 1)
    world.clock.advance(days=59)
    assert (await world.charge_due()).amount == gel("54.00")


async def test_a_discontinued_item_cannot_be_bought(world: World) -> None:
    await bought(world, of_features("tickets"))
    await world.load_catalogue.load(without("calls"))
    with pytest.raises(InvalidSelection, match="There is no feature 2"):
        await world.change_plan.add_feature(ACME, CALLS, When.NOW)
    with pytest.raises(InvalidSelection, match="no feature 'calls'"):
        await world.checkout.buy(principal("other"), of_features("calls"))
    await world.load_catalogue.load(without("packages"))
    with pytest.raises(InvalidSelection, match="no package 1"):
        await world.change_plan.preview(ACME, lambda _: Selection(package_id=1))


async def test_removing_a_discontinued_feature_can_be_undone_until_it_takes_effect(world: World) -> None:
    await bought(world, BOTH)
    await world.load_catalogue.load(without("calls"))
    await world.change_plan.remove_feature(ACME, CALLS)
    await world.change_plan.add_feature(ACME, CALLS, When.LATER)
    subscription = await world.subscription()
    assert (subscription.changes, subscription.plan_of(5).price) == ((), gel("54.00"))


async def test_a_feature_that_was_removed_and_added_again_costs_todays_price(world: World) -> None:
    await bought(world, BOTH)
    await world.load_catalogue.load(without(prices="20.00"))
    await world.change_plan.remove_feature(ACME, CALLS)
    world.clock.advance(days=28)
    assert (await world.renewals())[0].obstacle is not None  # a new amount needs the customer
    order = (await world.storage.read(lambda uow: uow.orders.open_of("acme")))[0]
    assert (await pay(world, order)).amount == gel("24.00")
    changed = await world.change_plan.preview(ACME, lambda _: BOTH)
    assert changed.preview.plan.price == gel("64.00")  # 2 x 12.00 as agreed + 2 x 20.00 of today


async def test_seats_keep_their_unit_price_when_the_catalogue_changes(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=2)
    await world.load_catalogue.load(without(prices="80.00"))
    changed = await world.change_plan.change(ACME, lambda has: evolve(has, seats=3), When.NOW)
    assert (await pay(world, changed.order)).amount == gel("150.00")
    other = await world.change_plan.preview(ACME, lambda _: Selection(package_id=2))
    assert other.preview.plan.price == gel("80.00")


async def test_the_create_call_and_the_charge_keep_unit_prices_too(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=2, terms=Terms(save_card=SaveCard.AUTOMATIC))
    await world.load_catalogue.load(without(prices="80.00"))
    world.clock.advance(seconds=61)
    more = await world.checkout.buy(ACME, Selection(package_id=1, seats=3))
    assert (more.purpose, more.amount) == (Purpose.UPGRADE, gel("150.00"))
    charge = await world.charging.charge(ACME, Selection(package_id=1, seats=1))
    assert charge.order.amount == gel("50.00")


async def test_a_customer_who_returns_after_the_end_pays_todays_price(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=2)
    await world.cancel.cancel(ACME, immediately=True)
    await world.load_catalogue.load(without(prices="80.00"))
    world.clock.advance(seconds=61)
    assert (await world.checkout.buy(ACME, Selection(package_id=1, seats=2))).amount == gel("160.00")


async def test_who_has_more_seats_than_a_package_allows_by_now_may_keep_and_reduce_them(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=8)
    smaller = tuple(evolve(one, limits=Limits(max_users=5)) for one in catalogue().packages)
    await world.load_catalogue.load(evolve(catalogue(), packages=smaller))
    fewer = await world.change_plan.preview(ACME, lambda has: evolve(has, seats=7))
    assert fewer.preview.plan.price == gel("350.00")
    with pytest.raises(InvalidSelection, match="not 9"):
        await world.change_plan.preview(ACME, lambda has: evolve(has, seats=9))


async def test_more_seats_than_were_agreed_come_with_the_larger_limit_of_today(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=8)
    larger = tuple(evolve(one, limits=Limits(max_users=20)) for one in catalogue().packages)
    await world.load_catalogue.load(evolve(catalogue(), packages=larger))
    more = await world.change_plan.preview(ACME, lambda has: evolve(has, seats=15))
    assert (more.preview.plan.price, more.preview.plan.limits.max_users) == (gel("750.00"), 20)


async def test_the_list_of_features_shows_a_discontinued_one_only_to_its_tenant(world: World) -> None:
    await bought(world, BOTH)
    await world.load_catalogue.load(without("calls", prices="20.00"))
    mine = AvailableFeatures.of(await world.views.subscription(ACME)).features_by_category
    assert [(one.id, one.is_selected, str(one.monthly_cost_for_current_agents)) for one in mine["channels"]] == [
        (CALLS, True, "30.00")
    ]
    assert str(mine["service"][0].monthly_cost_for_current_agents) == "24.00"  # as agreed
    theirs = AvailableFeatures.of(await world.views.subscription(principal("other"))).features_by_category
    assert list(theirs) == ["service"]


def test_more_or_less_counts_todays_price_where_there_is_one_and_the_agreed_price_elsewhere() -> None:
    agreed = plan(catalogue(), BOTH, Currency.GEL)
    today = without("calls", prices="100.00")
    flat: Plan = plan(today, Selection(package_id=2), Currency.GEL)
    assert not is_more(flat, agreed, today)  # 100.00 against 2 x 100.00 + 2 x 15.00
    assert is_more(agreed, flat, today)
