"""The monthly price of a selection: a pure function of catalogue, selection and currency."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import evolve, field, frozen

from echodesk_billing.domain.arguments import require, typed
from echodesk_billing.domain.catalogue.catalogue import LONGEST_INTERVAL, Catalogue, Package, Prices, PricingModel
from echodesk_billing.domain.catalogue.discounts import Discount, taken_off
from echodesk_billing.domain.catalogue.limits import MOST_SEATS, NO_LIMITS, Limits, SeatRules
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.money import Currency, Money


def _sorted_once(keys: Sequence[str]) -> tuple[str, ...]:
    require("features", keys, Sequence[str])
    return tuple(sorted(set(keys)))


@frozen(kw_only=True, field_transformer=typed)
class Selection:
    """What a customer chose: a package, a set of features, or a package with features added; seats; an interval.

    Args:
        package_id: the package, or None for a set of features.
        features: keys of features, sorted; with a package, those added to it.
        seats: how many agents, from 1 to `MOST_SEATS`.
        interval: how many months a period has, from 1 to `LONGEST_INTERVAL`.

    Raises:
        InvalidSelection: neither package nor features, or an invalid number of seats or months.
    """

    package_id: int | None = None
    features: tuple[str, ...] = field(default=(), converter=_sorted_once)
    seats: int = 1
    interval: int = 1

    def __attrs_post_init__(self) -> None:
        if self.package_id is None and not self.features:
            raise InvalidSelection("package_id", "Choose a package, one or more features, or both")
        if not 1 <= self.seats <= MOST_SEATS:
            raise InvalidSelection("agent_count", f"Choose from 1 to {MOST_SEATS} seats, not {self.seats}")
        if not 1 <= self.interval <= LONGEST_INTERVAL:
            raise InvalidSelection("interval", f"Choose from 1 to {LONGEST_INTERVAL} months, not {self.interval}")

    def changed(
        self,
        *,
        package_id: int | None = None,
        features: Sequence[str] | None = None,
        seats: int | None = None,
        interval: int | None = None,
    ) -> Selection:
        """The selection with some parts changed; None keeps a part. A package or features replace both.

        Raises:
            InvalidSelection: a value is not possible.
        """
        is_other = package_id is not None or features is not None
        return Selection(
            package_id=package_id if is_other else self.package_id,
            features=(features or ()) if is_other else self.features,
            seats=self.seats if seats is None else seats,
            interval=self.interval if interval is None else interval,
        )

    def with_feature(self, key: str) -> Selection:
        """The selection with one more feature.

        Raises:
            InvalidSelection: it has the feature.
        """
        if key in self.features:
            raise InvalidSelection("feature_id", f"{key} is already part of the subscription")
        return evolve(self, features=(*self.features, key))

    def without_feature(self, key: str) -> Selection:
        """The selection without one feature.

        Raises:
            InvalidSelection: it lacks the feature, or has nothing else.
        """
        left = tuple(feature for feature in self.features if feature != key)
        if left == self.features:
            raise InvalidSelection("feature_id", f"{key} is not part of the subscription")
        if not left and self.package_id is None:
            raise InvalidSelection(
                "feature_id",
                f"{key} is the last feature. A subscription has at least one: cancel it instead",
            )
        return evolve(self, features=left)


@frozen(kw_only=True)
class Item:
    """A package or a feature with its agreed unit price.

    Args:
        id: its id in the catalogue.
        key: of a feature; empty for a package.
        category: of a feature.
        unit_price: per interval, for one seat or a flat package.
        flat_price: per interval, of a feature for any number of seats; the lower of the two is charged.
        limits: what it adds to the limits of the plan.
        is_required: it cannot be removed from a set of features.
    """

    id: int
    name: str
    key: str = ""
    category: str = ""
    unit_price: Money
    flat_price: Money | None = None
    limits: Limits = NO_LIMITS
    is_required: bool = False

    def price(self, seats: int) -> Money:
        """Its price per interval for a number of seats."""
        per_seat = self.unit_price * seats
        return per_seat if self.flat_price is None else min(per_seat, self.flat_price)


@frozen(kw_only=True)
class Plan:
    """A selection with its agreed price: what an order pays and a subscription keeps.

    Args:
        name: shown to the customer.
        catalogue_version: the catalogue it was last priced from.
        price: per interval, of the whole selection.
        items: the package, then the features, each with its unit price; empty in orders of older versions.
        limits: its usage limits.
        features: keys of all its features.
        discount: that its price has.
    """

    name: str
    selection: Selection
    catalogue_version: int
    price: Money
    items: tuple[Item, ...] = ()
    limits: Limits
    features: tuple[str, ...]
    pricing_model: PricingModel
    discount: Discount | None = None

    def in_period(self, number: int) -> Plan:
        """The plan as it is priced in a period: at the full price once its discount is over."""
        return self.undiscounted() if self.discount is not None and self.discount.is_over(number) else self

    def undiscounted(self) -> Plan:
        """The plan at its full price."""
        return self if self.discount is None else evolve(self, price=self.price + self.discount.amount, discount=None)

    def discounted(self, discount: Discount) -> Plan:
        """The plan with a discount instead of the one it has; its amount follows from the price."""
        full = self.undiscounted()
        off = taken_off(full.price, discount.percent)
        return evolve(full, price=full.price - off, discount=evolve(discount, amount=off))

    @property
    def interval(self) -> int:
        """How many months its price pays."""
        return self.selection.interval

    @property
    def monthly_price(self) -> Money:
        """Its price per month, rounded to the cent, for display."""
        return self.price.part(self.interval)

    def item(self, key: str) -> Item | None:
        """The agreed item of the feature with this key; None where the plan has none."""
        return next((item for item in self.items if item.key == key and key), None)

    def is_of(self, selection: Selection) -> bool:
        """Whether it matches `selection`, with or without required features; seats of a flat package do not matter."""
        required = {item.key for item in self.items if item.is_required}
        mine, wanted = self.selection, selection
        if wanted.package_id is None:
            wanted = evolve(wanted, features=(*wanted.features, *(required & set(mine.features))))
        if self.pricing_model is PricingModel.CRM and not mine.features:
            wanted = evolve(wanted, seats=mine.seats)
        return mine == wanted


def plan(catalogue: Catalogue, selection: Selection, currency: Currency, kept: Sequence[Plan] = ()) -> Plan:
    """The plan of `selection` from `catalogue`, priced in `currency`.

    Items of a subscription keep their agreed unit price, also with other seats, and also where they are no longer
    sold; new items, and all items of another interval, cost what `catalogue` says. A discount is kept. A flat package
    always has one seat, so that equal plans are equal. A set of features has the required ones, whether chosen or not.

    Args:
        kept: the plans whose unit prices are kept, the current one first.

    Raises:
        InvalidSelection: the package or a feature is not sold, or has no price in the currency or for the interval;
            a rule about seats is broken; or the whole costs nothing.
    """
    kept = [one for one in kept if one.items and one.price.currency is currency]
    agreed = {
        item.key or item.id: item
        for one in reversed(kept)
        if one.selection.interval == selection.interval
        for item in one.items
    }
    same = [one for one in kept if one.selection.package_id == selection.package_id]
    base = _base(catalogue, selection, currency, agreed, same)
    selection = _completed(selection, catalogue, base)
    features = [
        agreed.get(key) or feature_item(catalogue, key, currency, selection.interval) for key in selection.features
    ]
    items = (*base.items, *features)
    price = _price(items, base.pricing_model, selection.seats, currency)
    if price.minor == 0:
        raise InvalidSelection("features", "This selection costs nothing: choose at least one feature with a price")
    limits = base.limits
    for item in features:
        limits = limits.plus(item.limits)
    made = Plan(
        name=", ".join(item.name for item in items if not item.is_required) or items[0].name,
        selection=selection,
        catalogue_version=catalogue.version,
        price=price,
        items=items,
        limits=limits,
        features=(*base.features, *selection.features),
        pricing_model=base.pricing_model,
    )
    had = kept[0].discount if kept else None
    return made.discounted(had) if had is not None and had.holds_for(selection.package_id) else made


@frozen(kw_only=True)
class _Base:
    """What features are added to: a package at its agreed price, or nothing but seats."""

    items: tuple[Item, ...] = ()
    features: tuple[str, ...] = ()
    limits: Limits
    pricing_model: PricingModel = PricingModel.AGENT


def _completed(selection: Selection, catalogue: Catalogue, base: _Base) -> Selection:
    """The selection with required features, and with one seat for a flat package."""
    if selection.package_id is None:
        return evolve(selection, features=(*selection.features, *catalogue.required))
    for key in selection.features:
        if key in base.features:
            raise InvalidSelection("features", f"{key} is already part of the package {base.items[0].name}")
    is_flat = base.pricing_model is PricingModel.CRM and not selection.features
    return evolve(selection, seats=1) if is_flat else selection


def _base(
    catalogue: Catalogue,
    selection: Selection,
    currency: Currency,
    agreed: Mapping[str | int, Item],
    same: Sequence[Plan],
) -> _Base:
    """What the features of a selection are added to, with its rules about seats checked.

    Args:
        same: kept plans of the same package, or of sets of features.
    """
    seats, package_id = selection.seats, selection.package_id
    had = {one.selection.seats for one in same}
    if package_id is None:
        _require_seats(catalogue.seats, "A set of features", seats, had)
        return _Base(limits=Limits(max_users=seats))
    sold = next((one for one in catalogue.packages if one.id == package_id), None)
    item = agreed.get(package_id)
    base = _kept(item, same[0]) if item else _sold(catalogue.package(package_id), currency, selection.interval)
    if base.pricing_model is PricingModel.CRM and not selection.features:
        return base
    today = sold.limits if sold else base.limits
    rules = sold.seat_rules if sold else SeatRules(max_seats=today.max_users)
    _require_seats(rules, base.items[0].name, seats, had)
    return evolve(base, limits=today) if 0 < base.limits.max_users < seats else base


def _require_seats(rules: SeatRules, name: str, seats: int, had: Collection[int]) -> None:
    """Check rules about seats; seats that were agreed can be kept and reduced."""
    if seats not in had:
        rules.require(seats, name, had=max(had, default=0))


def _sold(package: Package, currency: Currency, interval: int) -> _Base:
    """A package at today's price."""
    item = _package_item(package, currency, interval)
    return _Base(items=(item,), features=package.features, limits=package.limits, pricing_model=package.pricing_model)


def _kept(item: Item, had: Plan) -> _Base:
    """The package of a kept plan, as it was agreed."""
    added = had.selection.features
    return _Base(
        items=(item,),
        features=tuple(key for key in had.features if key not in added),
        limits=item.limits if added else had.limits,
        pricing_model=had.pricing_model,
    )


def _package_item(package: Package, currency: Currency, interval: int) -> Item:
    price = _in(package.prices_of(interval), package.prices, currency, interval, f"package {package.id}")
    return Item(id=package.id, name=package.display_name, unit_price=price, limits=package.limits)


def feature_item(catalogue: Catalogue, key: str, currency: Currency, interval: int = 1) -> Item:
    """A feature at today's price.

    Raises:
        InvalidSelection: it is not sold, or has no price in the currency or for the interval.
    """
    feature = catalogue.feature(key)
    return Item(
        id=feature.id,
        key=feature.key,
        name=feature.name,
        category=feature.category,
        unit_price=_in(feature.prices_of(interval), feature.prices_per_seat, currency, interval, f"feature {key}"),
        flat_price=feature.flat_prices_of(interval).get(currency),
        limits=feature.limits,
        is_required=feature.is_required,
    )


def is_more(new: Plan, old: Plan, catalogue: Catalogue | None) -> bool:
    """Whether `new` is an upgrade of `old`.

    It is with a longer interval, or, in the same interval, with more seats or features, or else with a higher price
    on one price list.

    Args:
        catalogue: today's price list, on which both are priced; agreed prices count for items it does not have.

    Source: docs/adr/0030-more-or-less.md, docs/adr/0036-intervals.md.
    """
    mine, theirs = new.selection, old.selection
    if mine.interval != theirs.interval:
        return mine.interval > theirs.interval
    if (mine.package_id, mine.features) == (theirs.package_id, theirs.features):
        return mine.seats > theirs.seats
    features = set(mine.features), set(theirs.features)
    if mine.package_id == theirs.package_id and mine.seats == theirs.seats:
        if features[0] > features[1]:
            return True
        if features[0] < features[1]:
            return False
    return _price_today(new, catalogue) > _price_today(old, catalogue)


def _price_today(agreed: Plan, catalogue: Catalogue | None) -> Money:
    if catalogue is None or not agreed.items:
        return agreed.price
    currency = agreed.price.currency
    items = [_today(item, catalogue, currency, agreed.interval) or item for item in agreed.items]
    return _price(items, agreed.pricing_model, agreed.selection.seats, currency)


def _today(item: Item, catalogue: Catalogue, currency: Currency, interval: int) -> Item | None:
    """The item on sale under the same key today; None where there is none."""
    try:
        if item.key:
            return feature_item(catalogue, item.key, currency, interval)
        return _package_item(catalogue.package(item.id), currency, interval)
    except InvalidSelection:
        return None


def _price(items: Iterable[Item], model: PricingModel, seats: int, currency: Currency) -> Money:
    """The price of all items; that of a flat package does not depend on the seats."""
    price = Money.zero(currency)
    for item in items:
        is_flat = model is PricingModel.CRM and not item.key
        price += item.price(1 if is_flat else seats)
    return price


def _in(prices: Prices, monthly: Prices, currency: Currency, interval: int, what: str) -> Money:
    price = prices.get(currency)
    if price is None and currency in monthly:
        raise InvalidSelection("interval", f"{what} is not sold for {interval} months at a time in {currency}")
    if price is None:
        raise InvalidSelection("currency", f"{what} has no price in {currency}; currencies: {', '.join(monthly)}")
    return price
