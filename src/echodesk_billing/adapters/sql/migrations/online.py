"""Changes of a schema that do not stop those who use it: what migrations from 0015 on are made of.

On PostgreSQL every migration is a transaction of its own, which gives up after two seconds when it does not get a
lock, and is tried again: those who wait behind it wait no longer than that. Indexes are built concurrently, outside a
transaction, and what an interrupted run left is removed first.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op


def is_postgres() -> bool:
    """Whether the database is PostgreSQL."""
    return op.get_bind().dialect.name == "postgresql"


def create_index(
    name: str, table: str, columns: list[str | sa.TextClause], where: str = "", *, is_unique: bool = False
) -> None:
    """Create an index while others write.

    Args:
        columns: names, or expressions as `sa.text`.
        where: of a partial index.
    """
    condition: dict[str, Any] = {"postgresql_where": sa.text(where), "sqlite_where": sa.text(where)} if where else {}
    if not is_postgres():
        op.create_index(name, table, columns, unique=is_unique, **condition)
        return
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.create_index(name, table, columns, unique=is_unique, postgresql_concurrently=True, **condition)


def drop_index(name: str, table: str) -> None:
    """Drop an index while others write."""
    if not is_postgres():
        op.drop_index(name, table)
        return
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
