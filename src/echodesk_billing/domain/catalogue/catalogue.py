"""What is sold: packages and features, in one version of the catalogue."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import Attribute, field, frozen

from echodesk_billing.domain.arguments import require, typed
from echodesk_billing.domain.errors import InvalidCatalogue, InvalidSelection
from echodesk_billing.domain.money import Currency, Money, positive


class PricingModel(enum.StrEnum):
    """How a package's monthly price is computed."""

    AGENT = "agent"
    CRM = "crm"


LARGEST_ID = 2**63 - 1
LONGEST_NAME = 100
LONGEST_KEY = 64


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


def _not_negative(_: object, attribute: Attribute[int], value: int) -> None:
    if value < 0:
        raise InvalidCatalogue(f"the limit {attribute.name} is {value}: give 0 or more")


@frozen(kw_only=True, field_transformer=typed)
class Limits:
    """The usage limits of a package."""

    max_users: int = field(default=0, validator=_not_negative)
    max_whatsapp_messages: int = field(default=0, validator=_not_negative)
    max_storage_gb: int = field(default=0, validator=_not_negative)


def _prices(value: Mapping[Currency, Money]) -> Mapping[Currency, Money]:
    require("prices", value, Mapping)
    for currency, price in value.items():
        require("a catalogue price", price, Money)
        if price.currency is not currency:
            raise InvalidCatalogue(f"a price of {price} stands under {currency}")
        positive(price, "a catalogue price")
    return dict(value)


@frozen(kw_only=True, field_transformer=typed)
class Package:
    """A package with its monthly price per currency.

    Args:
        id: the number the frontend sends as `package_id`.
        pricing_model: `agent` is priced per seat, `crm` is flat.
        prices: per month, for one seat or flat, by currency.
        features: keys of the features it includes.
        features_list: lines for the price page.

    Raises:
        InvalidCatalogue: an invalid number, name or price.
    """

    id: int = field(validator=_id)
    name: str = field(validator=_name)
    display_name: str = field(validator=_name)
    description: str = ""
    pricing_model: PricingModel
    prices: Mapping[Currency, Money] = field(converter=_prices)
    limits: Limits = Limits()
    features: tuple[str, ...] = ()
    features_list: tuple[str, ...] = ()
    is_highlighted: bool = False


@frozen(kw_only=True, field_transformer=typed)
class Feature:
    """A feature that can be bought individually.

    Args:
        prices_per_seat: per month and seat, by currency.
        prices_flat: per month for any number of seats, by currency; the lower of the two is charged.

    Raises:
        InvalidCatalogue: an invalid number, key, name or price.
    """

    id: int = field(validator=_id)
    key: str = field(validator=_key)
    name: str = field(validator=_name)
    category: str
    description: str = ""
    icon: str = ""
    prices_per_seat: Mapping[Currency, Money] = field(converter=_prices)
    prices_flat: Mapping[Currency, Money] = field(converter=_prices, factory=dict)


@frozen(kw_only=True, field_transformer=typed)
class Catalogue:
    """One version of everything that is sold. A price change creates a new version.

    Args:
        version: counts up from 1; 0 before it is stored.

    Raises:
        InvalidCatalogue: two packages or features share an id or key, or a package names an unknown feature.
    """

    version: int = 0
    packages: tuple[Package, ...] = ()
    features: tuple[Feature, ...] = ()

    def __attrs_post_init__(self) -> None:
        _unique("package id", [package.id for package in self.packages])
        _unique("feature id", [feature.id for feature in self.features])
        _unique("feature key", [feature.key for feature in self.features])
        known = {feature.key for feature in self.features}
        for package in self.packages:
            for key in package.features:
                if key not in known:
                    raise InvalidCatalogue(f"package {package.id} includes the unknown feature {key!r}")

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
