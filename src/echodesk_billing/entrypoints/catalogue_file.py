"""Catalogue files: TOML or JSON, prices as strings."""

from __future__ import annotations

from pathlib import Path

import msgspec
from attrs import fields

from echodesk_billing.domain.catalogue.catalogue import (
    Catalogue,
    Category,
    Feature,
    Package,
    PricingModel,
    Translation,
)
from echodesk_billing.domain.catalogue.limits import Limits, SeatRules
from echodesk_billing.domain.errors import BillingError, InvalidCatalogue
from echodesk_billing.domain.money import Currency, Money

Prices = dict[Currency, str]
LongerPrices = dict[str, Prices]


class _Translation(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: str = ""
    description: str = ""


Translations = dict[str, _Translation]


class _Seats(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    min_seats: int = 1
    max_seats: int = 0
    seat_step: int = 1


class _Package(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: int
    name: str
    display_name: str
    pricing_model: PricingModel
    prices: Prices
    longer_prices: LongerPrices = {}
    description: str = ""
    limits: dict[str, int] = {}
    seats: _Seats = msgspec.field(default_factory=_Seats)
    features: list[str] = []
    features_list: list[str] = []
    is_highlighted: bool = False
    translations: Translations = {}


class _Feature(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: int
    key: str
    name: str
    category: str
    prices_per_seat: Prices
    prices_flat: Prices = {}
    longer_prices_per_seat: LongerPrices = {}
    longer_prices_flat: LongerPrices = {}
    description: str = ""
    icon: str = ""
    limits: dict[str, int] = {}
    is_required: bool = False
    translations: Translations = {}


class _Category(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    key: str
    label: str
    translations: Translations = {}


class _Catalogue(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    packages: list[_Package] = []
    features: list[_Feature] = []
    categories: list[_Category] = []
    seats: _Seats = msgspec.field(default_factory=_Seats)


def read_catalogue(path: Path) -> Catalogue:
    """The catalogue in a file.

    Raises:
        InvalidCatalogue: the file cannot be read or is not a valid catalogue; the message says where.
    """
    try:
        raw = path.read_bytes()
        decode = msgspec.json.decode if path.suffix == ".json" else msgspec.toml.decode
        written = decode(raw, type=_Catalogue)
        return Catalogue(
            packages=tuple(_package(package) for package in written.packages),
            features=tuple(_feature(feature) for feature in written.features),
            categories=tuple(
                Category(key=one.key, label=one.label, translations=_translations(one.translations))
                for one in written.categories
            ),
            seats=_seats(written.seats),
        )
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, ValueError, TypeError, BillingError) as error:
        raise InvalidCatalogue(f"{path}: {error}") from error


def _package(package: _Package) -> Package:
    return Package(
        id=package.id,
        name=package.name,
        display_name=package.display_name,
        description=package.description,
        pricing_model=package.pricing_model,
        prices=_prices(package.prices),
        longer_prices=_longer(package.longer_prices),
        limits=_limits(package.limits),
        seats=_seats(package.seats),
        features=tuple(package.features),
        features_list=tuple(package.features_list),
        is_highlighted=package.is_highlighted,
        translations=_translations(package.translations),
    )


def _feature(feature: _Feature) -> Feature:
    return Feature(
        id=feature.id,
        key=feature.key,
        name=feature.name,
        category=feature.category,
        description=feature.description,
        icon=feature.icon,
        prices_per_seat=_prices(feature.prices_per_seat),
        prices_flat=_prices(feature.prices_flat),
        longer_prices_per_seat=_longer(feature.longer_prices_per_seat),
        longer_prices_flat=_longer(feature.longer_prices_flat),
        limits=_limits(feature.limits),
        is_required=feature.is_required,
        translations=_translations(feature.translations),
    )


def _prices(prices: Prices) -> dict[Currency, Money]:
    return {currency: Money.parse(amount, currency) for currency, amount in prices.items()}


def _longer(prices: LongerPrices) -> dict[int, dict[Currency, Money]]:
    for months in prices:
        if not months.isdecimal():
            raise InvalidCatalogue(f"{months!r} is not a number of months")
    return {int(months): _prices(of_interval) for months, of_interval in prices.items()}


def _limits(limits: dict[str, int]) -> Limits:
    unknown = set(limits) - {one.name for one in fields(Limits)}
    if unknown:
        raise InvalidCatalogue(f"unknown limits: {', '.join(sorted(unknown))}")
    return Limits(**limits)


def _seats(seats: _Seats) -> SeatRules:
    return SeatRules(min_seats=seats.min_seats, max_seats=seats.max_seats, seat_step=seats.seat_step)


def _translations(translations: Translations) -> dict[str, Translation]:
    return {
        language: Translation(name=words.name, description=words.description)
        for language, words in translations.items()
    }
