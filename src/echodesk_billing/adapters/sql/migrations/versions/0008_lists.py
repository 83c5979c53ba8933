"""An index for the list of subscriptions of one state."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_subscriptions_state", "subscriptions", ["state", "tenant_id"])


def downgrade() -> None:
    op.drop_index("ix_subscriptions_state", "subscriptions")
