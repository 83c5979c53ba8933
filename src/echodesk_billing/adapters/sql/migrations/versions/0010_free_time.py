"""Pauses and complimentary plans of subscriptions."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("pause", sa.Text()))
    op.add_column("subscriptions", sa.Column("complimentary", sa.Text()))


def downgrade() -> None:
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_column("complimentary")
        batch_op.drop_column("pause")
