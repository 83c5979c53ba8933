"""Answers under idempotency keys: table, mapping and queries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    delete,
    or_,
    select,
    update,
)

from echodesk_billing.adapters.sql.schema import UtcDateTime, Values, metadata
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.ports.storage import Answer

answers = Table(
    "answers",
    metadata,
    Column("owner", String(255), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("identity", String(36), nullable=False, server_default=""),
    Column("request_digest", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("claimed_at", UtcDateTime),
    Column("status", Integer, nullable=False),
    Column("content_type", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
)


def answer_values(answer: Answer) -> Values:
    """The columns of an answer under an idempotency key."""
    return {
        "owner": answer.owner,
        "key": answer.key,
        "identity": answer.identity,
        "request_digest": answer.request_digest,
        "created_at": answer.created_at,
        "claimed_at": answer.claimed_at,
        "status": answer.status,
        "content_type": answer.content_type,
        "body": answer.body,
    }


def to_answer(row: Row[Any]) -> Answer:
    """An answer from its row."""
    return Answer(
        owner=row.owner,
        key=row.key,
        identity=row.identity,
        request_digest=row.request_digest,
        created_at=row.created_at,
        claimed_at=row.claimed_at,
        status=row.status,
        content_type=row.content_type,
        body=bytes(row.body),
    )


class SqlAnswers:
    """Answers under idempotency keys."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def claim(self, answer: Answer, forget_before: datetime, stale_before: datetime) -> tuple[Answer, bool]:
        """Delete an expired answer, then insert or take over an unclaimed one, by primary key."""
        table, mine = answers, self._key(answer.owner, answer.key)
        self._session.execute(delete(table).where(*mine, table.c.created_at < forget_before))
        if self._session.insert_new(table, answer_values(answer)):
            return answer, True
        abandoned = or_(table.c.claimed_at.is_(None), table.c.claimed_at < stale_before)
        taken = self._session.execute(
            update(table)
            .where(*mine, table.c.request_digest == answer.request_digest, table.c.status == 0, abandoned)
            .values(claimed_at=answer.claimed_at)
        )
        row = self._session.execute(select(table).where(*mine)).one()
        return to_answer(row), taken.rowcount == 1

    def reopen(self, owner: str, key: str) -> None:
        """Update by primary key."""
        self._session.execute(update(answers).where(*self._key(owner, key)).values(claimed_at=None))

    def finish(self, answer: Answer) -> None:
        """Update by primary key."""
        self._session.execute(update(answers).where(*self._key(answer.owner, answer.key)).values(answer_values(answer)))

    def release(self, owner: str, key: str) -> None:
        """Delete by primary key."""
        self._session.execute(delete(answers).where(*self._key(owner, key)))

    def _key(self, owner: str, key: str) -> tuple[Any, ...]:
        return (answers.c.owner == owner, answers.c.key == key)
