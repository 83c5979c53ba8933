"""Figures of the business: tables, mapping and queries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    String,
    Table,
    bindparam,
    func,
    select,
    update,
)

from echodesk_billing.adapters.sql.outbox import outbox, to_event
from echodesk_billing.adapters.sql.schema import metadata
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.domain.accounting.statistics import Counted, Figure
from echodesk_billing.domain.events import Event

statistics = Table(
    "statistics",
    metadata,
    Column("month", String(10), primary_key=True),
    Column("currency", String(3), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

statistics_customers = Table(
    "statistics_customers",
    metadata,
    Column("tenant_id", String(63), primary_key=True),
    Column("currency", String(3), nullable=False),
    Column("recurring", BigInteger, nullable=False),
    Column("has_paid", Boolean, nullable=False),
    Column("failing", String(16), nullable=False),
)


class SqlStatistics:
    """Figures of the business, kept from events."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def lock(self) -> None:
        """An advisory lock, until the transaction ends."""
        self._session.lock_name("statistics")

    def uncounted(self, limit: int) -> Sequence[Event]:
        """By the partial index ix_outbox_uncounted."""
        query = select(outbox).where(outbox.c.counted.is_(None)).order_by(outbox.c.id).limit(limit)
        return [to_event(row) for row in self._session.execute(query)]

    def customers(self, tenants: Collection[str]) -> dict[str, Counted]:
        """By primary key."""
        table = statistics_customers
        query = select(table).where(table.c.tenant_id.in_(tenants))
        return {
            row.tenant_id: Counted(
                tenant_id=row.tenant_id,
                currency=row.currency,
                recurring=row.recurring,
                has_paid=row.has_paid,
                failing=row.failing,
            )
            for row in self._session.execute(query)
        }

    def keep(self, figures: Mapping[Figure, int], customers: Collection[Counted], events: Sequence[Event]) -> None:
        """Upsert by primary keys; the next number is found by ix_outbox_counted."""
        for figure, added in figures.items():
            row = {"month": figure.month, "currency": figure.currency, "name": figure.name, "value": added}
            keys = [statistics.c.month, statistics.c.currency, statistics.c.name]
            upsert = self._session.upsert(statistics).values(**row)
            changed = {"value": statistics.c.value + upsert.excluded.value}
            self._session.execute(upsert.on_conflict_do_update(index_elements=keys, set_=changed))
        table = statistics_customers
        for one in customers:
            values = {"currency": one.currency, "recurring": one.recurring}
            values |= {"has_paid": one.has_paid, "failing": one.failing}
            remembered = self._session.upsert(table).values(tenant_id=one.tenant_id, **values)
            self._session.execute(remembered.on_conflict_do_update(index_elements=[table.c.tenant_id], set_=values))
        last = self._session.execute(select(func.max(outbox.c.counted))).scalar() or 0
        numbered = update(outbox).where(outbox.c.id == bindparam("event")).values(counted=bindparam("number"))
        for number, event in enumerate(events, last + 1):
            self._session.execute(numbered, {"event": event.id, "number": number})

    def figures(self) -> dict[Figure, int]:
        """Reads the whole table: a few dozen rows a month, and those of its days."""
        rows = self._session.execute(select(statistics).where(statistics.c.currency != ""))
        return {Figure(row.month, row.currency, row.name): row.value for row in rows}

    def days(self, since: str) -> dict[Figure, int]:
        """By primary key."""
        query = select(statistics).where(statistics.c.month >= since, statistics.c.currency == "")
        return {Figure(row.month, row.currency, row.name): row.value for row in self._session.execute(query)}

    def counted(self, after: int, limit: int) -> Sequence[tuple[int, Event]]:
        """By ix_outbox_counted."""
        number = outbox.c.counted
        query = select(outbox).where(number > after).order_by(number).limit(limit)
        return [(row.counted, to_event(row)) for row in self._session.execute(query)]
