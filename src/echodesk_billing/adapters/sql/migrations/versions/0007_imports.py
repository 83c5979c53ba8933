"""What an import from another billing system keeps: when a customer was imported, and the numbers of old invoices."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("imported_at", sa.DateTime(timezone=True), nullable=True))
    for name in ("external_number", "external_url"):
        op.add_column("invoices", sa.Column(name, sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.drop_column("external_url")
        batch_op.drop_column("external_number")
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.drop_column("imported_at")
