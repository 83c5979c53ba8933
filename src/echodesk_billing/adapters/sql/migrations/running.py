"""Runs migrations with Alembic, on a connection that the caller has opened."""

from __future__ import annotations

import asyncio

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only

from echodesk_billing.adapters.sql.drivers import sqlstate
from echodesk_billing.adapters.sql.migrations import current

LOCK_NOT_AVAILABLE = "55P03"
MOST_TRIES = 30
PAUSE_SECONDS = 1.0


def config(connection: Connection) -> Config:
    """Alembic's configuration for a connection."""
    made = Config()
    made.set_main_option("script_location", "echodesk_billing:adapters/sql/migrations")
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection) -> list[str]:
    """Apply what is missing, a migration at a time; returns the revisions that were applied, oldest first."""
    chosen = config(connection)
    before = current(connection)
    missing = ScriptDirectory.from_config(chosen).iterate_revisions("head", before or "base")
    revisions = [revision.revision for revision in missing][::-1]
    if connection.dialect.name != "postgresql":
        command.upgrade(chosen, "head")
        return revisions
    connection.commit()  # what was read so far; every migration is a transaction of its own
    for revision in revisions:
        _apply(chosen, connection, revision)
    return revisions


def _apply(chosen: Config, connection: Connection, revision: str) -> None:
    """Apply one migration, again and again while others hold the locks that it needs."""
    for tries in range(1, MOST_TRIES + 1):
        try:
            command.upgrade(chosen, revision)
        except DBAPIError as error:
            connection.rollback()
            if sqlstate(error) != LOCK_NOT_AVAILABLE or tries == MOST_TRIES:
                raise
            await_only(asyncio.sleep(PAUSE_SECONDS))
        else:
            return
