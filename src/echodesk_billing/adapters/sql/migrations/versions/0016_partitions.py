"""Monthly partitions of the steps of orders and of the journal, on PostgreSQL.

What was stored before stays where it is, as the first partition: nothing is copied. Every statement takes its lock for
a moment, or works while others write.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from echodesk_billing.adapters.sql.migrations.online import is_postgres
from echodesk_billing.adapters.sql.partitions import MONTHS_AHEAD, month_after

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEXES = {
    "order_steps": {"ix_order_steps_order_id": "order_id"},
    "journal": {"ix_journal_order_id": "order_id", "ix_journal_tenant": "tenant_id, id"},
}


def upgrade() -> None:
    if is_postgres():
        for table, indexes in INDEXES.items():
            _partition(table, indexes)


def _partition(table: str, indexes: dict[str, str]) -> None:
    newest = op.get_bind().execute(sa.text(f"SELECT at FROM {table} ORDER BY id DESC LIMIT 1")).scalar()  # noqa: S608
    end = month_after(max(newest or datetime.now(UTC), datetime.now(UTC)), MONTHS_AHEAD)
    bound = f"'{end:%Y-%m-%d}+00'"
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {table}_id_at")
        op.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {table}_id_at ON {table} (id, at)")
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_ends")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_ends CHECK (at < {bound}) NOT VALID")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {table}_ends")
    old = f"{table}_before"
    op.execute(f"ALTER TABLE {table} RENAME TO {old}")
    op.execute(f"ALTER TABLE {old} DROP CONSTRAINT pk_{table}")
    op.execute(f"ALTER TABLE {old} ADD CONSTRAINT pk_{old} PRIMARY KEY USING INDEX {table}_id_at")
    for name in indexes:
        op.execute(f"ALTER INDEX {name} RENAME TO {name}_before")
    op.execute(f"CREATE TABLE {table} (LIKE {old} INCLUDING DEFAULTS) PARTITION BY RANGE (at)")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY (id, at)")
    for name, columns in indexes.items():
        op.execute(f"CREATE INDEX {name} ON {table} ({columns})")
    op.execute(f"ALTER SEQUENCE {table}_id_seq OWNED BY {table}.id")
    op.execute(f"ALTER TABLE {table} ATTACH PARTITION {old} FOR VALUES FROM (MINVALUE) TO ({bound})")
    op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")


def downgrade() -> None:
    if is_postgres():
        for table, indexes in INDEXES.items():
            _unpartition(table, indexes)


def _unpartition(table: str, indexes: dict[str, str]) -> None:
    """All rows in one table again; this locks and copies."""
    op.execute(f"CREATE TABLE {table}_whole (LIKE {table} INCLUDING DEFAULTS)")
    op.execute(f"INSERT INTO {table}_whole SELECT * FROM {table}")  # noqa: S608
    op.execute(f"ALTER SEQUENCE {table}_id_seq OWNED BY {table}_whole.id")
    op.execute(f"DROP TABLE {table}")
    op.execute(f"ALTER TABLE {table}_whole RENAME TO {table}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY (id)")
    for name, columns in indexes.items():
        op.execute(f"CREATE INDEX {name} ON {table} ({columns})")
