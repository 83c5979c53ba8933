"""The price page."""

from __future__ import annotations

from msgspec import Struct

from echodesk_billing.domain.catalogue.catalogue import Package, Prices, PricingModel
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Nothing
from echodesk_billing.entrypoints.http.messages import say


class PackageView(Struct, frozen=True, kw_only=True):
    """A package on the price page."""

    id: int
    name: str
    display_name: str
    description: str
    pricing_model: str
    price_gel: str | None
    prices: dict[str, str]
    prices_by_interval: dict[str, dict[str, str]]
    max_users: int
    max_whatsapp_messages: int
    max_storage_gb: int
    is_highlighted: bool
    features_list: list[str]
    pricing_suffix: str

    @classmethod
    def of(cls, package: Package, language: str) -> PackageView:
        """From a package of the catalogue."""
        prices, words = _as_texts(package.prices), package.words(language)
        per = "per_agent" if package.pricing_model is PricingModel.AGENT else "per_month"
        return cls(
            id=package.id,
            name=package.name,
            display_name=words.name,
            description=words.description,
            pricing_model=package.pricing_model,
            price_gel=prices.get("GEL"),
            prices=prices,
            prices_by_interval={
                str(months): _as_texts(package.prices_of(months)) for months in (1, *sorted(package.longer_prices))
            },
            max_users=package.limits.max_users,
            max_whatsapp_messages=package.limits.max_whatsapp_messages,
            max_storage_gb=package.limits.max_storage_gb,
            is_highlighted=package.is_highlighted,
            features_list=list(package.features_list),
            pricing_suffix=say(language, per),
        )


def _as_texts(prices: Prices) -> dict[str, str]:
    return {currency.value: str(price.amount) for currency, price in prices.items()}


async def listed(call: Call[Nothing]) -> list[PackageView]:
    """`GET /api/packages/`."""
    catalogue = await call.uses.views.catalogue()
    return [PackageView.of(package, call.language) for package in catalogue.packages]


ROUTES = (
    Route(
        method="GET",
        path="/api/packages/",
        handler=listed,
        operation="listPackages",
        summary="The price list",
        gives=list[PackageView],
    ),
)
