"""Proforma invoices: table, mapping and queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, Row, Select, String, Table, Text, UniqueConstraint, select
from sqlalchemy import update as sql_update

from echodesk_billing.adapters.sql.schema import Serial, UtcDateTime, Values, document, metadata, newest, value
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.domain.accounting.invoice import InvoiceDetails
from echodesk_billing.domain.accounting.proforma import Proforma
from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.money import Currency, Money

proformas = Table(
    "proformas",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("series", String(16), nullable=False),
    Column("serial", Integer, nullable=False),
    Column("tenant_id", String(63), nullable=False),
    Column("plan", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("valid_until", UtcDateTime, nullable=False),
    Column("buyer", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("order_id", String(25), nullable=False),
    Column("issued_by", Text, nullable=False),
    UniqueConstraint("series", "serial"),
)

Index("ix_proformas_tenant", proformas.c.tenant_id, proformas.c.id)


def _values(proforma: Proforma) -> Values:
    return {
        "series": proforma.series,
        "serial": proforma.serial,
        "tenant_id": proforma.tenant_id,
        "plan": document(proforma.plan),
        "currency": proforma.amount.currency.value,
        "amount_minor": proforma.amount.minor,
        "description": proforma.description,
        "issued_at": proforma.issued_at,
        "valid_until": proforma.valid_until,
        "buyer": proforma.buyer,
        "details": document(proforma.details),
        "order_id": proforma.order_id,
        "issued_by": proforma.by,
    }


def to_proforma(row: Row[Any]) -> Proforma:
    """A proforma invoice from its row."""
    return Proforma(
        id=row.id,
        series=row.series,
        serial=row.serial,
        tenant_id=row.tenant_id,
        plan=value(row.plan, Plan),
        amount=Money.from_minor(row.amount_minor, Currency(row.currency)),
        description=row.description,
        issued_at=row.issued_at,
        valid_until=row.valid_until,
        buyer=row.buyer,
        details=value(row.details, InvoiceDetails),
        order_id=row.order_id,
        by=row.issued_by,
    )


class SqlProformas:
    """Proforma invoices."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, proforma: Proforma) -> None:
        """Insert."""
        self._session.insert(proformas, [_values(proforma)])

    def get(self, series: str, serial: int) -> Proforma | None:
        """By the unique key of series and serial."""
        return self._one(_numbered(series, serial))

    def lock(self, series: str, serial: int) -> Proforma | None:
        """By the unique key of series and serial; the row is locked."""
        return self._one(_numbered(series, serial).with_for_update())

    def pay(self, proforma: Proforma, order_id: str) -> None:
        """By primary key."""
        self._session.execute(sql_update(proformas).where(proformas.c.id == proforma.id).values(order_id=order_id))

    def listed(self, tenant_id: str | None, before: int, limit: int) -> Sequence[Proforma]:
        """By ix_proformas_tenant, or the primary key for all tenants."""
        rows = self._session.execute(newest(proformas, tenant_id, limit, before))
        return [to_proforma(row) for row in rows]

    def _one(self, query: Select[Any]) -> Proforma | None:
        row = self._session.execute(query).first()
        return None if row is None else to_proforma(row)


def _numbered(series: str, serial: int) -> Select[Any]:
    return select(proformas).where(proformas.c.series == series, proformas.c.serial == serial)
