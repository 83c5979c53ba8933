"""The storage behind a database address."""

from __future__ import annotations

from pathlib import Path

from echodesk_billing.adapters.sql.sqlite import SqliteStorage
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Storage, StorageUnavailable


def open_storage(url: str, ids: Ids, schema: str = "") -> Storage:
    """The storage behind a database address.

    Args:
        url: `sqlite:///path` or `postgresql://…`.
        schema: of the tables in PostgreSQL; the connection's own where empty.

    Raises:
        StorageUnavailable: the URL names an unsupported database, or its driver is not installed.
    """
    if url.startswith("sqlite:///"):
        return SqliteStorage(Path(url.removeprefix("sqlite:///")), ids)
    if url.startswith(("postgresql://", "postgres://")):
        try:
            from echodesk_billing.adapters.sql.postgres import PostgresStorage  # noqa: PLC0415 - needs the extra
        except ImportError:
            raise StorageUnavailable("PostgreSQL needs the extra: pip install echodesk-billing[postgres]") from None
        return PostgresStorage(url, ids, schema)
    raise StorageUnavailable("DATABASE_URL must begin with sqlite:/// or postgresql://")
