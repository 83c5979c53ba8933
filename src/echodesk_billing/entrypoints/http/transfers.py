"""Proforma invoices, and payments by bank transfer."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from echodesk_billing.domain.accounting.proforma import Proforma
from echodesk_billing.domain.money import Currency
from echodesk_billing.entrypoints.http.calls import LANGUAGE, Call, Route
from echodesk_billing.entrypoints.http.common import Nothing, OptionalChoice
from echodesk_billing.entrypoints.http.invoices import pdf_response
from echodesk_billing.entrypoints.http.message import Response
from echodesk_billing.entrypoints.http.operators import tenant_of
from echodesk_billing.entrypoints.http.payments import PaymentStatus
from echodesk_billing.ports.access import Scope

PATH = "/api/payments/proformas/"


class CreateProforma(OptionalChoice, frozen=True, kw_only=True):
    """What a tenant is asked to transfer money for: its own plan, or `package_id` or `features`."""

    currency: Currency = Currency.GEL


class ProformaView(Struct, frozen=True, kw_only=True):
    """A proforma invoice. Its number is the payment reference."""

    proforma_number: str
    tenant_id: str
    amount: Decimal
    currency: str
    description: str
    bank_account: str
    issued_at: datetime
    valid_until: datetime
    paid_until: datetime | None
    pdf_url: str

    @classmethod
    def of(cls, proforma: Proforma) -> ProformaView:
        """From a proforma invoice."""
        return cls(
            proforma_number=proforma.number,
            tenant_id=proforma.tenant_id,
            amount=proforma.amount.amount,
            currency=proforma.amount.currency,
            description=proforma.description,
            bank_account=proforma.details.seller.bank_account,
            issued_at=proforma.issued_at,
            valid_until=proforma.valid_until,
            paid_until=proforma.details.ends,
            pdf_url=f"{PATH}{proforma.number}/pdf/",
        )


class RecordTransfer(Struct, frozen=True, kw_only=True):
    """A bank transfer that has arrived."""

    amount: Decimal
    reference: Annotated[str, Meta(min_length=1, max_length=100)]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    paid_on: date | None = None


async def create(call: Call[CreateProforma]) -> ProformaView:
    """`POST /api/subscription/<tenant_id>/proforma/`."""
    transfers, body = call.uses.transfers, call.body
    return ProformaView.of(
        await transfers.create_proforma(call.who, tenant_of(call), body.selection(), currency=body.currency)
    )


async def record(call: Call[RecordTransfer]) -> PaymentStatus:
    """`POST /api/payments/proformas/<proforma_number>/record/`."""
    body = call.body
    order = await call.uses.transfers.record(
        call.who,
        call.request.parameters["proforma_number"],
        body.amount,
        body.reference,
        body.reason,
        paid_on=body.paid_on,
    )
    return PaymentStatus.of(order, call.language)


async def pdf(call: Call[Nothing]) -> Response:
    """`GET /api/payments/proformas/<proforma_number>/pdf/`."""
    language = call.request.query.get("language") or call.language
    return pdf_response(*await call.uses.transfers.pdf(call.who, call.request.parameters["proforma_number"], language))


ROUTES = (
    Route(
        method="POST",
        path="/api/subscription/{tenant_id}/proforma/",
        handler=create,
        operation="createProforma",
        summary="Make a proforma invoice, so that a tenant can pay a period by bank transfer",
        takes=CreateProforma,
        gives=ProformaView,
        scope=Scope.OPERATOR,
    ),
    Route(
        method="POST",
        path=PATH + "{proforma_number}/record/",
        handler=record,
        operation="recordTransfer",
        summary="Record the bank transfer that pays a proforma invoice",
        takes=RecordTransfer,
        gives=PaymentStatus,
        scope=Scope.OPERATOR,
    ),
    Route(
        method="GET",
        path=PATH + "{proforma_number}/pdf/",
        handler=pdf,
        operation="getProformaPdf",
        summary="One proforma invoice as a PDF, in Georgian or English",
        gives=bytes,
        scope=Scope.READ,
        query=(LANGUAGE,),
    ),
)
