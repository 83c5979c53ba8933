"""Included and required features, rules about seats, limits, features on top of a package, translations."""

from __future__ import annotations

import pytest
from attrs import evolve

from echodesk_billing import (
    Catalogue,
    Category,
    Currency,
    Feature,
    FeatureRequired,
    InvalidCatalogue,
    InvalidSelection,
    Limits,
    SaveCard,
    SeatRules,
    Translation,
)
from echodesk_billing.application.changes import When
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.catalogue.pricing import Selection, plan
from echodesk_billing.domain.orders.order import Order
from tests.builders import catalogue, gel, principal
from tests.unit.conftest import World

ACME = principal("acme")
AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)


def included(number: int, key: str, *, required: bool = True, limits: Limits = Limits()) -> Feature:  # noqa: B008
    free = {Currency.GEL: gel("0.00")}
    return Feature(
        id=number, key=key, name=key, category="core", prices_per_seat=free, is_required=required, limits=limits
    )


def rules(seats: SeatRules | None = None) -> Catalogue:
    """Two features that are included and required, one that is included, one that is required and has a price."""
    sold = catalogue()
    base = Limits(max_whatsapp_messages=500, max_storage_gb=5)
    more = (
        included(10, "users", limits=base),
        included(11, "search"),
        included(12, "notes", required=False),
    )
    return evolve(sold, features=(*sold.features, *more), seats=seats or SeatRules())


async def pay(world: World, order: Order | None) -> Order:
    assert order is not None
    world.bank.pay(order)
    await world.hear(order)
    return await world.order(order.id)


async def bought(world: World, selection: Selection, sold: Catalogue | None = None) -> Order:
    await world.load_catalogue.load(sold or rules())
    return await pay(world, await world.checkout.buy(ACME, selection, terms=AUTOMATIC))


def test_required_features_are_part_of_every_set_and_cost_what_they_cost() -> None:
    priced = plan(rules(), Selection(features=("tickets",), seats=2), Currency.GEL)
    assert (priced.features, priced.price) == (("search", "tickets", "users"), gel("24.00"))
    with_price = evolve(catalogue().features[1], is_required=True)  # calls, 15.00
    sold = evolve(catalogue(), features=(catalogue().features[0], with_price))
    assert plan(sold, Selection(features=("tickets",), seats=2), Currency.GEL).price == gel("54.00")


def test_a_package_has_its_own_features_only() -> None:
    assert plan(rules(), Selection(package_id=1), Currency.GEL).features == ("tickets",)


def test_only_a_whole_plan_must_cost_something() -> None:
    with pytest.raises(InvalidSelection, match="costs nothing"):
        plan(rules(), Selection(features=("notes", "users")), Currency.GEL)
    free_flat = evolve(catalogue().features[0], prices_per_seat={Currency.GEL: gel("0.00")})
    assert free_flat.prices_of(12) == {Currency.GEL: gel("0.00")}  # free in every interval


async def test_choosing_required_features_or_not_is_the_same_choice(world: World) -> None:
    order = await bought(world, Selection(features=("tickets",), seats=2))
    named = Selection(features=("tickets", "users", "search"), seats=2)
    world.clock.advance(seconds=61)
    ahead = await world.checkout.buy(ACME, named, terms=AUTOMATIC)
    assert (ahead.period, ahead.plan) == (1, order.plan)  # the next period, and not another plan


async def test_a_required_feature_cannot_be_removed_but_an_included_one_can(world: World) -> None:
    await bought(world, Selection(features=("tickets", "notes"), seats=2))
    with pytest.raises(FeatureRequired, match="users is part of every subscription"):
        await world.change_plan.remove_feature(ACME, 10)
    feature, changed = await world.change_plan.remove_feature(ACME, 12)
    assert (feature.key, changed.preview.plan.price) == ("notes", gel("24.00"))


async def test_a_feature_that_became_required_joins_when_the_plan_changes_and_not_before(world: World) -> None:
    await bought(world, Selection(features=("tickets",), seats=2), catalogue())
    await world.load_catalogue.load(rules())
    world.clock.advance(days=28)
    assert (await world.charge_due()).plan.features == ("tickets",)  # type: ignore[union-attr]
    changed = await world.change_plan.preview(ACME, lambda has: has.with_feature("calls"))
    assert changed.preview.plan.features == ("calls", "search", "tickets", "users")


@pytest.mark.parametrize(
    ("seats", "message"),
    [(4, "at least 5 seats, not 4"), (12, "steps of 5 seats, so 12"), (55, "at most 50 seats, not 55"), (10, None)],
)
def test_seats_follow_the_rules(seats: int, message: str | None) -> None:
    sold = rules(SeatRules(min_seats=5, max_seats=50, seat_step=5))
    chosen = Selection(features=("tickets",), seats=seats)
    if message is None:
        assert plan(sold, chosen, Currency.GEL).selection.seats == seats
        return
    with pytest.raises(InvalidSelection, match=message) as caught:
        plan(sold, chosen, Currency.GEL)
    assert caught.value.field == "agent_count"


async def test_seats_that_were_agreed_can_be_kept_and_reduced_by_the_rules_of_today(world: World) -> None:
    await bought(world, Selection(features=("tickets",), seats=7), catalogue())
    await world.load_catalogue.load(rules(SeatRules(min_seats=1, max_seats=5)))
    kept = await world.change_plan.preview(ACME, lambda has: has.with_feature("calls"))
    assert kept.preview.plan.selection.seats == 7
    fewer = await world.change_plan.preview(ACME, lambda has: has.changed(seats=6))
    assert fewer.preview.plan.selection.seats == 6
    with pytest.raises(InvalidSelection, match="at most 7"):
        await world.change_plan.preview(ACME, lambda has: has.changed(seats=8))


def test_a_package_has_rules_of_its_own_and_its_max_users() -> None:
    package = evolve(catalogue().packages[0], seats=SeatRules(min_seats=4, seat_step=2))
    sold = evolve(catalogue(), packages=(package,))
    assert plan(sold, Selection(package_id=1, seats=6), Currency.GEL).price == gel("300.00")
    for seats, message in ((2, "Team has at least 4"), (5, "steps of 2"), (12, "at most 10")):
        with pytest.raises(InvalidSelection, match=message):
            plan(sold, Selection(package_id=1, seats=seats), Currency.GEL)


@pytest.mark.parametrize(
    "wrong", [{"min_seats": 0}, {"seat_step": 0}, {"max_seats": -1}, {"min_seats": 6, "max_seats": 5}]
)
def test_rules_that_no_number_fits_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidCatalogue, match="no number of seats fits"):
        SeatRules(**wrong)


def test_a_package_whose_rules_contradict_its_limit_is_refused() -> None:
    with pytest.raises(InvalidCatalogue, match="no number of seats fits"):
        evolve(catalogue().packages[0], seats=SeatRules(min_seats=11))


def test_features_bring_their_limits() -> None:
    calls = evolve(catalogue().features[1], limits=Limits(max_whatsapp_messages=-1, max_storage_gb=20))
    sold = evolve(rules(), features=(*rules().features[:1], calls, *rules().features[2:]))
    some = plan(sold, Selection(features=("tickets",), seats=3), Currency.GEL).limits
    assert some == Limits(max_users=3, max_whatsapp_messages=500, max_storage_gb=5)
    more = plan(sold, Selection(features=("tickets", "calls"), seats=3), Currency.GEL).limits
    assert more == Limits(max_users=3, max_whatsapp_messages=-1, max_storage_gb=25)
    on_top = plan(sold, Selection(package_id=1, features=("calls",), seats=3), Currency.GEL)
    assert on_top.limits == Limits(max_users=10, max_whatsapp_messages=-1, max_storage_gb=25)


async def test_a_feature_on_top_of_a_flat_package_is_paid_per_seat(world: World) -> None:
    await bought(world, Selection(package_id=2))
    more = await world.change_plan.change(ACME, lambda has: has.with_feature("calls").changed(seats=3), When.NOW)
    assert (await pay(world, more.order)).amount == gel("190.00")  # 145.00 + 3 x 15.00
    await world.load_catalogue.load(evolve(rules(), packages=()))  # the package is discontinued
    fewer = await world.change_plan.preview(ACME, lambda has: has.changed(seats=2))
    assert fewer.preview.plan.price == gel("175.00")
    without = await world.change_plan.preview(ACME, lambda has: has.without_feature("calls"))
    assert (without.preview.plan.price, without.preview.plan.selection.seats) == (gel("145.00"), 1)


async def test_incident_15_prices_of_features_rise_and_a_customer_keeps_what_was_agreed(world: World) -> None:
    await bought(world, Selection(features=("calls", "tickets"), seats=5))
    dear = {Currency.GEL: gel("40.00")}
    features = tuple(evolve(one, prices_per_seat=dear, prices_flat={}) for one in rules().features)
    await world.load_catalogue.load(evolve(rules(), features=features))
    world.clock.advance(days=28)
    assert (await world.charge_due()).amount == gel("135.00")  # 5 x (12.00 + 15.00)
    more = await world.change_plan.preview(ACME, lambda has: has.changed(seats=10))
    assert more.preview.plan.price == gel("250.00")  # 10 x 15.00, and tickets at their flat price
    less = await world.change_plan.preview(ACME, lambda has: has.without_feature("calls"))
    assert less.preview.plan.price == gel("60.00")


def test_names_are_translated_where_there_is_a_translation() -> None:
    feature = evolve(catalogue().features[0], translations={"ka": Translation(name="მოთხოვნები")})
    assert [feature.words(language).name for language in ("ka", "ru", "en", "")] == ["მოთხოვნები"] + ["Tickets"] * 3
    category = Category(key="service", label="Service", translations={"ka": Translation(name="სერვისი")})
    channels = Category(key="channels", label="Channels")
    sold = evolve(catalogue(), categories=(category, channels))
    assert [sold.category_label("service", language) for language in ("ka", "en")] == ["სერვისი", "Service"]
    assert catalogue().category_label("service") == "service"
    with pytest.raises(InvalidCatalogue, match="'channels'"):
        evolve(catalogue(), categories=(category,))
    with pytest.raises(InvalidCatalogue, match="'fr' is not a language"):
        evolve(feature, translations={"fr": Translation()})
