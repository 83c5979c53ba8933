"""Figures of the business, kept from events."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statistics",
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("month", "currency", "name", name=op.f("pk_statistics")),
    )
    op.create_table(
        "statistics_customers",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("recurring", sa.BigInteger(), nullable=False),
        sa.Column("has_paid", sa.Boolean(), nullable=False),
        sa.Column("failing", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_statistics_customers")),
    )
    op.add_column("outbox", sa.Column("counted", sa.BigInteger()))
    uncounted = sa.text("counted IS NULL")
    op.create_index("ix_outbox_uncounted", "outbox", ["id"], postgresql_where=uncounted, sqlite_where=uncounted)
    op.create_index("ix_outbox_counted", "outbox", ["counted"])


def downgrade() -> None:
    op.drop_index("ix_outbox_counted", "outbox")
    op.drop_index("ix_outbox_uncounted", "outbox")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("counted")
    op.drop_table("statistics_customers")
    op.drop_table("statistics")
