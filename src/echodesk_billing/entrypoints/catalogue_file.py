"""Catalogue files: TOML or JSON, prices as strings."""

from __future__ import annotations

from pathlib import Path

import msgspec

from echodesk_billing.domain.catalogue.catalogue import Catalogue, Feature, Package, PricingModel
from echodesk_billing.domain.catalogue.limits import Limits
from echodesk_billing.domain.errors import BillingError, InvalidCatalogue
from echodesk_billing.domain.money import Currency, Money

Prices = dict[Currency, str]


class _Package(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: int
    name: str
    display_name: str
    pricing_model: PricingModel
    prices: Prices
    description: str = ""
    limits: dict[str, int] = {}
    features: list[str] = []
    features_list: list[str] = []
    is_highlighted: bool = False


class _Feature(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: int
    key: str
    name: str
    category: str
    prices_per_seat: Prices
    prices_flat: Prices = {}
    description: str = ""
    icon: str = ""


class _Catalogue(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    packages: list[_Package] = []
    features: list[_Feature] = []


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
        limits=msgspec.convert(package.limits, Limits),
        features=tuple(package.features),
        features_list=tuple(package.features_list),
        is_highlighted=package.is_highlighted,
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
    )


def _prices(prices: Prices) -> dict[Currency, Money]:
    return {currency: Money.parse(amount, currency) for currency, amount in prices.items()}
