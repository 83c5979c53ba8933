"""Migrations make the tables that the code expects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from echodesk_billing.adapters.sql import migrations
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.tables import metadata
from echodesk_billing.adapters.sql.unit_of_work import SqlSubscriptions


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


def test_subscriptions_of_before_renewals_are_looked_at_once_and_planned() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        migrations.command.upgrade(migrations._config(connection), "0001")
        for tenant, state, anchor in (
            ("runs", "active", "2026-01-31 09:30:00.000000"),
            ("never-paid", "incomplete", None),
            ("over", "ended", "2026-01-01 00:00:00.000000"),
        ):
            connection.execute(
                text(
                    "INSERT INTO subscriptions "
                    "(tenant_id, state, time_zone, anchor, anchor_period, next_period, version) "
                    "VALUES (:tenant, :state, 'Asia/Tbilisi', :anchor, 0, 1, 1)"
                ),
                {"tenant": tenant, "state": state, "anchor": anchor},
            )
        migrations.upgrade(connection)
        due = SqlSubscriptions(Session(connection), {}).due(datetime(2026, 3, 1, tzinfo=UTC), 10)
    assert [(one.tenant_id, one.started_at == one.anchor, one.grace.days) for one in due] == [("runs", True, 7)]
    engine.dispose()
