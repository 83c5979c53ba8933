"""Runs migrations with Alembic, on a connection that the caller has opened."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from echodesk_billing.adapters.sql.migrations import current


def config(connection: Connection) -> Config:
    """Alembic's configuration for a connection."""
    made = Config()
    made.set_main_option("script_location", "echodesk_billing:adapters/sql/migrations")
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection) -> list[str]:
    """Apply what is missing; returns the revisions that were applied, oldest first."""
    chosen = config(connection)
    before = current(connection)
    command.upgrade(chosen, "head")
    applied = ScriptDirectory.from_config(chosen).iterate_revisions("head", before or "base")
    return [revision.revision for revision in applied][::-1]
