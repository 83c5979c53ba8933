"""The journal, and invoices with their serial numbers: table, mapping and queries."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    case,
    func,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from echodesk_billing.adapters.sql.schema import Serial, UtcDateTime, Values, document, metadata, newest, value
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.statement import Statement
from echodesk_billing.domain.accounting.invoice import UNNUMBERED, CreditNote, Invoice, InvoiceDetails
from echodesk_billing.domain.accounting.journal import Entry, EntryKind
from echodesk_billing.domain.money import Currency, Money

journal = Table(
    "journal",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("tenant_id", String(63), nullable=False),
    Column("order_id", String(25), nullable=False, index=True),
    Column("debit", String(80), nullable=False),
    Column("credit", String(80), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

Index("ix_journal_tenant", journal.c.tenant_id, journal.c.id)

serials = Table(
    "serials",
    metadata,
    Column("series", String(16), primary_key=True),
    Column("last", Integer, nullable=False),
)

invoices = Table(
    "invoices",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("series", String(16), nullable=False),
    Column("serial", Integer, nullable=False),
    Column("tenant_id", String(63), nullable=False),
    Column("order_id", String(25), nullable=False, unique=True),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("package_name", Text, nullable=False),
    Column("seats", Integer, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("buyer", Text, nullable=False, server_default=""),
    Column("external_number", Text, nullable=False, server_default=""),
    Column("external_url", Text, nullable=False, server_default=""),
    Column("details", Text, nullable=False, server_default="{}"),
    UniqueConstraint("series", "serial"),
)

Index("ix_invoices_tenant", invoices.c.tenant_id, invoices.c.id)

credit_notes = Table(
    "credit_notes",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("series", String(16), nullable=False),
    Column("serial", Integer, nullable=False),
    Column("tenant_id", String(63), nullable=False),
    Column("order_id", String(25), nullable=False, index=True),
    Column("invoice_number", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("vat_minor", BigInteger),
    Column("reason", Text, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("buyer", Text, nullable=False),
    Column("details", Text, nullable=False),
    UniqueConstraint("series", "serial"),
)

Index("ix_credit_notes_tenant", credit_notes.c.tenant_id, credit_notes.c.id)


def entry_values(entry: Entry) -> Values:
    """The columns of an entry of the journal."""
    return {
        "kind": entry.kind.value,
        "tenant_id": entry.tenant_id,
        "order_id": entry.order_id,
        "debit": entry.debit,
        "credit": entry.credit,
        "currency": entry.amount.currency.value,
        "amount_minor": entry.amount.minor,
        "at": entry.at,
    }


def to_entry(row: Row[Any]) -> Entry:
    """An entry of the journal from its row."""
    return Entry(
        kind=EntryKind(row.kind),
        tenant_id=row.tenant_id,
        order_id=row.order_id,
        debit=row.debit,
        credit=row.credit,
        amount=Money.from_minor(row.amount_minor, Currency(row.currency)),
        at=row.at,
    )


def invoice_values(invoice: Invoice) -> Values:
    """The columns of a new invoice; the database assigns its numeric id."""
    return {
        "series": invoice.series,
        "serial": invoice.serial,
        "tenant_id": invoice.tenant_id,
        "order_id": invoice.order_id,
        "currency": invoice.amount.currency.value,
        "amount_minor": invoice.amount.minor,
        "description": invoice.description,
        "package_name": invoice.package_name,
        "seats": invoice.seats,
        "issued_at": invoice.issued_at,
        "buyer": invoice.buyer,
        "external_number": invoice.external_number,
        "external_url": invoice.external_url,
        "details": document(invoice.details),
    }


def to_invoice(row: Row[Any]) -> Invoice:
    """An invoice from its row."""
    return Invoice(
        id=row.id,
        series=row.series,
        serial=row.serial,
        tenant_id=row.tenant_id,
        order_id=row.order_id,
        amount=Money.from_minor(row.amount_minor, Currency(row.currency)),
        description=row.description,
        package_name=row.package_name,
        seats=row.seats,
        issued_at=row.issued_at,
        buyer=row.buyer,
        external_number=row.external_number,
        external_url=row.external_url,
        details=value(row.details, InvoiceDetails),
    )


def credit_note_values(note: CreditNote) -> Values:
    """The columns of a new credit note; the database assigns its numeric id."""
    return {
        "series": note.series,
        "serial": note.serial,
        "tenant_id": note.tenant_id,
        "order_id": note.order_id,
        "invoice_number": note.invoice_number,
        "currency": note.amount.currency.value,
        "amount_minor": note.amount.minor,
        "vat_minor": None if note.vat is None else note.vat.minor,
        "reason": note.reason,
        "issued_at": note.issued_at,
        "buyer": note.buyer,
        "details": document(note.details),
    }


def to_credit_note(row: Row[Any]) -> CreditNote:
    """A credit note from its row."""
    currency = Currency(row.currency)
    return CreditNote(
        id=row.id,
        series=row.series,
        serial=row.serial,
        tenant_id=row.tenant_id,
        order_id=row.order_id,
        invoice_number=row.invoice_number,
        amount=Money.from_minor(row.amount_minor, currency),
        vat=None if row.vat_minor is None else Money.from_minor(row.vat_minor, currency),
        reason=row.reason,
        issued_at=row.issued_at,
        buyer=row.buyer,
        details=value(row.details, InvoiceDetails),
    )


@functools.cache
def _take_serial(*, is_postgres: bool) -> Statement:
    table, insert = serials, postgresql.insert if is_postgres else sqlite.insert
    taken = insert(table).values(series=bindparam("series"), last=1)
    taken = taken.on_conflict_do_update(index_elements=[table.c.series], set_={"last": table.c.last + 1})
    return Statement(taken.returning(table.c.last))


class SqlBooks:
    """The journal and the invoices."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def post(self, entries: Sequence[Entry]) -> None:
        """Insert."""
        self._session.insert(journal, [entry_values(entry) for entry in entries])

    def of_order(self, order_id: str) -> Sequence[Entry]:
        """By the index on order_id."""
        query = select(journal).where(journal.c.order_id == order_id).order_by(journal.c.id)
        return [to_entry(row) for row in self._session.execute(query)]

    def of_tenant(self, tenant_id: str, limit: int) -> Sequence[Entry]:
        """By ix_journal_tenant."""
        query = select(journal).where(journal.c.tenant_id == tenant_id).order_by(journal.c.id).limit(limit)
        return [to_entry(row) for row in self._session.execute(query)]

    def latest_of(self, tenant_id: str, limit: int) -> Sequence[Entry]:
        """By ix_journal_tenant."""
        return [to_entry(row) for row in self._session.execute(newest(journal, tenant_id, limit, 0))]

    def numbered(self, series: str, serial: int) -> Invoice | CreditNote | None:
        """By the unique constraints on series and serial."""
        for table, read in ((invoices, to_invoice), (credit_notes, to_credit_note)):
            query = select(table).where(table.c.series == series, table.c.serial == serial)
            if (row := self._session.execute(query).first()) is not None:
                return read(row)
        return None

    def balance(self, account: str) -> dict[Currency, Money]:
        """Reads the whole journal: for reports, not for requests."""
        signed = case((journal.c.debit == account, journal.c.amount_minor), else_=-journal.c.amount_minor)
        query = (
            select(journal.c.currency, func.sum(signed).label("minor"))
            .where(or_(journal.c.debit == account, journal.c.credit == account))
            .group_by(journal.c.currency)
        )
        found = {Currency(row.currency): int(row.minor) for row in self._session.execute(query)}
        return {currency: Money.from_minor(minor, currency) for currency, minor in found.items()}

    def refunded(self, order_ids: Sequence[str]) -> dict[str, Money]:
        """By the index on order_id."""
        table = journal
        query = (
            select(table.c.order_id, table.c.currency, func.sum(table.c.amount_minor).label("minor"))
            .where(table.c.order_id.in_(order_ids), table.c.kind == EntryKind.REFUND.value)
            .group_by(table.c.order_id, table.c.currency)
        )
        rows = self._session.execute(query) if order_ids else ()
        return {row.order_id: Money.from_minor(int(row.minor), Currency(row.currency)) for row in rows}

    def next_serial(self, series: str) -> int:
        """One statement by primary key; the row stays locked until the transaction ends, so there is no gap."""
        take = _take_serial(is_postgres=self._session.is_postgres)
        return int(self._session.all(take, series=series)[0].last)

    def serial_when_stored(self, series: str) -> int:
        """Without a transaction, the statement that writes the invoice takes the number; see `next_serial` else."""
        return UNNUMBERED if self._session.counts_at_the_end(series) else self.next_serial(series)

    def issue(self, invoice: Invoice) -> None:
        """Insert."""
        numbered = "serial" if invoice.serial == UNNUMBERED else ""
        self._session.insert(invoices, [invoice_values(invoice)], numbered=numbered)

    def invoices_between(self, start: datetime, end: datetime, after: int, limit: int) -> Sequence[Invoice]:
        """Reads the table by primary key: for reports, not for requests."""
        return [to_invoice(row) for row in self._between(invoices, invoices.c.issued_at, start, end, after, limit)]

    def credit_notes_between(self, start: datetime, end: datetime, after: int, limit: int) -> Sequence[CreditNote]:
        """Reads the table by primary key: for reports, not for requests."""
        table = credit_notes
        return [to_credit_note(row) for row in self._between(table, table.c.issued_at, start, end, after, limit)]

    def entries_between(self, start: datetime, end: datetime, after: int, limit: int) -> Sequence[tuple[int, Entry]]:
        """Reads the table by primary key: for reports, not for requests."""
        return [(row.id, to_entry(row)) for row in self._between(journal, journal.c.at, start, end, after, limit)]

    def _between(
        self, table: Table, at: Column[datetime], start: datetime, end: datetime, after: int, limit: int
    ) -> Sequence[Row[Any]]:
        query = select(table).where(table.c.id > after, at >= start, at < end).order_by(table.c.id).limit(limit)
        return self._session.execute(query).all()

    def invoice_of_order(self, order_id: str) -> Invoice | None:
        """By the unique index on order_id."""
        row = self._session.execute(select(invoices).where(invoices.c.order_id == order_id)).first()
        return None if row is None else to_invoice(row)

    def issue_credit_note(self, note: CreditNote) -> None:
        """Insert."""
        self._session.insert(credit_notes, [credit_note_values(note)])

    def credit_note(self, note_id: int, tenant_id: str | None) -> CreditNote | None:
        """By primary key, filtered by tenant."""
        row = self._document(credit_notes, note_id, tenant_id)
        return None if row is None else to_credit_note(row)

    def credit_notes_of(self, tenant_id: str | None, limit: int, *, before: int = 0) -> Sequence[CreditNote]:
        """By ix_credit_notes_tenant, or by primary key for all tenants."""
        return [to_credit_note(row) for row in self._session.execute(newest(credit_notes, tenant_id, limit, before))]

    def invoice(self, invoice_id: int, tenant_id: str | None) -> Invoice | None:
        """By primary key, filtered by tenant."""
        row = self._document(invoices, invoice_id, tenant_id)
        return None if row is None else to_invoice(row)

    def invoices_of(self, tenant_id: str | None, limit: int, *, before: int = 0) -> Sequence[Invoice]:
        """By ix_invoices_tenant, or by primary key for all tenants."""
        return [to_invoice(row) for row in self._session.execute(newest(invoices, tenant_id, limit, before))]

    def _document(self, table: Table, document_id: int, tenant_id: str | None) -> Row[Any] | None:
        query = select(table).where(table.c.id == document_id)
        if tenant_id is not None:
            query = query.where(table.c.tenant_id == tenant_id)
        return self._session.execute(query).first()
