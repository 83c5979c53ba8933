"""Mails, webhooks and heartbeats. Events that are already recorded are announced to nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def _moment(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _index(name: str, table: str, columns: list[str], where: str = "") -> None:
    condition = {"postgresql_where": sa.text(where), "sqlite_where": sa.text(where)} if where else {}
    op.create_index(name, table, columns, **condition)


def upgrade() -> None:
    op.add_column("outbox", sa.Column("announced", sa.Boolean(), nullable=False, server_default=sa.true()))
    if op.get_bind().dialect.name == "postgresql":  # a process of the version before may still write
        op.alter_column("outbox", "announced", server_default=sa.false())
    _index("ix_outbox_unannounced", "outbox", ["id"], "NOT announced")
    op.add_column("subscriptions", _moment("claimed_until"))
    op.create_table(
        "chores",
        sa.Column("name", sa.String(32), nullable=False),
        _moment("ran_at"),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_chores")),
    )
    op.create_table(
        "stalls",
        sa.Column("name", sa.String(32), nullable=False),
        _moment("since", nullable=False),
        _moment("announced_at", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_stalls")),
    )
    _mails()
    _webhooks()


def _mails() -> None:
    op.create_table(
        "mails",
        sa.Column("id", sa.String(96), nullable=False),
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("event_id", sa.String(48), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("doubts", sa.Integer(), nullable=False),
        _moment("due_at"),
        _moment("created_at", nullable=False),
        _moment("sent_at"),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
    )
    _index("ix_mails_due", "mails", ["due_at"], "due_at IS NOT NULL")
    _index("ix_mails_tenant", "mails", ["tenant_id", "id"])
    _index("ix_mails_state", "mails", ["state", "id"])
    _index("ix_mails_ended", "mails", ["created_at"], "due_at IS NULL")
    op.create_table(
        "mail_addresses",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("address", sa.String(200), nullable=False),
        _moment("bounced_at"),
        sa.Column("problem", sa.Text(), nullable=False),
        _moment("unsubscribed_at"),
        sa.PrimaryKeyConstraint("tenant_id", "address", name=op.f("pk_mail_addresses")),
    )


def _webhooks() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(48), nullable=False),
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("event_types", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        _moment("created_at", nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        _moment("failing_since"),
        sa.Column("failures", sa.Integer(), nullable=False),
        _moment("disabled_at"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    _index("ix_webhook_endpoints_tenant", "webhook_endpoints", ["tenant_id", "id"])
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "webhook_deliveries",
        sa.Column("number", serial, autoincrement=True, nullable=False),
        sa.Column("endpoint_id", sa.String(48), nullable=False),
        sa.Column("lane", sa.String(63), nullable=False),
        sa.Column("message_id", sa.String(48), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Text(), nullable=False),
        _moment("created_at", nullable=False),
        _moment("ended_at"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_webhook_deliveries")),
    )
    _index(
        "ix_webhook_deliveries_waiting", "webhook_deliveries", ["endpoint_id", "lane", "number"], "state = 'waiting'"
    )
    _index("ix_webhook_deliveries_endpoint", "webhook_deliveries", ["endpoint_id", "number"])
    _index("ix_webhook_deliveries_ended", "webhook_deliveries", ["ended_at"], "ended_at IS NOT NULL")
    op.create_table(
        "webhook_lanes",
        sa.Column("endpoint_id", sa.String(48), nullable=False),
        sa.Column("lane", sa.String(63), nullable=False),
        _moment("due_at"),
        sa.PrimaryKeyConstraint("endpoint_id", "lane", name=op.f("pk_webhook_lanes")),
    )
    _index("ix_webhook_lanes_due", "webhook_lanes", ["due_at", "endpoint_id"], "due_at IS NOT NULL")
    _index("ix_webhook_lanes_of_endpoint", "webhook_lanes", ["endpoint_id", "due_at"], "due_at IS NOT NULL")


def downgrade() -> None:
    for table in ("webhook_lanes", "webhook_deliveries", "webhook_endpoints", "mail_addresses", "mails"):
        op.drop_table(table)
    op.drop_table("stalls")
    op.drop_table("chores")
    op.drop_index("ix_outbox_unannounced", "outbox")
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_column("claimed_until")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("announced")
