"""Registration of tenants, which are created once they have paid."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from echodesk_billing.domain.catalogue.catalogue import LONGEST_INTERVAL, Catalogue
from echodesk_billing.domain.catalogue.limits import MOST_SEATS
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.customer import LONGEST_NAME
from echodesk_billing.domain.customers.registration import Applicant
from echodesk_billing.domain.customers.tenant import id_of_subdomain
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import CouponCode, FeatureKey, Id, IdDigits, Language, Nothing
from echodesk_billing.entrypoints.http.messages import coupon_notice
from echodesk_billing.entrypoints.http.payments import PaymentPage
from echodesk_billing.ports.access import Scope

PROVIDER = "bog"
Text = Annotated[str, Meta(max_length=LONGEST_NAME)]
REGISTER = "/api/register-with-payment/"


class RegisterTenant(Struct, frozen=True, kw_only=True):
    """A new tenant, what it buys, and what the CRM needs to create it.

    Everything that is not used here, fields of your own included, is encrypted and given to whoever creates the
    tenant, and to nobody else.
    """

    company_name: Text = ""
    name: Text = ""
    domain: Text = ""
    schema_name: Text = ""
    description: Annotated[str, Meta(max_length=2000)] = ""
    pricing_model: Annotated[str, Meta(max_length=32)] = ""
    agent_count: Annotated[int, Meta(ge=1, le=MOST_SEATS)] = 1
    admin_email: Annotated[str, Meta(min_length=3, max_length=LONGEST_NAME)]
    admin_password: Annotated[str, Meta(max_length=1000)] = ""
    admin_first_name: Text = ""
    admin_last_name: Text = ""
    preferred_language: Language | None = None
    language: Language | None = None
    is_custom: bool = False
    feature_ids: Annotated[list[Id], Meta(max_length=100)] = []
    features: Annotated[list[FeatureKey], Meta(max_length=100)] = []
    package_id: Id | IdDigits | None = None
    interval: Annotated[int, Meta(ge=1, le=LONGEST_INTERVAL)] = 1
    currency: Currency = Currency.GEL
    payment_provider: Annotated[str, Meta(max_length=32)] = "bog"
    coupon: CouponCode = ""
    payload: Any = None

    def applicant(self) -> Applicant:
        """The applicant, validated by the domain.

        Raises:
            InvalidSelection: a name is missing, or the payment provider is another one.
        """
        if self.payment_provider != PROVIDER:
            raise InvalidSelection("payment_provider", f"Only {PROVIDER!r} is possible here")
        if not (self.company_name or self.name):
            raise InvalidSelection("company_name", "Give the company's name, as company_name or name")
        if not (self.domain or self.schema_name):
            raise InvalidSelection("domain", "Give a subdomain as domain, or an id as schema_name")
        return Applicant(
            schema_name=self.schema_name or id_of_subdomain(self.domain),
            subdomain=self.domain,
            name=self.company_name or self.name,
            admin_email=self.admin_email,
            admin_first_name=self.admin_first_name,
            admin_last_name=self.admin_last_name,
            language=self.preferred_language or self.language or "ka",
        )

    def selection(self, catalogue: Catalogue) -> Selection:
        """The choice, with ids of features as keys.

        Raises:
            InvalidSelection: a feature does not exist, or nothing was chosen.
        """
        keys = [catalogue.feature_by_id(one).key for one in self.feature_ids]
        return Selection(
            package_id=None if self.package_id is None else int(self.package_id),
            features=(*self.features, *keys),
            seats=self.agent_count,
            interval=self.interval,
        )


def opaque(body: bytes) -> bytes:
    """What is encrypted of a registration form: its payload, or, with other unused fields, an object of them all."""
    given: dict[str, Raw] = msgspec.json.decode(body, type=dict[str, Raw])
    extra = {name: value for name, value in given.items() if name not in _USED}
    if set(extra) <= {"payload"}:
        return bytes(extra.get("payload", b""))
    return msgspec.json.encode(extra)


_USED = frozenset(RegisterTenant.__struct_fields__) - {
    "description",
    "pricing_model",
    "admin_password",
    "is_custom",
    "payload",
}


class Registered(Struct, frozen=True, kw_only=True):
    """Where the customer pays for the registration."""

    payment_id: str
    payment_url: str
    requires_redirect: bool = True
    order_id: str
    amount: Decimal
    currency: str
    paid_until: datetime | None
    coupon_notice: str | None = None

    @classmethod
    def of(cls, order: Order, language: str = "en") -> Registered:
        """From the registration's order."""
        notice = coupon_notice(order.plan, order.request.free_days, language)
        return cls(payment_id=order.id, coupon_notice=notice, **msgspec.structs.asdict(PaymentPage.of(order)))


class RegistrationPayload(Struct, frozen=True, kw_only=True):
    """What the CRM sent for creating the tenant; null where there was nothing, or it was erased."""

    order_id: str
    payload: Raw

    @classmethod
    def of(cls, order_id: str, payload: bytes) -> RegistrationPayload:
        """From the decrypted payload."""
        return cls(order_id=order_id, payload=Raw(payload or b"null"))


async def register(call: Call[RegisterTenant]) -> Registered:
    """`POST /api/register-with-payment/`."""
    applicant = call.body.applicant()
    order = await call.uses.register.register(
        applicant,
        call.body.selection(await call.uses.views.catalogue()),
        currency=call.body.currency,
        coupon=call.body.coupon,
        payload=opaque(await call.request.body()),
        key=call.key,
    )
    return Registered.of(order, call.language)


async def payload(call: Call[Nothing]) -> RegistrationPayload:
    """`GET /api/registrations/<order_id>/`."""
    order_id = call.request.parameters["order_id"]
    return RegistrationPayload.of(order_id, await call.uses.register.payload(order_id))


ROUTES = (
    Route(
        method="POST",
        path=REGISTER,
        handler=register,
        operation="registerTenantWithPayment",
        summary="Register a tenant, which is created when it pays",
        takes=RegisterTenant,
        gives=Registered,
        statuses=(201,),
    ),
    Route(
        method="GET",
        path="/api/registrations/{order_id}/",
        handler=payload,
        operation="getRegistrationPayload",
        summary="The payload of a registration",
        gives=RegistrationPayload,
        scope=Scope.OPERATOR,
    ),
)
