"""What renewals need: when something is due, how often a charge failed, registrations."""

import sqlalchemy as sa
from alembic import op

from echodesk_billing.adapters.sql.schema import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registrations",
        sa.Column("order_id", sa.String(length=25), nullable=False),
        sa.Column("schema_name", sa.String(length=63), nullable=False),
        sa.Column("applicant", sa.Text(), nullable=False),
        sa.Column("sealed_payload", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_registrations")),
    )
    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_registrations_schema_name"), ["schema_name"], unique=False)
        batch_op.create_index(
            "ix_registrations_sealed",
            ["created_at"],
            unique=False,
            postgresql_where=sa.text("sealed_payload IS NOT NULL"),
            sqlite_where=sa.text("sealed_payload IS NOT NULL"),
        )

    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.add_column(sa.Column("remind_at", UtcDateTime(), nullable=True))
        batch_op.create_index(
            "ix_cards_remind",
            ["remind_at"],
            unique=False,
            postgresql_where=sa.text("remind_at IS NOT NULL AND state = 'active'"),
            sqlite_where=sa.text("remind_at IS NOT NULL AND state = 'active'"),
        )

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ask", sa.Text(), nullable=True))
        batch_op.create_index("ix_orders_updated", ["updated_at"], unique=False)

    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.create_index("ix_journal_tenant", ["tenant_id", "id"], unique=False)

    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tenant_name", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("grace_seconds", sa.Integer(), server_default="604800", nullable=False))
        batch_op.add_column(sa.Column("changes", sa.Text(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("started_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("trial_ends_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("charged_period", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("asked_period", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("first_failed_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("retry_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("tended_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("due_at", UtcDateTime(), nullable=True))
        batch_op.create_index(
            "ix_subscriptions_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("due_at IS NOT NULL"),
            sqlite_where=sa.text("due_at IS NOT NULL"),
        )

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("position", sa.BigInteger(), nullable=True))
        batch_op.create_index("uq_outbox_tenant_position", ["tenant_id", "position"], unique=True)

    # subscriptions that ran before are looked at once, which plans what they need next
    op.execute(
        "UPDATE subscriptions SET due_at = anchor, started_at = anchor "
        "WHERE anchor IS NOT NULL AND state IN ('active', 'cancelled')"
    )


def downgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("uq_outbox_tenant_position")
        batch_op.drop_column("position")

    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_subscriptions_due",
            postgresql_where=sa.text("due_at IS NOT NULL"),
            sqlite_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.drop_column("due_at")
        batch_op.drop_column("tended_at")
        batch_op.drop_column("retry_at")
        batch_op.drop_column("first_failed_at")
        batch_op.drop_column("failures")
        batch_op.drop_column("asked_period")
        batch_op.drop_column("charged_period")
        batch_op.drop_column("trial_ends_at")
        batch_op.drop_column("started_at")
        batch_op.drop_column("changes")
        batch_op.drop_column("grace_seconds")
        batch_op.drop_column("tenant_name")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index("ix_orders_updated")
        batch_op.drop_column("ask")

    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.drop_index("ix_journal_tenant")

    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_cards_remind",
            postgresql_where=sa.text("remind_at IS NOT NULL AND state = 'active'"),
            sqlite_where=sa.text("remind_at IS NOT NULL AND state = 'active'"),
        )
        batch_op.drop_column("remind_at")

    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_registrations_sealed",
            postgresql_where=sa.text("sealed_payload IS NOT NULL"),
            sqlite_where=sa.text("sealed_payload IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_registrations_schema_name"))

    op.drop_table("registrations")
