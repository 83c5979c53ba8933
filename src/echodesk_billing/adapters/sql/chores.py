"""Heartbeats of the background work, and stalls that were noticed: tables and queries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, String, Table, Text, delete, func, select

from echodesk_billing.adapters.sql.schema import UtcDateTime, metadata
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.domain.notifications.heartbeat import Chore, Heartbeat, Stall

chores = Table(
    "chores",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("ran_at", UtcDateTime),
    Column("problem", Text, nullable=False),
)

stalls = Table(
    "stalls",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("announced_at", UtcDateTime, nullable=False),
)

RENEWALS = "renewals"


class SqlChores:
    """Heartbeats of the background work, and stalls that were noticed: a handful of rows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def beat(self, heartbeat: Heartbeat) -> None:
        """Upsert by primary key."""
        values = {"ran_at": heartbeat.ran_at, "problem": heartbeat.problem}
        upsert = self._session.upsert(chores).values(name=heartbeat.chore.value, **values)
        changed = {"ran_at": func.coalesce(upsert.excluded.ran_at, chores.c.ran_at), "problem": heartbeat.problem}
        self._session.execute(upsert.on_conflict_do_update(index_elements=[chores.c.name], set_=changed))

    def heartbeats(self) -> Sequence[Heartbeat]:
        """The whole table."""
        rows = self._session.execute(select(chores).order_by(chores.c.name))
        return [Heartbeat(chore=Chore(row.name), ran_at=row.ran_at, problem=row.problem) for row in rows]

    def stall(self) -> Stall | None:
        """By primary key."""
        row = self._session.execute(select(stalls).where(stalls.c.name == RENEWALS)).first()
        return None if row is None else Stall(since=row.since, announced_at=row.announced_at)

    def lock_stall(self) -> Stall | None:
        """By primary key, behind an advisory lock, because there may be no row to lock."""
        self._session.lock_name("stall")
        return self.stall()

    def save_stall(self, stall: Stall | None) -> None:
        """Replace the row."""
        self._session.execute(delete(stalls).where(stalls.c.name == RENEWALS))
        if stall is not None:
            row = {"name": RENEWALS, "since": stall.since, "announced_at": stall.announced_at}
            self._session.insert_new(stalls, row)
