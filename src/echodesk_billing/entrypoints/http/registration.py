"""Registration of tenants, which are created once they have paid."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from echodesk_billing.domain.customers.customer import LONGEST_NAME
from echodesk_billing.domain.customers.registration import Applicant
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Choice, Nothing
from echodesk_billing.entrypoints.http.payments import PaymentPage
from echodesk_billing.ports.access import Scope

REGISTER = "/api/register-with-payment/"


class RegisterTenant(Choice, frozen=True, kw_only=True):
    """A new tenant, what it buys, and what the CRM needs to create it."""

    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    schema_name: Annotated[str, Meta(min_length=3, max_length=63)]
    admin_email: Annotated[str, Meta(min_length=3, max_length=LONGEST_NAME)]
    admin_first_name: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""
    admin_last_name: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""
    language: Literal["ka", "en"] = "ka"
    payload: Raw = msgspec.field(default_factory=Raw)

    def applicant(self) -> Applicant:
        """The applicant, validated by the domain."""
        return Applicant(
            schema_name=self.schema_name,
            name=self.name,
            admin_email=self.admin_email,
            admin_first_name=self.admin_first_name,
            admin_last_name=self.admin_last_name,
            language=self.language,
        )

    def opaque(self) -> bytes:
        """The payload as received; never read."""
        return bytes(self.payload)


class Registered(PaymentPage, frozen=True, kw_only=True):
    """Where the customer pays for the registration."""

    payment_id: str

    @classmethod
    def of(cls, order: Order) -> Registered:
        """From the registration's order."""
        return cls(payment_id=order.id, **msgspec.structs.asdict(PaymentPage.of(order)))


class RegistrationPayload(Struct, frozen=True, kw_only=True):
    """The CRM's payload; null where there was none, or it was erased."""

    order_id: str
    payload: Raw

    @classmethod
    def of(cls, order_id: str, payload: bytes) -> RegistrationPayload:
        """From the decrypted payload."""
        return cls(order_id=order_id, payload=Raw(payload or b"null"))


async def register(call: Call[RegisterTenant]) -> Registered:
    """`POST /api/register-with-payment/`."""
    order = await call.uses.register.register(
        call.body.applicant(),
        call.body.selection(),
        currency=call.body.currency,
        payload=call.body.opaque(),
        key=call.key,
    )
    return Registered.of(order)


async def payload(call: Call[Nothing]) -> RegistrationPayload:
    """`GET /api/registrations/<order_id>/`."""
    order_id = call.request.parameters["order_id"]
    return RegistrationPayload.of(order_id, await call.uses.register.payload(order_id))


ROUTES = (
    Route(
        method="POST",
        path=REGISTER,
        handler=register,
        summary="Register a tenant, which is created when it pays",
        takes=RegisterTenant,
        gives=Registered,
        status=lambda _: 201,
    ),
    Route(
        method="GET",
        path="/api/registrations/{order_id}/",
        handler=payload,
        summary="The payload of a registration",
        gives=RegistrationPayload,
        scope=Scope.OPERATOR,
    ),
)
