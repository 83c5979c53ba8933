"""The outbox: table, mapping and queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from attrs import evolve
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    func,
    literal,
    or_,
    select,
    text,
    update,
)

from echodesk_billing.adapters.sql.schema import UtcDateTime, Values, document, metadata, value
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.domain.events import EVENT_TYPES, Event, InvoiceIssued
from echodesk_billing.ports.ids import Ids

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("tenant_id", String(63), nullable=False),
    Column("type", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("delivered_at", UtcDateTime),
    Column("retry_at", UtcDateTime),
    Column("position", BigInteger),
    Column("counted", BigInteger),
    Column("announced", Boolean, nullable=False),
    Column("actor", String(200), nullable=False, server_default=""),
)

Index("ix_outbox_tenant", outbox.c.tenant_id, outbox.c.id)

Index("uq_outbox_tenant_position", outbox.c.tenant_id, outbox.c.position, unique=True)

_UNNUMBERED = text("position IS NULL")

Index(
    "ix_outbox_unnumbered",
    outbox.c.tenant_id,
    outbox.c.id,
    postgresql_where=_UNNUMBERED,
    sqlite_where=_UNNUMBERED,
)

Index(
    "ix_outbox_pending",
    outbox.c.id,
    postgresql_where=text("delivered_at IS NULL"),
    sqlite_where=text("delivered_at IS NULL"),
)

_UNCOUNTED = text("counted IS NULL")

Index("ix_outbox_uncounted", outbox.c.id, postgresql_where=_UNCOUNTED, sqlite_where=_UNCOUNTED)

Index("ix_outbox_counted", outbox.c.counted)

_UNANNOUNCED = text("NOT announced")

Index("ix_outbox_unannounced", outbox.c.id, postgresql_where=_UNANNOUNCED, sqlite_where=_UNANNOUNCED)

_ACTS = text("actor <> ''")

Index("ix_outbox_acts", outbox.c.id, postgresql_where=_ACTS, sqlite_where=_ACTS)

Index("ix_outbox_actor", outbox.c.actor, outbox.c.id, postgresql_where=_ACTS, sqlite_where=_ACTS)

leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)


LONGEST_ACTOR = 200


def event_values(event: Event) -> Values:
    """The columns of a recorded event."""
    return {
        "id": event.id,
        "tenant_id": event.tenant_id,
        "type": event.name,
        "version": event.version,
        "body": document(event),
        "announced": False,
        "actor": event.person[:LONGEST_ACTOR],
    }


def to_event(row: Row[Any]) -> Event:
    """An event from its row."""
    return value(row.body, EVENT_TYPES[row.type])


def _count(recorded: list[Event], stand_in: str | None, number: str) -> None:
    """Give the event of an invoice the number that the invoice has got."""
    for place, event in enumerate(recorded):
        if isinstance(event, InvoiceIssued) and event.number == stand_in:
            recorded[place] = evolve(event, number=number)


class SqlOutbox:
    """The outbox of events."""

    def __init__(self, session: Session, ids: Ids) -> None:
        self._session = session
        self._ids = ids

    def add(self, events: Sequence[Event], by: str = "") -> Sequence[Event]:
        """Insert events in order, with ids that sort the same way."""
        recorded = [event.recorded(self._ids.event_id(event.at), by) for event in events]
        stand_in = self._session.stand_in
        is_named = any(isinstance(event, InvoiceIssued) and event.number == stand_in for event in recorded)
        self._session.insert(outbox, [event_values(event) for event in recorded], numbered="body" if is_named else "")
        if is_named:
            self._session.when_counted(partial(_count, recorded, stand_in))
        return recorded

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> Sequence[Event]:
        """Take the relay's lease, then read by the partial index ix_outbox_pending."""
        if not self._lease(owner, now, until):
            return []
        pending = outbox.c.delivered_at.is_(None)
        held = select(outbox.c.tenant_id).where(pending, outbox.c.retry_at > now)
        query = select(outbox).where(pending, outbox.c.tenant_id.not_in(held)).order_by(outbox.c.id).limit(limit)
        return [to_event(row) for row in self._session.execute(query)]

    def waiting_since(self) -> datetime | None:
        """By the partial index ix_outbox_pending."""
        query = select(outbox).where(outbox.c.delivered_at.is_(None)).order_by(outbox.c.id).limit(1)
        row = self._session.execute(query).first()
        return None if row is None else to_event(row).at

    def to_announce(self, limit: int) -> Sequence[Event]:
        """By the partial index ix_outbox_unannounced."""
        query = select(outbox).where(_UNANNOUNCED).order_by(outbox.c.id).limit(limit)
        return [to_event(row) for row in self._session.execute(query)]

    def since(self, moment: datetime, tenant_id: str | None, limit: int) -> Sequence[Event]:
        """By ix_outbox_tenant, or the primary key for all tenants: ids begin with milliseconds."""
        query = select(outbox).where(outbox.c.id >= f"{int(moment.timestamp() * 1000):012x}")
        if tenant_id is not None:
            query = query.where(outbox.c.tenant_id == tenant_id)
        return [to_event(row) for row in self._session.execute(query.order_by(outbox.c.id).limit(limit))]

    def lock_announcing(self) -> None:
        """An advisory lock, until the transaction ends."""
        self._session.lock_name("announcing")

    def announced(self, events: Sequence[Event]) -> None:
        """Update by primary key."""
        ids = [event.id for event in events]
        self._session.execute(update(outbox).where(outbox.c.id.in_(ids)).values(announced=True))

    def feed(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Event]:
        """Assign positions to a page of visible events, one reader of the tenant at a time, then read.

        By ix_outbox_unnumbered and uq_outbox_tenant_position.
        """
        mine = outbox.c.tenant_id == tenant_id
        if self.has_unnumbered(tenant_id):
            self._session.lock_name(f"feed {tenant_id}")
            last = self._session.execute(select(func.max(outbox.c.position)).where(mine)).scalar() or 0
            row_number = func.row_number().over(order_by=outbox.c.id)
            page = (
                select(outbox.c.id, (literal(last) + row_number).label("position"))
                .where(mine, outbox.c.position.is_(None))
                .order_by(outbox.c.id)
                .limit(limit)
                .subquery("page")
            )
            self._session.execute(update(outbox).where(outbox.c.id == page.c.id).values(position=page.c.position))
        query = select(outbox).where(mine, outbox.c.position > self._position(tenant_id, after))
        return [to_event(row) for row in self._session.execute(query.order_by(outbox.c.position).limit(limit))]

    def has_news(self, tenant_id: str, after: str | None) -> bool:
        """By ix_outbox_unnumbered and uq_outbox_tenant_position."""
        if self.has_unnumbered(tenant_id):
            return True
        behind = (outbox.c.tenant_id == tenant_id, outbox.c.position > self._position(tenant_id, after))
        return self._session.execute(select(outbox.c.id).where(*behind).limit(1)).first() is not None

    def _position(self, tenant_id: str, after: str | None) -> Any:
        """The position of the event with the id `after`; 0 where it does not exist."""
        known = select(outbox.c.position).where(outbox.c.tenant_id == tenant_id, outbox.c.id == after)
        return func.coalesce(known.scalar_subquery(), 0)

    def has_unnumbered(self, tenant_id: str) -> bool:
        """By the partial index ix_outbox_unnumbered."""
        new = select(outbox.c.id).where(outbox.c.tenant_id == tenant_id, outbox.c.position.is_(None))
        return self._session.execute(new.order_by(outbox.c.id).limit(1)).first() is not None

    def latest(self, tenant_id: str | None, limit: int) -> Sequence[Event]:
        """By ix_outbox_tenant, or the primary key for all tenants."""
        query = select(outbox).order_by(outbox.c.id.desc()).limit(limit)
        if tenant_id is not None:
            query = query.where(outbox.c.tenant_id == tenant_id)
        return [to_event(row) for row in self._session.execute(query)][::-1]

    def acts(self, by: str, before: str, limit: int) -> Sequence[Event]:
        """By the partial index ix_outbox_acts, or ix_outbox_actor for one person."""
        query = select(outbox).where(_ACTS).order_by(outbox.c.id.desc()).limit(limit)
        if by:
            query = query.where(outbox.c.actor == by)
        if before:
            query = query.where(outbox.c.id < before)
        return [to_event(row) for row in self._session.execute(query)]

    def of_order(self, tenant_id: str, order_id: str) -> Sequence[Event]:
        """By ix_outbox_tenant, all of the tenant's events: for reports, not for requests."""
        named = outbox.c.body.contains(f'"order_id":"{order_id}"', autoescape=True)
        query = select(outbox).where(outbox.c.tenant_id == tenant_id, named).order_by(outbox.c.id)
        return [to_event(row) for row in self._session.execute(query)]

    def _lease(self, owner: str, now: datetime, until: datetime) -> bool:
        if self._session.insert_new(leases, {"name": "relay", "owner": owner, "until": until}):
            return True
        taken = self._session.execute(
            update(leases)
            .where(leases.c.name == "relay", or_(leases.c.owner == owner, leases.c.until <= now))
            .values(owner=owner, until=until)
        )
        return taken.rowcount == 1

    def settle(self, delivered: Sequence[str], failed: dict[str, datetime], now: datetime) -> None:
        """Update by primary key and release the lease."""
        if delivered:
            self._session.execute(update(outbox).where(outbox.c.id.in_(delivered)).values(delivered_at=now))
        for event_id, retry_at in failed.items():
            self._session.execute(update(outbox).where(outbox.c.id == event_id).values(retry_at=retry_at))
        self._session.execute(update(leases).where(leases.c.name == "relay").values(until=now))
