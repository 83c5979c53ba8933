"""Invoices, and each as a PDF."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from echodesk_billing.application.errors import InvoiceNotFound
from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice
from echodesk_billing.domain.money import Money
from echodesk_billing.entrypoints.http.calls import LANGUAGE, Call, Route
from echodesk_billing.entrypoints.http.common import Nothing
from echodesk_billing.entrypoints.http.message import Response
from echodesk_billing.ports.access import Scope
from echodesk_billing.ports.printer import Document


class CreditNoteView(Struct, frozen=True, kw_only=True):
    """A credit note: what was refunded of an invoice. `pdf_url` is as that of the invoice."""

    id: int
    credit_note_number: str
    amount: Decimal
    vat_amount: Decimal | None
    issued_at: datetime
    pdf_url: str | None

    @classmethod
    def of(cls, note: CreditNote, pdf_url: str | None) -> CreditNoteView:
        """From a credit note."""
        return cls(
            id=note.id,
            credit_note_number=note.number,
            amount=note.amount.amount,
            vat_amount=note.vat.amount if note.vat else None,
            issued_at=note.issued_at,
            pdf_url=pdf_url,
        )


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
    vat_percent: Decimal | None
    vat_amount: Decimal | None
    period_start: datetime | None
    period_end: datetime | None
    pdf_url: str | None
    pdf_generated: bool
    credit_notes: list[CreditNoteView]

    @classmethod
    def of(
        cls, invoice: Invoice, refunded: Money | None, pdf_url: str | None, notes: list[CreditNoteView]
    ) -> InvoiceView:
        """From an invoice; it is issued when paid, so its three dates are equal."""
        details = invoice.details
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
            vat_percent=details.vat_percent,
            vat_amount=details.vat.amount if details.vat else None,
            period_start=details.begins,
            period_end=details.ends,
            pdf_url=pdf_url,
            pdf_generated=pdf_url is not None,
            credit_notes=notes,
        )


class Invoices(Struct, frozen=True, kw_only=True):
    """The tenant's invoices, newest first."""

    invoices: list[InvoiceView]


INVOICES = "/api/payments/invoices/"
CREDIT_NOTES = "/api/payments/credit-notes/"


async def listed(call: Call[Nothing]) -> Invoices:
    """`GET /api/payments/invoices/`."""
    found = await call.uses.views.invoices(call.who)
    refunds = await call.uses.views.refunds(found)
    notes: dict[str, list[CreditNoteView]] = defaultdict(list)
    for note in await call.uses.views.credit_notes(call.who):
        notes[note.order_id].append(CreditNoteView.of(note, await _pdf_url(call, note)))
    views = [
        InvoiceView.of(one, refunds.get(one.order_id), await _pdf_url(call, one), notes[one.order_id]) for one in found
    ]
    return Invoices(invoices=views)


async def _pdf_url(call: Call[Nothing], document: Invoice | CreditNote) -> str | None:
    if isinstance(document, Invoice) and document.external_url:
        return document.external_url
    if not call.uses.views.prints_invoices:
        return None
    link = await call.uses.views.invoice_link(document)
    own = INVOICES if isinstance(document, Invoice) else CREDIT_NOTES
    path = f"{INVOICES}pdf/{link}/" if link else f"{own}{document.id}/pdf/"
    return call.uses.api_domain + path


async def pdf(call: Call[Nothing]) -> Response:
    """`GET /api/payments/invoices/<invoice_id>/pdf/`."""
    number = _number(call.request.parameters["invoice_id"])
    return pdf_response(*await call.uses.views.invoice_pdf(call.who, number, _language(call)))


async def credit_note_pdf(call: Call[Nothing]) -> Response:
    """`GET /api/payments/credit-notes/<credit_note_id>/pdf/`."""
    number = _number(call.request.parameters["credit_note_id"])
    return pdf_response(*await call.uses.views.credit_note_pdf(call.who, number, _language(call)))


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise InvoiceNotFound
    return int(text)


async def linked_pdf(call: Call[Nothing]) -> Response:
    """`GET /api/payments/invoices/pdf/<link>/`."""
    link = call.request.parameters["link"]
    return pdf_response(*await call.uses.views.linked_invoice_pdf(link, _language(call)))


def _language(call: Call[Nothing]) -> str:
    return call.request.query.get("language") or call.language


def pdf_response(document: Document, pdf: bytes) -> Response:
    """A document as a file that browsers show."""
    named = {"Content-Disposition": f'inline; filename="{document.number}.pdf"'}
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
        path="/api/payments/credit-notes/{credit_note_id}/pdf/",
        handler=credit_note_pdf,
        operation="getCreditNotePdf",
        summary="One credit note as a PDF, in Georgian or English",
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
