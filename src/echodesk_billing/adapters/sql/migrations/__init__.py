"""Migrations, run by Alembic on a connection that the caller has opened."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "echodesk_billing:adapters/sql/migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> list[str]:
    """Apply what is missing; returns the revisions that were applied, oldest first."""
    config = _config(connection)
    before = _current(connection)
    command.upgrade(config, "head")
    script = ScriptDirectory.from_config(config)
    applied = script.iterate_revisions("head", before or "base")
    return [revision.revision for revision in applied][::-1]


def problem(connection: Connection, schema: str = "") -> str | None:
    """Why the tables do not fit this version of the software, or None.

    Args:
        schema: where they should be, on PostgreSQL.
    """
    head = ScriptDirectory.from_config(_config(connection)).get_current_head()
    current = _current(connection)
    if current == head:
        return None
    if schema and current is None and _is_in_public(connection):
        return (
            f"The tables are in the schema public, not in {schema}: set BILLING_DATABASE_SCHEMA=public, or move them "
            "as docs/configuration.md says"
        )
    state = f"at revision {current}" if current else "empty"
    return f"The database is {state}, this version needs {head}: run echodesk-billing migrate"


def _is_in_public(connection: Connection) -> bool:
    """Whether the tables of an older version are in PostgreSQL's schema public."""
    return all(inspect(connection).has_table(name, schema="public") for name in ("alembic_version", "order_steps"))


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return MigrationContext.configure(connection).get_current_revision()
