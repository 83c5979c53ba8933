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


def problem(connection: Connection) -> str | None:
    """Why the tables do not fit this version of the software, or None."""
    head = ScriptDirectory.from_config(_config(connection)).get_current_head()
    current = _current(connection)
    if current == head:
        return None
    state = f"at revision {current}" if current else "empty"
    return f"The database is {state}, this version needs {head}: run echodesk-billing migrate"


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return MigrationContext.configure(connection).get_current_revision()
