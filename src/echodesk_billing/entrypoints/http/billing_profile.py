"""The billing profile of the tenant: what its invoices say."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from echodesk_billing.domain.customers.customer import LONGEST_ADDRESS, LONGEST_NAME, MOST_EMAILS, Customer
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Language, Nothing
from echodesk_billing.ports.access import Scope

Email = Annotated[str, Meta(min_length=3, max_length=LONGEST_NAME)]
Name = Annotated[str, Meta(max_length=LONGEST_NAME)]


class BillingProfileView(Struct, frozen=True, kw_only=True):
    """The tenant as a customer. `subdomain` and `name` come from the CRM; the rest its administrators change."""

    tenant_id: str
    subdomain: str
    name: str
    legal_name: str
    identification_code: str
    is_vat_payer: bool
    address: str
    emails: list[str]
    language: Language

    @classmethod
    def of(cls, customer: Customer) -> BillingProfileView:
        """From a customer."""
        profile = customer.profile
        language: Any = profile.language
        return cls(
            tenant_id=customer.tenant_id,
            subdomain=customer.host_label,
            name=customer.name,
            legal_name=profile.legal_name,
            identification_code=profile.identification_code,
            is_vat_payer=profile.is_vat_payer,
            address=profile.address,
            emails=list(profile.emails),
            language=language,
        )


class ChangeBillingProfile(Struct, frozen=True, kw_only=True):
    """New values; omitted fields stay as they are. Invoices that were issued stay as they are."""

    legal_name: Name | UnsetType = UNSET
    identification_code: Annotated[str, Meta(max_length=32)] | UnsetType = UNSET
    is_vat_payer: bool | UnsetType = UNSET
    address: Annotated[str, Meta(max_length=LONGEST_ADDRESS)] | UnsetType = UNSET
    emails: Annotated[list[Email], Meta(max_length=MOST_EMAILS)] | UnsetType = UNSET
    language: Language | UnsetType = UNSET

    def changes(self) -> dict[str, Any]:
        """The given fields."""
        given = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: value for name, value in given if value is not UNSET}


async def show(call: Call[Nothing]) -> BillingProfileView:
    """`GET /api/billing-profile/`."""
    return BillingProfileView.of(await call.uses.customers.profile(call.who))


async def change(call: Call[ChangeBillingProfile]) -> BillingProfileView:
    """`PATCH /api/billing-profile/`."""
    return BillingProfileView.of(await call.uses.customers.change_profile(call.who, call.body.changes()))


ROUTES = (
    Route(
        method="GET",
        path="/api/billing-profile/",
        handler=show,
        summary="The billing profile",
        gives=BillingProfileView,
        scope=Scope.WRITE,
        operation="getBillingProfile",
    ),
    Route(
        method="PATCH",
        path="/api/billing-profile/",
        handler=change,
        summary="Change fields of the billing profile",
        takes=ChangeBillingProfile,
        gives=BillingProfileView,
        scope=Scope.WRITE,
        operation="updateBillingProfile",
    ),
)
