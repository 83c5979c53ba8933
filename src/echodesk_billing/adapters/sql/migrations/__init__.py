"""Which tables this version needs. Alembic, which is slow to import, is used only where something is to be done."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

HEAD = "0017"


def current(connection: Connection) -> str | None:
    """The revision of the tables; None where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def problem(connection: Connection, schema: str = "") -> str | None:
    """Why the tables do not fit this version of the software, or None.

    Args:
        schema: where they should be, on PostgreSQL.
    """
    found = current(connection)
    if found is not None and found >= HEAD:  # tables of the next version still serve this one: docs/upgrading.md
        return None
    if schema and found is None and _is_in_public(connection):
        return (
            f"The tables are in the schema public, not in {schema}: set BILLING_DATABASE_SCHEMA=public, or move them "
            "as docs/configuration.md says"
        )
    state = f"at revision {found}" if found else "empty"
    return f"The database is {state}, this version needs {HEAD}: run echodesk-billing migrate"


def upgrade(connection: Connection) -> list[str]:
    """Apply what is missing; returns the revisions that were applied, oldest first."""
    if (current(connection) or "") >= HEAD:
        return []
    from echodesk_billing.adapters.sql.migrations import running  # noqa: PLC0415 - imports Alembic

    return running.upgrade(connection)


def _is_in_public(connection: Connection) -> bool:
    """Whether the tables of an older version are in PostgreSQL's schema public."""
    return all(inspect(connection).has_table(name, schema="public") for name in ("alembic_version", "order_steps"))
