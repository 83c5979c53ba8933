"""Migrations make the tables that the code expects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from echodesk_billing.adapters.sql import migrations
from echodesk_billing.adapters.sql.tables import metadata


def differences(connection: Connection) -> list[object]:
    migrations.upgrade(connection)
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def test_sqlite_has_the_tables_of_the_code() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        assert differences(connection) == []
    engine.dispose()


@pytest.mark.filterwarnings("ignore:autoincrement and existing_autoincrement")
async def test_postgresql_has_the_tables_of_the_code(new_database: Callable[[], Awaitable[str]]) -> None:
    engine = create_async_engine((await new_database()).replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


def test_every_migration_can_be_undone() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        applied = migrations.upgrade(connection)
        assert applied
        migrations.command.downgrade(migrations._config(connection), "base")
        assert migrations.problem(connection) is not None
        assert migrations.upgrade(connection) == applied
    engine.dispose()
