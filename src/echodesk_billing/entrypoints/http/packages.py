"""The price page."""

from __future__ import annotations

from msgspec import Struct

from echodesk_billing.domain.catalogue.catalogue import Package
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Nothing


class PackageView(Struct, frozen=True, kw_only=True):
    """A package on the price page."""

    id: int
    name: str
    display_name: str
    description: str
    pricing_model: str
    price_gel: str | None
    prices: dict[str, str]
    max_users: int
    max_whatsapp_messages: int
    max_storage_gb: int
    is_highlighted: bool
    features_list: list[str]

    @classmethod
    def of(cls, package: Package) -> PackageView:
        """From a package of the catalogue."""
        prices = {currency.value: str(price.amount) for currency, price in package.prices.items()}
        return cls(
            id=package.id,
            name=package.name,
            display_name=package.display_name,
            description=package.description,
            pricing_model=package.pricing_model,
            price_gel=prices.get("GEL"),
            prices=prices,
            max_users=package.limits.max_users,
            max_whatsapp_messages=package.limits.max_whatsapp_messages,
            max_storage_gb=package.limits.max_storage_gb,
            is_highlighted=package.is_highlighted,
            features_list=list(package.features_list),
        )


async def listed(call: Call[Nothing]) -> list[PackageView]:
    """`GET /api/packages/`."""
    catalogue = await call.uses.views.catalogue()
    return [PackageView.of(package) for package in catalogue.packages]


ROUTES = (
    Route(
        method="GET",
        path="/api/packages/",
        handler=listed,
        summary="The price list",
        gives=list[PackageView],
    ),
)
