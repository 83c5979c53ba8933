"""What keeps repeated requests, cards, sessions and feeds safe, and what lets old rows be found and deleted."""

import sqlalchemy as sa
from alembic import op

from echodesk_billing.adapters.sql.schema import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


_INDEXES = {
    "tokens": ("ix_tokens_expires", "ix_tokens_revoked"),
    "registrations": ("ix_registrations_pending",),
    "cards": ("ix_cards_forgetting", "ix_cards_parent"),
    "subscriptions": ("ix_subscriptions_never_due",),
}


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))


def upgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("resolved", sa.Text(), server_default="[]", nullable=False))
    with op.batch_alter_table("order_steps", schema=None) as batch_op:
        batch_op.add_column(sa.Column("by", sa.Text(), server_default="", nullable=False))
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("paid", sa.Text(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("grace_used_seconds", sa.Integer(), server_default="0", nullable=False))
    _index(
        "ix_subscriptions_never_due",
        "subscriptions",
        ["tenant_id"],
        "due_at IS NULL AND state IN ('trialing', 'active', 'past_due', 'cancelled')",
    )

    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.drop_index("ix_cards_forgetting")
        batch_op.add_column(sa.Column("chosen_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("forgotten_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("removed_as_default", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("forget_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
        batch_op.create_index("ix_cards_parent", ["bank_order_id"], unique=False)
    _index("ix_cards_forgetting", "cards", ["forget_at"], "state = 'forgetting'")
    # A card saved by a pre-authorisation can only be charged with money that is held: it is deleted at the bank.
    op.execute(
        "UPDATE cards SET state = 'forgetting', is_default = false WHERE state = 'active' AND kind = 'automatic' "
        'AND order_id IN (SELECT id FROM orders WHERE request LIKE \'%"capture":"manual"%\')'
    )
    op.execute("UPDATE cards SET forget_at = saved_at WHERE state = 'forgetting'")

    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    _index("ix_registrations_pending", "registrations", ["expires_at"], "state = 'pending'")
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("buyer", sa.Text(), server_default="", nullable=False))
    _index("ix_inbox_refused", "inbox", ["at"], "outcome NOT IN ('applied')")
    _index("ix_outbox_unnumbered", "outbox", ["tenant_id", "id"], "position IS NULL")
    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parent", sa.String(length=64), nullable=True))
    _index("ix_tokens_expires", "tokens", ["expires_at"], "expires_at IS NOT NULL")
    _index("ix_tokens_revoked", "tokens", ["revoked_at"], "revoked_at IS NOT NULL")
    with op.batch_alter_table("answers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("identity", sa.String(length=36), server_default="", nullable=False))
        batch_op.add_column(sa.Column("claimed_at", UtcDateTime(), nullable=True))
    op.execute("DELETE FROM answers WHERE status = 0")
    # Charges that a cancellation overtook and that were refunded keep no period from being charged.
    op.execute(
        "UPDATE orders SET period = NULL WHERE purpose = 'REN' "
        "AND refunds LIKE '%the subscription was cancelled before this charge went through%'"
    )
    op.execute(
        "UPDATE subscriptions SET due_at = anchor, charged_period = NULL "
        "WHERE due_at IS NULL AND state IN ('trialing', 'active', 'past_due', 'cancelled')"
    )


def downgrade() -> None:
    for table, columns in (
        ("answers", ("identity", "claimed_at")),
        ("tokens", ("parent",)),
        ("invoices", ("buyer",)),
        ("registrations", ("version",)),
        ("cards", ("chosen_at", "forgotten_at", "removed_as_default", "forget_at", "version")),
        ("subscriptions", ("paid", "grace_used_seconds")),
        ("order_steps", ("by",)),
        ("orders", ("resolved",)),
    ):
        for index in _INDEXES.get(table, ()):
            op.drop_index(index, table_name=table)
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.drop_column(column)
    op.drop_index("ix_inbox_refused", table_name="inbox")
    op.drop_index("ix_outbox_unnumbered", table_name="outbox")
    _index("ix_cards_forgetting", "cards", ["id"], "state = 'forgetting'")
