"""What the console lists and searches by, and counts per day."""

import sqlalchemy as sa
from alembic import op

from echodesk_billing.adapters.sql.migrations.online import create_index, drop_index, is_postgres

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

COLLATE_C = ' COLLATE "C"'


def _as_bytes(expression: str) -> sa.TextClause:
    """An expression compared byte by byte, so that an index finds what begins with a text."""
    return sa.text(expression + (COLLATE_C if is_postgres() else ""))


def upgrade() -> None:
    op.add_column("outbox", sa.Column("actor", sa.String(200), nullable=False, server_default=""))
    if is_postgres():  # only the catalogue of the database changes, no row
        op.alter_column("statistics", "month", type_=sa.String(10), existing_type=sa.String(7), existing_nullable=False)
    else:
        with op.batch_alter_table("statistics") as table:
            table.alter_column("month", type_=sa.String(10), existing_type=sa.String(7), existing_nullable=False)
    create_index("ix_outbox_acts", "outbox", ["id"], "actor <> ''")
    create_index("ix_outbox_actor", "outbox", ["actor", "id"], "actor <> ''")
    create_index("ix_orders_state", "orders", ["state", "created_at", "id"])
    create_index("ix_customers_name", "customers", [_as_bytes("lower(name)")])
    create_index("ix_customers_id", "customers", [_as_bytes("tenant_id")])


def downgrade() -> None:
    drop_index("ix_customers_id", "customers")
    drop_index("ix_customers_name", "customers")
    drop_index("ix_orders_state", "orders")
    drop_index("ix_outbox_actor", "outbox")
    drop_index("ix_outbox_acts", "outbox")
    with op.batch_alter_table("outbox") as table:
        table.drop_column("actor")
