"""Exports for accounting: invoices with their credit notes, and the journal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

from attrs import evolve, frozen

from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.calendar import start_of_day
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.money import Money
from echodesk_billing.ports.storage import Storage, UnitOfWork

BATCH = 500


@frozen(kw_only=True)
class DocumentRow:
    """An invoice, or a credit note with negative amounts.

    Args:
        kind: `invoice` or `credit note`.
        reduces: the number of the invoice that a credit note reduces; empty on invoices.
        net: the amount without VAT.
        vat: zero where there is none.
    """

    kind: str
    number: str
    issued_at: datetime
    tenant_id: str
    buyer: str
    identification_code: str
    address: str
    description: str
    period_start: datetime | None
    period_end: datetime | None
    net: Decimal
    vat_percent: Decimal
    vat: Decimal
    amount: Decimal
    currency: str
    method: str
    order_id: str
    reduces: str = ""


@frozen(kw_only=True)
class EntryRow:
    """An entry of the journal."""

    at: datetime
    kind: str
    tenant_id: str
    order_id: str
    debit: str
    credit: str
    amount: Decimal
    currency: str


@frozen(kw_only=True)
class Span:
    """Some calendar days in a time zone, as two moments; the end is not included."""

    start: datetime
    end: datetime


class Exports:
    """Reads what accounting programs take, a batch at a time."""

    def __init__(self, storage: Storage, time_zone: str) -> None:
        self._storage = storage
        self._time_zone = time_zone

    def days(self, first: date, last: date) -> Span:
        """From the beginning of the first day to the end of the last.

        Raises:
            InvalidSelection: the last day is before the first.
        """
        if last < first:
            raise InvalidSelection("to", f"{last} is before {first}")
        start, end = (start_of_day(day, self._time_zone) for day in (first, last + timedelta(days=1)))
        return Span(start=start, end=end)

    async def documents(self, span: Span) -> AsyncIterator[DocumentRow]:
        """Invoices, then credit notes, of some days, each in the order in which they were issued."""
        after = 0
        while invoices := await self._storage.read(partial(_invoices, span=span, after=after)):
            for invoice in invoices:
                yield _of_invoice(invoice)
            after = invoices[-1].id
        after = 0
        while notes := await self._storage.read(partial(_notes, span=span, after=after)):
            for note in notes:
                yield _of_note(note)
            after = notes[-1].id

    async def entries(self, span: Span) -> AsyncIterator[EntryRow]:
        """The entries of the journal of some days, oldest first."""
        after = 0
        while batch := await self._storage.read(partial(_entries, span=span, after=after)):
            for _, entry in batch:
                yield _of_entry(entry)
            after = batch[-1][0]


def _invoices(uow: UnitOfWork, span: Span, after: int) -> list[Invoice]:
    return list(uow.books.invoices_between(span.start, span.end, after, BATCH))


def _notes(uow: UnitOfWork, span: Span, after: int) -> list[CreditNote]:
    return list(uow.books.credit_notes_between(span.start, span.end, after, BATCH))


def _entries(uow: UnitOfWork, span: Span, after: int) -> list[tuple[int, Entry]]:
    return list(uow.books.entries_between(span.start, span.end, after, BATCH))


def _of_invoice(invoice: Invoice) -> DocumentRow:
    return _row("invoice", invoice, invoice.details.vat, invoice.description)


def _of_note(note: CreditNote) -> DocumentRow:
    row = _row("credit note", note, note.vat, note.reason)
    return evolve(row, net=-row.net, vat=-row.vat, amount=-row.amount, reduces=note.invoice_number)


def _row(kind: str, document: Invoice | CreditNote, vat: Money | None, description: str) -> DocumentRow:
    """What both kinds have in common, with the amounts as they are printed."""
    details = document.details
    vat = vat or Money.zero(document.amount.currency)
    return DocumentRow(
        kind=kind,
        number=document.number,
        issued_at=document.issued_at,
        tenant_id=document.tenant_id,
        buyer=document.buyer,
        identification_code=details.identification_code,
        address=details.address,
        description=description,
        period_start=details.begins,
        period_end=details.ends,
        net=(document.amount - vat).amount,
        vat_percent=details.vat_percent or Decimal(0),
        vat=vat.amount,
        amount=document.amount.amount,
        currency=document.amount.currency,
        method=details.method,
        order_id=document.order_id,
    )


def _of_entry(entry: Entry) -> EntryRow:
    return EntryRow(
        at=entry.at,
        kind=entry.kind,
        tenant_id=entry.tenant_id,
        order_id=entry.order_id,
        debit=entry.debit,
        credit=entry.credit,
        amount=entry.amount.amount,
        currency=entry.amount.currency,
    )
