"""Migrations make the tables that the code expects."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from attrs import evolve
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from echodesk_billing import InvalidSettings, load_settings
from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.sql import migrations
from echodesk_billing.adapters.sql.catalogues import catalogue_document
from echodesk_billing.adapters.sql.customers import SqlCustomers
from echodesk_billing.adapters.sql.drivers import Sqlite3Connection
from echodesk_billing.adapters.sql.migrations import running
from echodesk_billing.adapters.sql.schema import metadata
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.storage import open_storage
from echodesk_billing.adapters.sql.subscriptions import SqlSubscriptions
from echodesk_billing.domain.catalogue.limits import Limits
from echodesk_billing.domain.catalogue.pricing import Plan, Selection, plan
from echodesk_billing.domain.money import Currency
from tests.builders import NOW, catalogue


def differences(connection: Connection) -> list[object]:
    migrations.upgrade(connection)

    def is_ours(thing: object, name: str | None, kind: str, *_: object) -> bool:
        if kind == "index" and name in ("ix_customers_id", "ix_customers_name"):
            return False  # expressions with a collation, which Alembic cannot compare: test_plans.py uses them
        table = name if kind == "table" else getattr(getattr(thing, "table", None), "name", "")
        return not re.search(r"^(order_steps|journal)_(before|default)$", table or "")  # partitions

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": is_ours})
    return list(compare_metadata(context, metadata))


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping")
def test_sqlite_has_the_tables_of_the_code() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        assert differences(connection) == []
    engine.dispose()


@pytest.mark.filterwarnings("ignore:autoincrement and existing_autoincrement")
@pytest.mark.filterwarnings("ignore:autogenerate skipping")
async def test_postgresql_has_the_tables_of_the_code(new_database: Callable[[], Awaitable[str]]) -> None:
    engine = create_async_engine((await new_database()).replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


def test_every_migration_can_be_undone() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        applied = migrations.upgrade(connection)
        assert applied
        running.command.downgrade(running.config(connection), "base")
        assert migrations.problem(connection) is not None
        assert migrations.upgrade(connection) == applied
    engine.dispose()


def test_subscriptions_from_before_renewals_are_planned_by_the_migration() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        running.command.upgrade(running.config(connection), "0001")
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
        due = SqlSubscriptions(Session(Sqlite3Connection(connection)), {}).due(datetime(2026, 3, 1, tzinfo=UTC), 10)
    assert [(one.tenant_id, one.started_at == one.anchor, one.grace.days) for one in due] == [("runs", True, 7)]
    engine.dispose()


def test_unit_prices_of_active_subscriptions_are_migrated_from_their_catalogue() -> None:
    engine = create_engine("sqlite://")
    sold = catalogue()
    features = as_before(plan(sold, Selection(features=("calls", "tickets"), seats=2), Currency.GEL))
    package = as_before(plan(sold, Selection(package_id=1, seats=3), Currency.GEL))
    later = [{"period": 3, "plan": without_items(features), "is_more": True}]
    with engine.begin() as connection:
        running.command.upgrade(running.config(connection), "0003")
        connection.execute(
            text("INSERT INTO catalogues (version, document, created_at) VALUES (1, :document, '2026-01-01 00:00:00')"),
            {"document": catalogue_document(sold)},
        )
        connection.execute(
            text(
                "INSERT INTO subscriptions (tenant_id, state, time_zone, anchor, anchor_period, next_period, version, "
                "due_at, plan, changes) VALUES ('acme', 'active', 'Asia/Tbilisi', '2026-01-31 09:30:00.000000', 0, 1, "
                "1, '2026-01-31 09:30:00.000000', :plan, :changes)"
            ),
            {"plan": json.dumps(without_items(package)), "changes": json.dumps(later)},
        )
        migrations.upgrade(connection)
        acme = SqlSubscriptions(Session(Sqlite3Connection(connection)), {}).get("acme")
        assert acme is not None
        assert (acme.plan, acme.changes[0].plan) == (package, features)
        running.command.downgrade(running.config(connection), "0003")
        kept = connection.execute(text("SELECT plan, changes FROM subscriptions")).one()
    assert (json.loads(kept.plan), json.loads(kept.changes)) == (without_items(package), later)
    engine.dispose()


def as_before(agreed: Plan) -> Plan:
    """A plan whose items have no limits, as the migration cannot know them."""
    return evolve(agreed, items=tuple(evolve(item, limits=Limits()) for item in agreed.items))


def test_customers_take_over_the_names_of_their_subscriptions() -> None:
    engine = create_engine("sqlite://")
    columns = "tenant_id, tenant_name, state, time_zone, anchor, anchor_period, next_period, version"
    insert = f"INSERT INTO subscriptions ({columns}) VALUES (:id, :name, :state, 'Asia/Tbilisi', :anchor, 0, 1, 1)"  # noqa: S608
    with engine.begin() as connection:
        running.command.upgrade(running.config(connection), "0005")
        for tenant, name, anchor in (("acme_ltd", "Acme", "2026-01-31 09:30:00"), ("b", "", "2026-02-01 00:00:00")):
            connection.execute(text(insert), {"id": tenant, "name": name, "state": "active", "anchor": anchor})
        stranger = {"id": "never_paid", "name": "Buy cheap pills", "state": "incomplete", "anchor": None}
        connection.execute(text(insert), stranger)
        migrations.upgrade(connection)
        session = Session(Sqlite3Connection(connection))
        found = [(one.tenant_id, one.name, one.host_label) for one in SqlCustomers(session, {}).listed("", 10)]
        assert found == [("acme_ltd", "Acme", "acme-ltd"), ("b", "b", "b")]
        acme = SqlSubscriptions(session, {}).get("acme_ltd")
        assert acme is not None
        assert acme.term.spans == ()
        running.command.downgrade(running.config(connection), "0005")
    engine.dispose()


def without_items(agreed: Plan) -> dict[str, Any]:
    """A plan as the versions before stored it."""
    return {name: value for name, value in json.loads(msgspec.json.encode(agreed)).items() if name != "items"}


async def test_postgresql_has_a_schema_of_our_own_and_says_where_older_tables_are(
    new_database: Callable[[], Awaitable[str]],
) -> None:
    url = await new_database()
    older = open_storage(url, RandomIds())
    await older.migrate()
    storage = open_storage(url, RandomIds(), "billing")
    problem = await storage.problem()
    assert problem is not None
    assert "The tables are in the schema public, not in billing: set BILLING_DATABASE_SCHEMA=public" in problem
    assert (await storage.migrate())[0] == "0001"
    assert (await storage.problem(), await older.problem()) == (None, None)
    await storage.transact(lambda uow: uow.catalogues.add(catalogue(), NOW, "nino"))
    assert (await storage.read(lambda uow: uow.catalogues.current())).version == 1
    assert (await older.read(lambda uow: uow.catalogues.current())).version == 0
    await storage.close()
    await older.close()


@pytest.mark.parametrize("name", ["", "Billing", "a b", "x" * 64, 'a"; drop', "1a"])
def test_the_name_of_a_schema_is_checked(name: str) -> None:
    with pytest.raises(InvalidSettings, match="BILLING_DATABASE_SCHEMA"):
        load_settings({"BILLING_DATABASE_SCHEMA": name or "-"})


def test_migrations_since_0015_lock_nothing_for_long() -> None:
    """Indexes are made by `online.create_index`, and nothing rewrites a table on PostgreSQL."""
    folder = Path(migrations.__file__).parent / "versions"
    for file in sorted(folder.glob("*.py")):
        text = file.read_text()
        if file.name < "0015":
            continue
        assert "op.create_index(" not in text, f"{file.name}: use online.create_index"
        assert "op.drop_index(" not in text, f"{file.name}: use online.drop_index"
        added = re.findall(r"op\.add_column\((.*)\)", text)
        assert all("nullable=True" in one or "server_default" in one for one in added), f"{file.name}: old code inserts"
        up = text.partition("def downgrade")[0]
        for made in re.findall(r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)[^\"]*ON (\{?\w+\}?)", up):
            assert f"CREATE TABLE {made} (LIKE" in up, f"{file.name}: an index on a table that is not new"
        for constraint in re.findall(r"ADD CONSTRAINT [^\"]*CHECK[^\"]*", up):
            assert "NOT VALID" in constraint, f"{file.name}: a constraint that is checked under a lock"


async def test_a_migration_gives_up_a_lock_it_does_not_get_and_comes_again(
    new_database: Callable[[], Awaitable[str]],
) -> None:
    url = await new_database()
    storage = open_storage(url, RandomIds())
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: running.command.upgrade(running.config(sync), "0014"))
        await connection.commit()
    async with engine.connect() as holder:
        await holder.execute(text("SELECT count(*) FROM outbox"))  # a long report holds its lock
        migrating = asyncio.create_task(storage.migrate())
        async with engine.connect() as other:
            for _ in range(8):  # others are served meanwhile, behind the migration too
                async with asyncio.timeout(4):
                    await other.execute(text("INSERT INTO leases (name, owner, until) VALUES ('x', 'x', now())"))
                    await other.execute(text("SELECT count(*) FROM outbox"))
                    await other.rollback()
                await asyncio.sleep(0.4)
        assert not migrating.done()
        await holder.rollback()
    assert await asyncio.wait_for(migrating, 30) == ["0015", "0016", "0017"]
    assert await storage.problem() is None
    await engine.dispose()
    await storage.close()
