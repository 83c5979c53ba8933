"""Invoices, and each as a PDF."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from echodesk_billing.application.errors import InvoiceNotFound
from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.domain.money import Money
from echodesk_billing.entrypoints.http.calls import LANGUAGE, Call, Route
from echodesk_billing.entrypoints.http.common import Nothing
from echodesk_billing.entrypoints.http.message import Response
from echodesk_billing.ports.access import Scope


class InvoiceView(Struct, frozen=True, kw_only=True):
    """An invoice. `pdf_url` opens in a browser without a token, for 15 minutes; it takes `?language=en`.

    `pdf_url` is null where PDFs are not available.
    """

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
    status: Literal["paid", "partially_refunded", "refunded"]
    refunded: Decimal
    pdf_url: str | None
    pdf_generated: bool

    @classmethod
    def of(cls, invoice: Invoice, refunded: Money | None, pdf_url: str | None) -> InvoiceView:
        """From an invoice; it is issued when paid, so its three dates are equal."""
        status: Literal["paid", "partially_refunded", "refunded"] = "paid"
        if refunded is not None:
            status = "refunded" if refunded >= invoice.amount else "partially_refunded"
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
            status=status,
            refunded=refunded.amount if refunded else Decimal("0.00"),
            pdf_url=pdf_url,
            pdf_generated=pdf_url is not None,
        )


class Invoices(Struct, frozen=True, kw_only=True):
    """The tenant's invoices, newest first."""

    invoices: list[InvoiceView]


INVOICES = "/api/payments/invoices/"


async def listed(call: Call[Nothing]) -> Invoices:
    """`GET /api/payments/invoices/`."""
    found = await call.uses.views.invoices(call.who)
    refunds = await call.uses.views.refunds(found)
    views = [InvoiceView.of(one, refunds.get(one.order_id), await _pdf_url(call, one)) for one in found]
    return Invoices(invoices=views)


async def _pdf_url(call: Call[Nothing], invoice: Invoice) -> str | None:
    if invoice.external_url:
        return invoice.external_url
    if not call.uses.views.prints_invoices:
        return None
    link = await call.uses.views.invoice_link(invoice)
    path = f"{INVOICES}pdf/{link}/" if link else f"{INVOICES}{invoice.id}/pdf/"
    return call.uses.api_domain + path


async def pdf(call: Call[Nothing]) -> Response:
    """`GET /api/payments/invoices/<invoice_id>/pdf/`."""
    number = call.request.parameters["invoice_id"]
    if not number.isdecimal() or len(number) > 18:
        raise InvoiceNotFound
    return _document(*await call.uses.views.invoice_pdf(call.who, int(number), _language(call)))


async def linked_pdf(call: Call[Nothing]) -> Response:
    """`GET /api/payments/invoices/pdf/<link>/`."""
    link = call.request.parameters["link"]
    return _document(*await call.uses.views.linked_invoice_pdf(link, _language(call)))


def _language(call: Call[Nothing]) -> str:
    return call.request.query.get("language") or call.language


def _document(invoice: Invoice, pdf: bytes) -> Response:
    named = {"Content-Disposition": f'inline; filename="{invoice.number}.pdf"'}
    return Response(body=pdf, content_type="application/pdf", headers=named)


ROUTES = (
    Route(
        method="GET",
        path="/api/payments/invoices/",
        handler=listed,
        operation="listInvoices",
        summary="Invoices, newest first",
        gives=Invoices,
        scope=Scope.READ,
    ),
    Route(
        method="GET",
        path="/api/payments/invoices/{invoice_id}/pdf/",
        handler=pdf,
        operation="getInvoicePdf",
        summary="One invoice as a PDF, in Georgian or English",
        gives=bytes,
        scope=Scope.READ,
        query=(LANGUAGE,),
    ),
    Route(
        method="GET",
        path="/api/payments/invoices/pdf/{link}/",
        handler=linked_pdf,
        operation="openInvoiceLink",
        summary="The invoice of a link from the list, as a PDF; no token is needed for 15 minutes",
        gives=bytes,
        query=(LANGUAGE,),
    ),
)
