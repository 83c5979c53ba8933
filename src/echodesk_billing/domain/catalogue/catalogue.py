"""What is sold: packages and features, in one version of the catalogue."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import Attribute, evolve, field, frozen

from echodesk_billing.domain.arguments import require, typed
from echodesk_billing.domain.catalogue.limits import ANY_SEATS, NO_LIMITS, Limits, SeatRules
from echodesk_billing.domain.errors import InvalidCatalogue, InvalidSelection
from echodesk_billing.domain.money import Currency, Money, positive


class PricingModel(enum.StrEnum):
    """How a package's monthly price is computed."""

    AGENT = "agent"
    CRM = "crm"


LARGEST_ID = 2**63 - 1
LONGEST_NAME = 100
LONGEST_KEY = 64
LONGEST_INTERVAL = 36
LANGUAGES = ("en", "ka", "ru")


def _id(thing: object, _: Attribute[int], value: int) -> None:
    if not 1 <= value <= LARGEST_ID:
        raise InvalidCatalogue(f"{_a(thing)} id is {value}: give a number from 1 to {LARGEST_ID}")


def _name(thing: object, attribute: Attribute[str], value: str) -> None:
    _word(thing, attribute, value, LONGEST_NAME)


def _key(thing: object, attribute: Attribute[str], value: str) -> None:
    _word(thing, attribute, value, LONGEST_KEY)


def _word(thing: object, attribute: Attribute[str], value: str, longest: int) -> None:
    if not 1 <= len(value) <= longest or not value.isprintable():
        said = f"{_a(thing)} {attribute.name} is {value[:50]!r}"
        raise InvalidCatalogue(f"{said}: give 1 to {longest} printable characters")


def _a(thing: object) -> str:
    return f"a {type(thing).__name__.lower()}'s"


def _word_or_empty(thing: object, attribute: Attribute[str], value: str) -> None:
    if value:
        _word(thing, attribute, value, LONGEST_NAME)


Prices = Mapping[Currency, Money]


def _prices(value: Prices, *, free: bool = False) -> Prices:
    require("prices", value, Mapping)
    for currency, price in value.items():
        require("a catalogue price", price, Money)
        if price.currency is not currency:
            raise InvalidCatalogue(f"a price of {price} stands under {currency}")
        if not (free and price.minor == 0):
            positive(price, "a catalogue price")
    return dict(value)


def _prices_or_free(value: Prices) -> Prices:
    return _prices(value, free=True)


def _longer_prices(value: Mapping[int, Prices]) -> Mapping[int, Prices]:
    return {_interval(months): _prices(prices) for months, prices in _mapping(value).items()}


def _longer_prices_or_free(value: Mapping[int, Prices]) -> Mapping[int, Prices]:
    return {_interval(months): _prices_or_free(prices) for months, prices in _mapping(value).items()}


def _mapping(value: Mapping[int, Prices]) -> Mapping[int, Prices]:
    require("prices of intervals", value, Mapping)
    return value


def _interval(months: int) -> int:
    require("an interval in months", months, int)
    if not 1 < months <= LONGEST_INTERVAL:
        raise InvalidCatalogue(
            f"an interval has {months} months: give 2 to {LONGEST_INTERVAL}; the price of 1 month stands by itself"
        )
    return months


@frozen(kw_only=True, field_transformer=typed)
class Translation:
    """Names in another language; an empty one falls back to the original."""

    name: str = field(default="", validator=_word_or_empty)
    description: str = ""


def _translations(value: Mapping[str, Translation]) -> Mapping[str, Translation]:
    require("translations", value, Mapping)
    for language, words in value.items():
        require("a translation", words, Translation)
        if language not in LANGUAGES:
            raise InvalidCatalogue(f"{language!r} is not a language: give one of {', '.join(LANGUAGES)}")
    return dict(value)


@frozen(kw_only=True, field_transformer=typed)
class Package:
    """A package with its price per currency and interval.

    Args:
        id: the number the frontend sends as `package_id`.
        pricing_model: `agent` is priced per seat, `crm` is flat.
        prices: per month, for one seat or flat, by currency.
        longer_prices: per interval of more months, by its months.
        limits: `max_users` is also the most seats that can be bought.
        seats: how many seats can be bought.
        features: keys of the features it includes.
        features_list: lines for the price page.
        translations: names in other languages, by language.

    Raises:
        InvalidCatalogue: an invalid number, name or price.
    """

    id: int = field(validator=_id)
    name: str = field(validator=_name)
    display_name: str = field(validator=_name)
    description: str = ""
    pricing_model: PricingModel
    prices: Prices = field(converter=_prices)
    longer_prices: Mapping[int, Prices] = field(converter=_longer_prices, factory=dict)
    limits: Limits = NO_LIMITS
    seats: SeatRules = ANY_SEATS
    features: tuple[str, ...] = ()
    features_list: tuple[str, ...] = ()
    is_highlighted: bool = False
    translations: Mapping[str, Translation] = field(converter=_translations, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.seat_rules  # noqa: B018 - checked now instead of when somebody buys

    @property
    def seat_rules(self) -> SeatRules:
        """How many seats can be bought, its `max_users` included."""
        most = self.limits.max_users
        return evolve(self.seats, max_seats=min(self.seats.max_seats or most, most)) if most else self.seats

    def prices_of(self, interval: int) -> Prices:
        """The prices for an interval in months; none where it is not sold for it."""
        return self.prices if interval == 1 else self.longer_prices.get(interval, {})

    def words(self, language: str) -> Translation:
        """Its names in a language, or the original ones."""
        return _words(self.translations, language, self.display_name, self.description)


@frozen(kw_only=True, field_transformer=typed)
class Feature:
    """A feature that can be bought individually, or added to a package.

    Args:
        category: its category's key.
        prices_per_seat: per month and seat, by currency; 0.00 where it is included.
        prices_flat: per month for any number of seats, by currency; the lower of the two is charged.
        longer_prices_per_seat: per interval of more months, by its months; one that is free is free in all of them.
        longer_prices_flat: the same for any number of seats.
        limits: what it adds to the limits of a plan.
        is_required: it is part of every set of features.
        translations: names in other languages, by language.

    Raises:
        InvalidCatalogue: an invalid number, key, name or price.
    """

    id: int = field(validator=_id)
    key: str = field(validator=_key)
    name: str = field(validator=_name)
    category: str
    description: str = ""
    icon: str = ""
    prices_per_seat: Prices = field(converter=_prices_or_free)
    prices_flat: Prices = field(converter=_prices, factory=dict)
    longer_prices_per_seat: Mapping[int, Prices] = field(converter=_longer_prices_or_free, factory=dict)
    longer_prices_flat: Mapping[int, Prices] = field(converter=_longer_prices, factory=dict)
    limits: Limits = NO_LIMITS
    is_required: bool = False
    translations: Mapping[str, Translation] = field(converter=_translations, factory=dict)

    def prices_of(self, interval: int) -> Prices:
        """The prices per seat for an interval in months; none where it is not sold for it."""
        if interval == 1:
            return self.prices_per_seat
        free = {currency: price for currency, price in self.prices_per_seat.items() if price.minor == 0}
        return {**free, **self.longer_prices_per_seat.get(interval, {})}

    def flat_prices_of(self, interval: int) -> Prices:
        """The prices for any number of seats for an interval in months."""
        return self.prices_flat if interval == 1 else self.longer_prices_flat.get(interval, {})

    def words(self, language: str) -> Translation:
        """Its names in a language, or the original ones."""
        return _words(self.translations, language, self.name, self.description)


@frozen(kw_only=True, field_transformer=typed)
class Category:
    """A category of features, with its label for customers.

    Args:
        translations: labels in other languages, as names.

    Raises:
        InvalidCatalogue: an invalid key or label.
    """

    key: str = field(validator=_key)
    label: str = field(validator=_name)
    translations: Mapping[str, Translation] = field(converter=_translations, factory=dict)

    def words(self, language: str) -> str:
        """Its label in a language, or the original one."""
        return _words(self.translations, language, self.label, "").name


def _words(translations: Mapping[str, Translation], language: str, name: str, description: str) -> Translation:
    found = translations.get(language, Translation())
    return Translation(name=found.name or name, description=found.description or description)


@frozen(kw_only=True, field_transformer=typed)
class Catalogue:
    """One version of everything that is sold. A price change creates a new version.

    Args:
        version: counts up from 1; 0 before it is stored.
        categories: labels of the features' categories; where none are given, a category's key is its label.
        seats: how many seats a set of features can have.

    Raises:
        InvalidCatalogue: two packages or features share an id or key, or an unknown feature or category is named.
    """

    version: int = 0
    packages: tuple[Package, ...] = ()
    features: tuple[Feature, ...] = ()
    categories: tuple[Category, ...] = ()
    seats: SeatRules = ANY_SEATS

    def __attrs_post_init__(self) -> None:
        _unique("package id", [package.id for package in self.packages])
        _unique("feature id", [feature.id for feature in self.features])
        _unique("feature key", [feature.key for feature in self.features])
        known = {feature.key for feature in self.features}
        for package in self.packages:
            for key in package.features:
                if key not in known:
                    raise InvalidCatalogue(f"package {package.id} includes the unknown feature {key!r}")
        _unique("category", [category.key for category in self.categories])
        labelled = {category.key for category in self.categories}
        for feature in self.features:
            if labelled and feature.category not in labelled:
                raise InvalidCatalogue(f"feature {feature.key!r} is in the unknown category {feature.category!r}")

    @property
    def required(self) -> tuple[str, ...]:
        """Keys of the features that every set of features has."""
        return tuple(feature.key for feature in self.features if feature.is_required)

    def category_label(self, key: str, language: str = "") -> str:
        """The label of a category, in a language where it is translated."""
        return next((one.words(language) for one in self.categories if one.key == key), key)

    def package(self, package_id: int) -> Package:
        """The package with this id.

        Raises:
            InvalidSelection: it does not exist.
        """
        for package in self.packages:
            if package.id == package_id:
                return package
        known = ", ".join(str(package.id) for package in self.packages) or "none yet"
        raise InvalidSelection("package_id", f"There is no package {package_id}; packages: {known}")

    def feature_by_id(self, feature_id: int) -> Feature:
        """The feature with this id.

        Raises:
            InvalidSelection: it does not exist.
        """
        for feature in self.features:
            if feature.id == feature_id:
                return feature
        raise InvalidSelection("feature_id", f"There is no feature {feature_id}")

    def feature(self, key: str) -> Feature:
        """The feature with this key.

        Raises:
            InvalidSelection: it does not exist.
        """
        for feature in self.features:
            if feature.key == key:
                return feature
        known = ", ".join(feature.key for feature in self.features) or "none yet"
        raise InvalidSelection("features", f"There is no feature {key!r}; features: {known}")


def _unique(what: str, values: list[int] | list[str]) -> None:
    seen: set[int | str] = set()
    for value in values:
        if value in seen:
            raise InvalidCatalogue(f"{what} {value!r} is used twice")
        seen.add(value)
