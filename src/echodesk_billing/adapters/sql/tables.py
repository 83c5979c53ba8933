"""The tables. Amounts are counts of minor units in 64 bits; moments are UTC; documents are JSON text."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware moments in UTC, on databases with and without time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments; SQLite keeps the UTC wall time."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give the zone back."""
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Serial = BigInteger().with_variant(Integer, "sqlite")

orders = Table(
    "orders",
    metadata,
    Column("id", String(25), primary_key=True),
    Column("idempotency_key", String(36), nullable=False, unique=True),
    Column("tenant_id", String(63), nullable=False),
    Column("purpose", String(4), nullable=False),
    Column("period", Integer),
    Column("state", String(20), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("captured_minor", BigInteger),
    Column("bank_order_id", String(64), unique=True),
    Column("payment_url", Text),
    Column("response_code", String(16)),
    Column("reject_reason", Text),
    Column("plan", Text),
    Column("request", Text, nullable=False),
    Column("refunds", Text, nullable=False),
    Column("attention", Text, nullable=False),
    Column("needs_attention", Boolean, nullable=False),
    Column("resolved", Text, nullable=False, server_default="[]"),
    Column("saves_card", Boolean),
    Column("ask", Text),
    Column("check_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
)
Index("ix_orders_tenant_created", orders.c.tenant_id, orders.c.created_at)
Index("ix_orders_created", orders.c.created_at)
Index("ix_orders_updated", orders.c.updated_at)
Index(
    "ix_orders_check_due",
    orders.c.check_at,
    postgresql_where=text("check_at IS NOT NULL"),
    sqlite_where=text("check_at IS NOT NULL"),
)
Index(
    "ix_orders_attention",
    orders.c.created_at,
    postgresql_where=text("needs_attention"),
    sqlite_where=text("needs_attention"),
)

_OPEN_RENEWAL = text("purpose = 'REN' AND state <> 'rejected'")
Index(
    "uq_orders_renewal_period",
    orders.c.tenant_id,
    orders.c.period,
    unique=True,
    postgresql_where=_OPEN_RENEWAL,
    sqlite_where=_OPEN_RENEWAL,
)

order_steps = Table(
    "order_steps",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("order_id", String(25), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("event", String(32), nullable=False),
    Column("source", String(16), nullable=False),
    Column("before", String(20), nullable=False),
    Column("after", String(20), nullable=False),
    Column("detail", Text, nullable=False),
    Column("by", Text, nullable=False, server_default=""),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("tenant_id", String(63), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("plan", Text),
    Column("time_zone", String(64), nullable=False),
    Column("anchor", UtcDateTime),
    Column("anchor_period", Integer, nullable=False),
    Column("next_period", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("tenant_name", Text, nullable=False, server_default=""),
    Column("grace_seconds", Integer, nullable=False, server_default=str(7 * 24 * 3600)),
    Column("changes", Text, nullable=False, server_default="[]"),
    Column("started_at", UtcDateTime),
    Column("trial_ends_at", UtcDateTime),
    Column("charged_period", Integer),
    Column("asked_period", Integer),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("first_failed_at", UtcDateTime),
    Column("retry_at", UtcDateTime),
    Column("tended_at", UtcDateTime),
    Column("due_at", UtcDateTime),
    Column("paid", Text, nullable=False, server_default="[]"),
    Column("grace_used_seconds", Integer, nullable=False, server_default="0"),
)
_DUE = text("due_at IS NOT NULL")
Index("ix_subscriptions_due", subscriptions.c.due_at, postgresql_where=_DUE, sqlite_where=_DUE)
NEVER_DUE = text("due_at IS NULL AND state IN ('trialing', 'active', 'past_due', 'cancelled')")
Index(
    "ix_subscriptions_never_due",
    subscriptions.c.tenant_id,
    postgresql_where=NEVER_DUE,
    sqlite_where=NEVER_DUE,
)

cards = Table(
    "cards",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("tenant_id", String(63), nullable=False, index=True),
    Column("order_id", String(25), nullable=False, unique=True),
    Column("bank_order_id", String(64), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("mandate_minor", BigInteger, nullable=False),
    Column("masked_number", String(32), nullable=False),
    Column("brand", String(16), nullable=False),
    Column("expiry", String(8), nullable=False),
    Column("saved_at", UtcDateTime, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("remind_at", UtcDateTime),
    Column("chosen_at", UtcDateTime),
    Column("forgotten_at", UtcDateTime),
    Column("removed_as_default", Boolean, nullable=False, server_default=false()),
    Column("forget_at", UtcDateTime),
    Column("version", Integer, nullable=False, server_default="1"),
)
Index("ix_cards_parent", cards.c.bank_order_id)
_REMIND = text("remind_at IS NOT NULL AND state = 'active'")
Index("ix_cards_remind", cards.c.remind_at, postgresql_where=_REMIND, sqlite_where=_REMIND)
_FORGETTING = text("state = 'forgetting'")
Index("ix_cards_forgetting", cards.c.forget_at, postgresql_where=_FORGETTING, sqlite_where=_FORGETTING)

registrations = Table(
    "registrations",
    metadata,
    Column("order_id", String(25), primary_key=True),
    Column("schema_name", String(63), nullable=False, index=True),
    Column("applicant", Text, nullable=False),
    Column("sealed_payload", LargeBinary),
    Column("state", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
)
_PENDING = text("state = 'pending'")
Index("ix_registrations_pending", registrations.c.expires_at, postgresql_where=_PENDING, sqlite_where=_PENDING)
_SEALED = text("sealed_payload IS NOT NULL")
Index("ix_registrations_sealed", registrations.c.created_at, postgresql_where=_SEALED, sqlite_where=_SEALED)

journal = Table(
    "journal",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("tenant_id", String(63), nullable=False),
    Column("order_id", String(25), nullable=False, index=True),
    Column("debit", String(80), nullable=False),
    Column("credit", String(80), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

Index("ix_journal_tenant", journal.c.tenant_id, journal.c.id)

serials = Table(
    "serials",
    metadata,
    Column("series", String(16), primary_key=True),
    Column("last", Integer, nullable=False),
)

invoices = Table(
    "invoices",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("series", String(16), nullable=False),
    Column("serial", Integer, nullable=False),
    Column("tenant_id", String(63), nullable=False),
    Column("order_id", String(25), nullable=False, unique=True),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("package_name", Text, nullable=False),
    Column("seats", Integer, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("buyer", Text, nullable=False, server_default=""),
    UniqueConstraint("series", "serial"),
)
Index("ix_invoices_tenant", invoices.c.tenant_id, invoices.c.id)

catalogues = Table(
    "catalogues",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("loaded_by", Text, nullable=False, server_default=""),
)

inbox = Table(
    "inbox",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("verdict", String(16), nullable=False),
    Column("order_id", String(25), index=True),
    Column("at", UtcDateTime, nullable=False),
)
REFUSED = text("outcome NOT IN ('applied')")
Index("ix_inbox_refused", inbox.c.at, postgresql_where=REFUSED, sqlite_where=REFUSED)

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("tenant_id", String(63), nullable=False),
    Column("type", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("delivered_at", UtcDateTime),
    Column("retry_at", UtcDateTime),
    Column("position", BigInteger),
)
Index("ix_outbox_tenant", outbox.c.tenant_id, outbox.c.id)
Index("uq_outbox_tenant_position", outbox.c.tenant_id, outbox.c.position, unique=True)
_UNNUMBERED = text("position IS NULL")
Index(
    "ix_outbox_unnumbered",
    outbox.c.tenant_id,
    outbox.c.id,
    postgresql_where=_UNNUMBERED,
    sqlite_where=_UNNUMBERED,
)
Index(
    "ix_outbox_pending",
    outbox.c.id,
    postgresql_where=text("delivered_at IS NULL"),
    sqlite_where=text("delivered_at IS NULL"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("prefix", String(16), nullable=False, index=True),
    Column("tenant_id", String(63), nullable=False, index=True),
    Column("principal", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("parent", String(64)),
    Column("issued_by", Text, nullable=False, server_default=""),
    Column("revoked_by", Text, nullable=False, server_default=""),
)
_ENDS = text("expires_at IS NOT NULL")
Index("ix_tokens_expires", tokens.c.expires_at, postgresql_where=_ENDS, sqlite_where=_ENDS)
_REVOKED = text("revoked_at IS NOT NULL")
Index("ix_tokens_revoked", tokens.c.revoked_at, postgresql_where=_REVOKED, sqlite_where=_REVOKED)

answers = Table(
    "answers",
    metadata,
    Column("owner", String(255), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("identity", String(36), nullable=False, server_default=""),
    Column("request_digest", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("claimed_at", UtcDateTime),
    Column("status", Integer, nullable=False),
    Column("content_type", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
)
