"""What a tenant has, at the price it pays, and the catalogue of the old features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve

from echodesk_billing.domain.catalogue.catalogue import Catalogue, Feature, PricingModel
from echodesk_billing.domain.catalogue.limits import MOST_SEATS, Limits
from echodesk_billing.domain.catalogue.pricing import Item, Plan, Selection
from echodesk_billing.domain.errors import InvalidCatalogue, InvalidMoney
from echodesk_billing.domain.importing.findings import Finding, Kind
from echodesk_billing.domain.importing.records import OldFeature, OldOrder
from echodesk_billing.domain.money import Currency, Money


def catalogue(features: Sequence[OldFeature]) -> tuple[Catalogue, list[Finding]]:
    """The catalogue of the features that are sold; the obligatory ones, which cost 0.00, are required.

    Their flat prices were never charged, so they are not prices here.
    """
    sold, found = [], []
    for old in sorted(features, key=lambda one: (one.sort_order, one.id)):
        if not old.is_active:
            continue
        try:
            sold.append(_feature(old))
        except (InvalidCatalogue, InvalidMoney) as error:
            found.append(Finding(kind=Kind.FEATURE, subject=old.key, message=f"it cannot be sold here: {error}"))
    return Catalogue(features=tuple(sold)), found


def _feature(old: OldFeature) -> Feature:
    return Feature(
        id=old.id,
        key=old.key,
        name=old.name,
        category=old.category,
        description=old.description,
        icon=old.icon,
        prices_per_seat={Currency.GEL: Money(old.price_per_seat)},
        is_required=not old.price_per_seat,
    )


def plan(chosen: Sequence[OldFeature], seats: int, version: int) -> Plan | None:
    """The selected features for a number of seats, at the prices of the old tables; None where there are none.

    Args:
        version: of the catalogue here.
    """
    if not chosen:
        return None
    seats = min(max(seats, 1), MOST_SEATS)
    items = tuple(_item(one) for one in sorted(chosen, key=lambda one: one.key))
    return Plan(
        name=", ".join(item.name for item in items if not item.is_required) or items[0].name,
        selection=Selection(features=[item.key for item in items], seats=seats),
        catalogue_version=version,
        price=sum((item.price(seats) for item in items), Money.zero(Currency.GEL)),
        items=items,
        limits=Limits(max_users=seats),
        features=tuple(item.key for item in items),
        pricing_model=PricingModel.AGENT,
    )


def bought(order: OldOrder, features: Mapping[int, OldFeature], seats: int, version: int) -> Plan | None:
    """What an order says that it buys, at its own amount; None where it does not say it.

    Args:
        features: all of them, by id.
        seats: where the order does not say how many.
    """
    named = order.metadata.get("feature_ids")
    chosen = [features[one] for one in named if one in features] if isinstance(named, list) else []
    told = order.metadata.get("agent_count")
    return plan(chosen, told if isinstance(told, int) else seats, version)


def _item(old: OldFeature) -> Item:
    price = Money(old.price_per_seat)
    return Item(
        id=old.id, key=old.key, name=old.name, category=old.category, unit_price=price, is_required=not price.amount
    )


def fitted(agreed: Plan, price: Money) -> Plan:
    """The plan at exactly `price`: what its card repeats.

    The unit prices are fitted in proportion, rounded down to the tetri, so that other seats are priced from what this
    customer pays. Without a price of any unit, the first item gets all of it.
    """
    seats = agreed.selection.seats
    per_seat = price.minor // seats
    weights = [item.unit_price.minor for item in agreed.items]
    if not any(weights):
        weights = [1, *(0 for _ in weights[1:])]
    shares = [per_seat * weight // sum(weights) for weight in weights]
    largest = max(range(len(weights)), key=lambda index: weights[index])
    shares[largest] += per_seat - sum(shares)
    items = [
        evolve(item, unit_price=Money.from_minor(share, price.currency))
        for item, share in zip(agreed.items, shares, strict=True)
    ]
    return evolve(agreed, price=price, items=tuple(items))
