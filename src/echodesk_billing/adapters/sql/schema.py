"""Column types shared by all tables. Amounts are 64-bit counts of minor units, times are UTC, documents are JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    TypeDecorator,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

T = TypeVar("T")


Values = dict[str, Any]


def document(value: object) -> str:
    """A value as JSON text."""
    return msgspec.json.encode(value).decode()


def value(text: str, kind: type[T]) -> T:
    """A value from its JSON text."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    decoded: T = decoder.decode(text)
    return decoded


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware moments in UTC, on databases with and without time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Reject naive datetimes; SQLite stores the UTC wall time."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Restore the time zone."""
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class as_bytes(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """An expression compared byte by byte, whatever the database's collation is."""

    inherit_cache = True
    type = String()


@compiles(as_bytes)
def _plain(element: Any, compiler: Any, **more: Any) -> str:
    return str(compiler.process(element.clauses.clauses[0], **more))


@compiles(as_bytes, "postgresql")
def _collated(element: Any, compiler: Any, **more: Any) -> str:
    return f'{_plain(element, compiler, **more)} COLLATE "C"'


def beginning_with(expression: Any, text: str) -> tuple[Any, Any]:
    """Conditions for texts that begin with `text`, found by an index on `as_bytes`."""
    return expression >= text, expression < text + "\U0010ffff"


Serial = BigInteger().with_variant(Integer, "sqlite")


def newest(table: Table, tenant_id: str | None, limit: int, before: int) -> Select[Any]:
    """Rows of a tenant, or of all, newest first, by an index on tenant and id, or by the primary key.

    Args:
        before: only those below this id; 0 for the newest.
    """
    query = select(table)
    if tenant_id is not None:
        query = query.where(table.c.tenant_id == tenant_id)
    if before:
        query = query.where(table.c.id < before)
    return query.order_by(table.c.id.desc()).limit(limit)
