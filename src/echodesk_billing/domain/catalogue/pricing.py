"""The monthly price of a selection: a pure function of catalogue, selection and currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import evolve, field, frozen

from echodesk_billing.domain.arguments import require, typed
from echodesk_billing.domain.catalogue.catalogue import Catalogue, Limits, Package, PricingModel
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.money import Currency, Money

MOST_SEATS = 10_000


def _sorted_once(keys: Sequence[str]) -> tuple[str, ...]:
    require("features", keys, Sequence[str])
    return tuple(sorted(set(keys)))


@frozen(kw_only=True, field_transformer=typed)
class Selection:
    """What a customer chose: a package or a set of features, and seats.

    Args:
        package_id: the package, or None for a set of features.
        features: keys of features, sorted; empty with a package.
        seats: how many agents, from 1 to `MOST_SEATS`.

    Raises:
        InvalidSelection: both or neither of package and features, or an invalid number of seats.
    """

    package_id: int | None = None
    features: tuple[str, ...] = field(default=(), converter=_sorted_once)
    seats: int = 1

    def __attrs_post_init__(self) -> None:
        if (self.package_id is None) == (not self.features):
            raise InvalidSelection("package_id", "Choose either a package or one or more features")
        if not 1 <= self.seats <= MOST_SEATS:
            raise InvalidSelection("agent_count", f"Choose from 1 to {MOST_SEATS} seats, not {self.seats}")

    def with_feature(self, key: str) -> Selection:
        """The selection with one more feature.

        Raises:
            InvalidSelection: it is a package, or has the feature.
        """
        self._require_features()
        if key in self.features:
            raise InvalidSelection("feature_id", f"{key} is already part of the subscription")
        return evolve(self, features=(*self.features, key))

    def without_feature(self, key: str) -> Selection:
        """The selection without one feature.

        Raises:
            InvalidSelection: it is a package, lacks the feature, or has no other.
        """
        self._require_features()
        left = tuple(feature for feature in self.features if feature != key)
        if left == self.features:
            raise InvalidSelection("feature_id", f"{key} is not part of the subscription")
        if not left:
            raise InvalidSelection(
                "feature_id",
                f"{key} is the last feature. A subscription has at least one: cancel it instead",
            )
        return evolve(self, features=left)

    def _require_features(self) -> None:
        if self.package_id is not None:
            raise InvalidSelection(
                "feature_id", "The subscription is a package: choose another package instead of single features"
            )


@frozen(kw_only=True)
class Item:
    """A package or a feature with its agreed unit price.

    Args:
        id: its id in the catalogue.
        key: of a feature; empty for a package.
        category: of a feature.
        unit_price: per month, for one seat or a flat package.
        flat_price: per month, of a feature for any number of seats; the lower of the two is charged.
    """

    id: int
    name: str
    key: str = ""
    category: str = ""
    unit_price: Money
    flat_price: Money | None = None

    def price(self, seats: int) -> Money:
        """Its monthly price for a number of seats."""
        per_seat = self.unit_price * seats
        return per_seat if self.flat_price is None else min(per_seat, self.flat_price)


@frozen(kw_only=True)
class Plan:
    """A selection with its agreed price: what an order pays and a subscription keeps.

    Args:
        name: shown to the customer.
        catalogue_version: the catalogue it was last priced from.
        price: per month, of the whole selection.
        items: the package, or the features, each with its unit price; empty in orders of older versions.
        limits: its usage limits.
        features: keys of the included features.
    """

    name: str
    selection: Selection
    catalogue_version: int
    price: Money
    items: tuple[Item, ...] = ()
    limits: Limits
    features: tuple[str, ...]
    pricing_model: PricingModel

    def item(self, key: str) -> Item | None:
        """The agreed item of the feature with this key; None where the plan has none."""
        return next((item for item in self.items if item.key == key and key), None)

    def is_of(self, selection: Selection) -> bool:
        """Whether it matches `selection`; the seats of a flat package do not matter."""
        if self.pricing_model is PricingModel.CRM:
            return self.selection.package_id == selection.package_id
        return self.selection == selection


def plan(catalogue: Catalogue, selection: Selection, currency: Currency, kept: Sequence[Plan] = ()) -> Plan:
    """The plan of `selection` from `catalogue`, priced in `currency`.

    Items of a subscription keep their agreed unit price, also with other seats, and also where they are no longer
    sold; new items cost what `catalogue` says. A flat package always has one seat, so that
    equal plans are equal.

    Args:
        kept: the plans whose unit prices are kept, the current one first.

    Raises:
        InvalidSelection: the package or a feature is not sold, or has no price in the currency; or the package has
            fewer seats.
    """
    kept = [one for one in kept if one.items and one.price.currency is currency]
    if selection.package_id is not None:
        return _package_plan(catalogue, selection.package_id, selection.seats, currency, kept)
    agreed = {item.key: item for one in reversed(kept) for item in one.items}
    items = tuple(agreed.get(key) or feature_item(catalogue, key, currency) for key in selection.features)
    return Plan(
        name=", ".join(item.name for item in items),
        selection=selection,
        catalogue_version=catalogue.version,
        price=_sum(items, selection.seats, currency),
        items=items,
        limits=Limits(max_users=selection.seats),
        features=selection.features,
        pricing_model=PricingModel.AGENT,
    )


def _package_plan(catalogue: Catalogue, package_id: int, seats: int, currency: Currency, kept: Sequence[Plan]) -> Plan:
    had = [one for one in kept if one.selection.package_id == package_id]
    sold = next((one for one in catalogue.packages if one.id == package_id and currency in one.prices), None)
    whole = had[0] if had else _of_package(catalogue.package(package_id), catalogue.version, currency)
    seats = seats if whole.pricing_model is PricingModel.AGENT else 1
    limits = sold.limits if sold else whole.limits
    most = max([limits.max_users, *(one.selection.seats for one in had)]) if limits.max_users else 0
    if most and seats > most:
        raise InvalidSelection(
            "agent_count", f"{whole.name} has at most {most} seats, not {seats}: choose another package"
        )
    return evolve(
        whole,
        selection=evolve(whole.selection, seats=seats),
        price=whole.items[0].price(seats),
        limits=limits if 0 < whole.limits.max_users < seats else whole.limits,
    )


def _of_package(package: Package, version: int, currency: Currency) -> Plan:
    """One seat of a package at today's price."""
    price = _in(package.prices, currency, f"package {package.id}")
    return Plan(
        name=package.display_name,
        selection=Selection(package_id=package.id),
        catalogue_version=version,
        price=price,
        items=(Item(id=package.id, name=package.display_name, unit_price=price),),
        limits=package.limits,
        features=package.features,
        pricing_model=package.pricing_model,
    )


def feature_item(catalogue: Catalogue, key: str, currency: Currency) -> Item:
    """A feature at today's price.

    Raises:
        InvalidSelection: it is not sold, or has no price in the currency.
    """
    feature = catalogue.feature(key)
    return Item(
        id=feature.id,
        key=feature.key,
        name=feature.name,
        category=feature.category,
        unit_price=_in(feature.prices_per_seat, currency, f"feature {key}"),
        flat_price=feature.prices_flat.get(currency),
    )


def is_more(new: Plan, old: Plan, catalogue: Catalogue | None) -> bool:
    """Whether `new` is an upgrade of `old`: more seats or features, or else a higher price on one price list.

    Args:
        catalogue: today's price list, on which both are priced; agreed prices count for items it does not have.
    """
    mine, theirs = new.selection, old.selection
    if (mine.package_id, mine.features) == (theirs.package_id, theirs.features):
        return mine.seats > theirs.seats
    features = set(mine.features), set(theirs.features)
    if mine.package_id is None and theirs.package_id is None and mine.seats == theirs.seats:
        if features[0] > features[1]:
            return True
        if features[0] < features[1]:
            return False
    return _price_today(new, catalogue) > _price_today(old, catalogue)


def _price_today(agreed: Plan, catalogue: Catalogue | None) -> Money:
    if catalogue is None or not agreed.items:
        return agreed.price
    currency = agreed.price.currency
    items = [_today(item, catalogue, currency) or item for item in agreed.items]
    return _sum(items, agreed.selection.seats, currency)


def _today(item: Item, catalogue: Catalogue, currency: Currency) -> Item | None:
    """The item on sale under the same key today; None where there is none."""
    try:
        if item.key:
            return feature_item(catalogue, item.key, currency)
        return _of_package(catalogue.package(item.id), catalogue.version, currency).items[0]
    except InvalidSelection:
        return None


def _sum(items: Iterable[Item], seats: int, currency: Currency) -> Money:
    price = Money.zero(currency)
    for item in items:
        price += item.price(seats)
    return price


def _in(prices: Mapping[Currency, Money], currency: Currency, what: str) -> Money:
    price = prices.get(currency)
    if price is None:
        raise InvalidSelection("currency", f"{what} has no price in {currency}; currencies: {', '.join(prices)}")
    return price
