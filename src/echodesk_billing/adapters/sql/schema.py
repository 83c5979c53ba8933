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
    TypeDecorator,
)

T = TypeVar("T")


Values = dict[str, Any]


def document(value: object) -> str:
    """A value as JSON text."""
    return msgspec.json.encode(value).decode()


def value(text: str, kind: type[T]) -> T:
    """A value from its JSON text."""
    return msgspec.json.decode(text, type=kind)


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


Serial = BigInteger().with_variant(Integer, "sqlite")
