"""What a selection costs, and what cannot be sold."""

import pytest
from attrs import evolve

from echodesk_billing import Catalogue, Currency, InvalidSelection, PricingModel
from echodesk_billing.domain.catalogue.catalogue import Feature, Package
from echodesk_billing.domain.catalogue.limits import MOST_SEATS
from echodesk_billing.domain.catalogue.pricing import Selection, feature_item, plan
from echodesk_billing.domain.errors import InvalidCatalogue, InvalidMoney
from tests.builders import catalogue, gel


def test_an_agent_package_is_priced_per_seat() -> None:
    assert plan(catalogue(), Selection(package_id=1, seats=3), Currency.GEL).price == gel("150.00")


def test_a_flat_package_costs_the_same_for_any_number_of_seats() -> None:
    one, many = (plan(catalogue(), Selection(package_id=2, seats=seats), Currency.GEL) for seats in (1, 50))
    assert one == many
    assert one.price == gel("145.00")


def test_features_add_up_and_a_flat_price_is_taken_where_it_is_less() -> None:
    assert feature_item(catalogue(), "tickets", Currency.GEL).price(3) == gel("36.00")
    assert feature_item(catalogue(), "tickets", Currency.GEL).price(20) == gel("100.00")
    chosen = Selection(features=("tickets", "calls"), seats=2)
    assert plan(catalogue(), chosen, Currency.GEL).price == gel("54.00")


def test_the_order_of_features_does_not_matter() -> None:
    assert Selection(features=("calls", "tickets")) == Selection(features=("tickets", "calls", "calls"))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "package_id"),
        ({"package_id": 1, "interval": 0}, "interval"),
        ({"package_id": 1, "seats": 0}, "agent_count"),
        ({"package_id": 1, "seats": MOST_SEATS + 1}, "agent_count"),
    ],
)
def test_an_impossible_selection_names_its_field(arguments: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidSelection) as caught:
        Selection(**arguments)  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("selection", "currency", "message"),
    [
        (Selection(package_id=9), "GEL", "no package 9; packages: 1, 2"),
        (Selection(features=("fax",)), "GEL", "no feature 'fax'; features: tickets, calls"),
        (Selection(package_id=1), "USD", "no price in USD; currencies: GEL, EUR"),
    ],
)
def test_an_unknown_item_is_rejected_with_the_items_on_sale(selection: Selection, currency: str, message: str) -> None:
    with pytest.raises(InvalidSelection, match=message):
        plan(catalogue(), selection, Currency(currency))


def test_a_catalogue_that_contradicts_itself_is_refused() -> None:
    package, feature = catalogue().packages[0], catalogue().features[0]
    for packages, features, message in (
        ((package, package), (feature,), "package id 1 is used twice"),
        ((), (feature, evolve(feature, id=7)), "feature key 'tickets' is used twice"),
        ((package,), (), "unknown feature 'tickets'"),
    ):
        with pytest.raises(InvalidCatalogue, match=message):
            Catalogue(packages=packages, features=features)


def test_prices_are_above_zero_and_stand_under_their_currency() -> None:
    with pytest.raises(InvalidMoney):
        Package(id=1, name="a", display_name="A", pricing_model=PricingModel.CRM, prices={Currency.GEL: gel("0.00")})
    with pytest.raises(InvalidCatalogue, match="stands under EUR"):
        Feature(id=1, key="k", name="K", category="c", prices_per_seat={Currency.EUR: gel("1.00")})
