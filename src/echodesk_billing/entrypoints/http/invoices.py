"""Invoices, and each as a PDF."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from echodesk_billing.application.errors import InvoiceNotFound
from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Nothing
from echodesk_billing.entrypoints.http.message import Response
from echodesk_billing.ports.access import Scope


class InvoiceView(Struct, frozen=True, kw_only=True):
    """An invoice. `pdf_url` needs the same token and takes `?language=en`; null where PDFs are not available."""

    id: int
    invoice_number: str
    amount: Decimal
    currency: str
    description: str
    package_name: str
    agent_count: int
    invoice_date: datetime
    paid_date: datetime
    due_date: datetime
    pdf_url: str | None
    pdf_generated: bool

    @classmethod
    def of(cls, invoice: Invoice, pdf_url: str | None) -> InvoiceView:
        """From an invoice; it is issued when paid, so its three dates are equal."""
        return cls(
            id=invoice.id,
            invoice_number=invoice.number,
            amount=invoice.amount.amount,
            currency=invoice.amount.currency,
            description=invoice.description,
            package_name=invoice.package_name,
            agent_count=invoice.seats,
            invoice_date=invoice.issued_at,
            paid_date=invoice.issued_at,
            due_date=invoice.issued_at,
            pdf_url=pdf_url,
            pdf_generated=pdf_url is not None,
        )


class Invoices(Struct, frozen=True, kw_only=True):
    """The tenant's invoices, newest first."""

    invoices: list[InvoiceView]


INVOICE_PDF = "/api/payments/invoices/"


async def listed(call: Call[Nothing]) -> Invoices:
    """`GET /api/payments/invoices/`."""
    printed = call.uses.views.prints_invoices
    found = await call.uses.views.invoices(call.who)
    return Invoices(
        invoices=[
            InvoiceView.of(one, f"{call.uses.api_domain}{INVOICE_PDF}{one.id}/pdf/" if printed else None)
            for one in found
        ]
    )


async def pdf(call: Call[Nothing]) -> Response:
    """`GET /api/payments/invoices/<invoice_id>/pdf/`."""
    number = call.request.parameters["invoice_id"]
    if not number.isdecimal() or len(number) > 18:
        raise InvoiceNotFound
    language = call.request.query.get("language") or call.language
    invoice, pdf = await call.uses.views.invoice_pdf(call.who, int(number), language)
    named = {"Content-Disposition": f'inline; filename="{invoice.number}.pdf"'}
    return Response(body=pdf, content_type="application/pdf", headers=named)


ROUTES = (
    Route(
        method="GET",
        path="/api/payments/invoices/",
        handler=listed,
        summary="Invoices, newest first",
        gives=Invoices,
        scope=Scope.READ,
    ),
    Route(
        method="GET",
        path="/api/payments/invoices/{invoice_id}/pdf/",
        handler=pdf,
        summary="One invoice as a PDF, in Georgian or English",
        gives=bytes,
        scope=Scope.READ,
    ),
)
