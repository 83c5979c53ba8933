"""Mails, and addresses to which none go: tables, mapping and queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Integer, Row, String, Table, Text, or_, select, text, update

from echodesk_billing.adapters.sql.schema import UtcDateTime, Values, document, metadata, value
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.domain.notifications.mail import Mail, MailKind, MailState

mails = Table(
    "mails",
    metadata,
    Column("id", String(96), primary_key=True),
    Column("tenant_id", String(63), nullable=False),
    Column("event_id", String(48), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("address", String(200), nullable=False),
    Column("language", String(2), nullable=False),
    Column("facts", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("doubts", Integer, nullable=False),
    Column("due_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("problem", Text, nullable=False),
)

_DUE = text("due_at IS NOT NULL")
_ENDED = text("due_at IS NULL")

Index("ix_mails_due", mails.c.due_at, postgresql_where=_DUE, sqlite_where=_DUE)

Index("ix_mails_tenant", mails.c.tenant_id, mails.c.id)

Index("ix_mails_state", mails.c.state, mails.c.id)

Index("ix_mails_ended", mails.c.created_at, postgresql_where=_ENDED, sqlite_where=_ENDED)

mail_addresses = Table(
    "mail_addresses",
    metadata,
    Column("tenant_id", String(63), primary_key=True),
    Column("address", String(200), primary_key=True),
    Column("bounced_at", UtcDateTime),
    Column("problem", Text, nullable=False),
    Column("unsubscribed_at", UtcDateTime),
)


def mail_values(mail: Mail) -> Values:
    """The columns of a mail."""
    return {
        "id": mail.id,
        "tenant_id": mail.tenant_id,
        "event_id": mail.event_id,
        "kind": mail.kind.value,
        "address": mail.address,
        "language": mail.language,
        "facts": document(mail.facts),
        "state": mail.state.value,
        "attempts": mail.attempts,
        "doubts": mail.doubts,
        "due_at": mail.due_at,
        "created_at": mail.created_at,
        "sent_at": mail.sent_at,
        "problem": mail.problem,
    }


def to_mail(row: Row[Any]) -> Mail:
    """A mail from its row."""
    return Mail(
        id=row.id,
        tenant_id=row.tenant_id,
        event_id=row.event_id,
        kind=MailKind(row.kind),
        address=row.address,
        language=row.language,
        facts=value(row.facts, dict[str, str]),
        state=MailState(row.state),
        attempts=row.attempts,
        doubts=row.doubts,
        due_at=row.due_at,
        created_at=row.created_at,
        sent_at=row.sent_at,
        problem=row.problem,
    )


class SqlMails:
    """Mails, and addresses to which none go."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: Sequence[Mail]) -> None:
        """Insert; mails whose id exists stay as they are."""
        self._session.insert(mails, [mail_values(mail) for mail in new], or_nothing=True)

    def claim(self, now: datetime, limit: int) -> Sequence[Mail]:
        """By the partial index ix_mails_due, skipping rows locked by others."""
        query = select(mails).where(mails.c.due_at <= now).order_by(mails.c.due_at).limit(limit)
        return [to_mail(row) for row in self._session.execute(query.with_for_update(skip_locked=True))]

    def get(self, mail_id: str, *, locked: bool = False) -> Mail | None:
        """By primary key."""
        query = select(mails).where(mails.c.id == mail_id)
        row = self._session.execute(query.with_for_update() if locked else query).first()
        return None if row is None else to_mail(row)

    def lock(self, mail_id: str) -> Mail | None:
        """By primary key; the row is locked."""
        return self.get(mail_id, locked=True)

    def save(self, mail: Mail) -> None:
        """Update by primary key."""
        self._session.update(mails, mail_values(mail))

    def listed(self, tenant_id: str | None, state: MailState | None, limit: int, before: str = "") -> Sequence[Mail]:
        """By ix_mails_tenant, ix_mails_state, or the primary key."""
        query = select(mails).order_by(mails.c.id.desc()).limit(limit)
        if tenant_id is not None:
            query = query.where(mails.c.tenant_id == tenant_id)
        if state is not None:
            query = query.where(mails.c.state == state.value)
        if before:
            query = query.where(mails.c.id < before)
        return [to_mail(row) for row in self._session.execute(query)]

    def waiting_since(self) -> datetime | None:
        """By the partial index ix_mails_due."""
        query = select(mails.c.due_at).where(mails.c.due_at.is_not(None)).order_by(mails.c.due_at).limit(1)
        return self._session.execute(query).scalar()

    def is_stopped(self, tenant_id: str, address: str, *, is_optional: bool) -> bool:
        """By primary key."""
        table = mail_addresses
        bounced, left = table.c.bounced_at.is_not(None), table.c.unsubscribed_at.is_not(None)
        stopped = or_(bounced, left) if is_optional else bounced
        query = select(table.c.address).where(table.c.tenant_id == tenant_id, table.c.address == address, stopped)
        return self._session.execute(query).first() is not None

    def stop(self, tenant_id: str, address: str, at: datetime, problem: str) -> None:
        """Upsert by primary key."""
        self._remember(tenant_id, address, {"bounced_at": at, "problem": problem})

    def unsubscribe(self, tenant_id: str, address: str, at: datetime) -> None:
        """Upsert by primary key."""
        self._remember(tenant_id, address, {"unsubscribed_at": at})

    def resume(self, tenant_id: str) -> None:
        """By the first column of the primary key."""
        table = mail_addresses
        self._session.execute(update(table).where(table.c.tenant_id == tenant_id).values(bounced_at=None))

    def _remember(self, tenant_id: str, address: str, values: Values) -> None:
        row = self._session.upsert(mail_addresses).values(
            **{"tenant_id": tenant_id, "address": address, "problem": "", **values}
        )
        keys = [mail_addresses.c.tenant_id, mail_addresses.c.address]
        self._session.execute(row.on_conflict_do_update(index_elements=keys, set_=values))
