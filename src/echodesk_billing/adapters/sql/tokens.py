"""Access tokens: table, mapping and queries."""

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
    Text,
    bindparam,
    delete,
    select,
    text,
    update,
)

from echodesk_billing.adapters.sql.schema import UtcDateTime, Values, document, metadata, value
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.statement import Statement
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.storage import StoredToken

tokens = Table(
    "tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("prefix", String(16), nullable=False, index=True),
    Column("tenant_id", String(63), nullable=False, index=True),
    Column("principal", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("parent", String(64)),
    Column("issued_by", Text, nullable=False, server_default=""),
    Column("revoked_by", Text, nullable=False, server_default=""),
)

_ENDS = text("expires_at IS NOT NULL")

Index("ix_tokens_expires", tokens.c.expires_at, postgresql_where=_ENDS, sqlite_where=_ENDS)

_REVOKED = text("revoked_at IS NOT NULL")

Index("ix_tokens_revoked", tokens.c.revoked_at, postgresql_where=_REVOKED, sqlite_where=_REVOKED)


def token_values(token: StoredToken) -> Values:
    """The columns of a token."""
    return {
        "digest": token.digest,
        "prefix": token.prefix,
        "tenant_id": token.principal.tenant_id,
        "principal": document(token.principal),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "parent": token.parent,
        "issued_by": token.issued_by,
        "revoked_by": token.revoked_by,
    }


def to_token(row: Row[Any]) -> StoredToken:
    """A token from its row."""
    return StoredToken(
        digest=row.digest,
        prefix=row.prefix,
        principal=value(row.principal, Principal),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        parent=row.parent,
        issued_by=row.issued_by,
        revoked_by=row.revoked_by,
    )


_BY_DIGEST = Statement(select(tokens).where(tokens.c.digest == bindparam("digest")))


class SqlTokens:
    """Access tokens."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, token: StoredToken) -> None:
        """Insert, unless the digest exists."""
        self._session.insert_new(tokens, token_values(token))

    def by_digest(self, digest: str) -> StoredToken | None:
        """By primary key."""
        row = self._session.first(_BY_DIGEST, digest=digest)
        return None if row is None else to_token(row)

    def listed(self, tenant_id: str | None) -> Sequence[StoredToken]:
        """By the index on tenant_id, or all."""
        query = select(tokens).order_by(tokens.c.created_at.desc())
        if tenant_id is not None:
            query = query.where(tokens.c.tenant_id == tenant_id)
        return [to_token(row) for row in self._session.execute(query)]

    def end(self, digest: str, at: datetime) -> None:
        """By primary key."""
        table = tokens
        self._session.execute(
            update(table).where(table.c.digest == digest, table.c.revoked_at.is_(None)).values(revoked_at=at)
        )

    def revoke(self, prefix: str, at: datetime, by: str) -> int:
        """By the index on prefix."""
        return self._session.execute(
            update(tokens)
            .where(tokens.c.prefix == prefix, tokens.c.revoked_at.is_(None))
            .values(revoked_at=at, revoked_by=by)
        ).rowcount

    def delete_of(self, tenant_id: str) -> int:
        """By the index on tenant_id."""
        return self._session.execute(delete(tokens).where(tokens.c.tenant_id == tenant_id)).rowcount
