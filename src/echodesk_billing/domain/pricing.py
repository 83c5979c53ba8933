"""What a selection costs a month: a pure function of catalogue, selection and currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve, field, frozen

from echodesk_billing.domain.catalogue import Catalogue, Limits, PricingModel
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.money import Currency, Money

MOST_SEATS = 10_000


def _sorted_once(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(keys)))


@frozen(kw_only=True)
class Selection:
    """What a customer chose: a package or a set of features, and seats.

    Args:
        package_id: the package, or None for a set of features.
        features: keys of features, sorted; empty with a package.
        seats: how many agents, from 1 to `MOST_SEATS`.

    Raises:
        InvalidSelection: both or neither of package and features, or an impossible number of seats.
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
        """The same with one more feature.

        Raises:
            InvalidSelection: it is of a package, or has the feature.
        """
        self._require_features()
        if key in self.features:
            raise InvalidSelection("feature_id", f"{key} is there already")
        return evolve(self, features=(*self.features, key))

    def without_feature(self, key: str) -> Selection:
        """The same with one feature less.

        Raises:
            InvalidSelection: it is of a package, lacks the feature, or has no other.
        """
        self._require_features()
        left = tuple(feature for feature in self.features if feature != key)
        if left == self.features:
            raise InvalidSelection("feature_id", f"{key} is not there")
        if not left:
            raise InvalidSelection(
                "feature_id", f"{key} is the last feature: a subscription has at least one until it ends"
            )
        return evolve(self, features=left)

    def _require_features(self) -> None:
        if self.package_id is not None:
            raise InvalidSelection(
                "feature_id", "The subscription is of a package: choose another package instead of single features"
            )


@frozen(kw_only=True)
class Plan:
    """A selection with its price as it was agreed: what an order pays and a subscription keeps.

    Args:
        name: what the customer knows it by.
        catalogue_version: where the price comes from.
        price: a month of the whole selection.
        limits: how much it includes.
        features: keys of the features it gives access to.
    """

    name: str
    selection: Selection
    catalogue_version: int
    price: Money
    limits: Limits
    features: tuple[str, ...]
    pricing_model: PricingModel

    def is_of(self, selection: Selection) -> bool:
        """Whether it is what `selection` asks for; the seats of a flat package do not matter."""
        if self.pricing_model is PricingModel.CRM:
            return self.selection.package_id == selection.package_id
        return self.selection == selection


def plan(catalogue: Catalogue, selection: Selection, currency: Currency) -> Plan:
    """The plan that `selection` makes of `catalogue`, priced in `currency`.

    A flat package has one seat whatever was asked, so that equal plans are equal.

    Raises:
        InvalidSelection: the package or a feature does not exist, or has no price in the currency; or the package has
            fewer seats.
    """
    if selection.package_id is not None:
        package = catalogue.package(selection.package_id)
        seats = selection.seats if package.pricing_model is PricingModel.AGENT else 1
        most = package.limits.max_users
        if most and seats > most:
            raise InvalidSelection(
                "agent_count", f"{package.display_name} has at most {most} seats, not {seats}: choose another package"
            )
        return Plan(
            name=package.display_name,
            selection=Selection(package_id=package.id, seats=seats),
            catalogue_version=catalogue.version,
            price=_in(package.prices, currency, f"package {package.id}") * seats,
            limits=package.limits,
            features=package.features,
            pricing_model=package.pricing_model,
        )
    price = Money.zero(currency)
    for key in selection.features:
        price += feature_price(catalogue, key, selection.seats, currency)
    return Plan(
        name=", ".join(catalogue.feature(key).name for key in selection.features),
        selection=selection,
        catalogue_version=catalogue.version,
        price=price,
        limits=Limits(max_users=selection.seats),
        features=selection.features,
        pricing_model=PricingModel.AGENT,
    )


def is_more(new: Plan, old: Plan, catalogue: Catalogue | None) -> bool:
    """Whether `new` is an upgrade of `old`: more seats or features, or else what costs more on one price list.

    Args:
        catalogue: today's price list, on which both are priced; what was agreed counts for what it does not have.
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
    try:
        return agreed.price if catalogue is None else plan(catalogue, agreed.selection, agreed.price.currency).price
    except InvalidSelection:
        return agreed.price


def feature_price(catalogue: Catalogue, key: str, seats: int, currency: Currency) -> Money:
    """A month of one feature: per seat, or flat where that is less.

    Raises:
        InvalidSelection: the feature does not exist, or has no price in the currency.
    """
    feature = catalogue.feature(key)
    per_seat = _in(feature.prices_per_seat, currency, f"feature {key}") * seats
    flat = feature.prices_flat.get(currency)
    return per_seat if flat is None else min(per_seat, flat)


def _in(prices: Mapping[Currency, Money], currency: Currency, what: str) -> Money:
    price = prices.get(currency)
    if price is None:
        raise InvalidSelection("currency", f"{what} has no price in {currency}; currencies: {', '.join(prices)}")
    return price
