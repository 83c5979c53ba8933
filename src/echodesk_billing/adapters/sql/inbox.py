"""The inbox of callbacks: table, mapping and queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Row,
    String,
    Table,
    select,
    text,
)

from echodesk_billing.adapters.sql.schema import UtcDateTime, Values, metadata
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.ports.storage import InboxEntry

inbox = Table(
    "inbox",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("verdict", String(16), nullable=False),
    Column("order_id", String(25), index=True),
    Column("at", UtcDateTime, nullable=False),
)

REFUSED = text("outcome NOT IN ('applied')")

Index("ix_inbox_refused", inbox.c.at, postgresql_where=REFUSED, sqlite_where=REFUSED)


def inbox_values(entry: InboxEntry) -> Values:
    """The columns of a received callback."""
    return {
        "digest": entry.digest,
        "outcome": entry.outcome,
        "verdict": entry.verdict,
        "order_id": entry.order_id,
        "at": entry.at,
    }


def to_inbox_entry(row: Row[Any]) -> InboxEntry:
    """A received callback from its row."""
    return InboxEntry(digest=row.digest, outcome=row.outcome, verdict=row.verdict, order_id=row.order_id, at=row.at)


class SqlInbox:
    """The inbox of received callbacks."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def record(self, entry: InboxEntry) -> bool:
        """Insert, unless the primary key exists."""
        return self._session.insert_new(inbox, inbox_values(entry))

    def add(self, entry: InboxEntry) -> None:
        """Insert, unless the primary key exists."""
        self._session.insert(inbox, [inbox_values(entry)], or_nothing=True)

    def unapplied(self, before: datetime | None, limit: int) -> Sequence[InboxEntry]:
        """By the partial index ix_inbox_refused."""
        query = select(inbox).where(REFUSED)
        if before is not None:
            query = query.where(inbox.c.at < before)
        return [to_inbox_entry(row) for row in self._session.execute(query.order_by(inbox.c.at.desc()).limit(limit))]

    def of_digest(self, digest: str) -> Sequence[InboxEntry]:
        """By primary key."""
        query = select(inbox).where(inbox.c.digest == digest).order_by(inbox.c.at)
        return [to_inbox_entry(row) for row in self._session.execute(query)]

    def of_order(self, order_id: str) -> Sequence[InboxEntry]:
        """By the index on order_id."""
        query = select(inbox).where(inbox.c.order_id == order_id).order_by(inbox.c.at)
        return [to_inbox_entry(row) for row in self._session.execute(query)]
