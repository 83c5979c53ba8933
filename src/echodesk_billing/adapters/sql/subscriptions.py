"""Subscriptions: table, mapping and queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import evolve
from sqlalchemy import (
    Column,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    bindparam,
    func,
    or_,
    select,
    text,
    update,
)

from echodesk_billing.adapters.sql.schema import UtcDateTime, Values, document, metadata, value
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.statement import Locking, Statement
from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.subscriptions.dunning import Dunning
from echodesk_billing.domain.subscriptions.free_time import Complimentary, Pause
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.plans import PlanChange, Plans
from echodesk_billing.domain.subscriptions.proration import PaidPeriod
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Span, Term

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
    Column("tenant_name", Text, nullable=False, server_default=""),  # of older versions: now in customers
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
    Column("spans", Text, nullable=False, server_default="[]"),
    Column("pause", Text),
    Column("complimentary", Text),
    Column("claimed_until", UtcDateTime),
)

_DUE = text("due_at IS NOT NULL")

Index("ix_subscriptions_due", subscriptions.c.due_at, postgresql_where=_DUE, sqlite_where=_DUE)

Index("ix_subscriptions_state", subscriptions.c.state, subscriptions.c.tenant_id)

NEVER_DUE = text("due_at IS NULL AND state IN ('trialing', 'active', 'past_due', 'cancelled')")

Index(
    "ix_subscriptions_never_due",
    subscriptions.c.tenant_id,
    postgresql_where=NEVER_DUE,
    sqlite_where=NEVER_DUE,
)


def subscription_values(subscription: Subscription) -> Values:
    """The columns of a subscription."""
    return {
        "tenant_id": subscription.tenant_id,
        "state": subscription.state.value,
        "plan": document(subscription.plan) if subscription.plan else None,
        "time_zone": subscription.time_zone,
        "anchor": subscription.anchor,
        "anchor_period": subscription.term.anchor_period,
        "next_period": subscription.next_period,
        "version": subscription.version,
        "grace_seconds": int(subscription.grace.total_seconds()),
        "changes": document(subscription.changes),
        "started_at": subscription.started_at,
        "trial_ends_at": subscription.trial_ends_at,
        "charged_period": subscription.dunning.charged_period,
        "asked_period": subscription.dunning.asked_period,
        "failures": subscription.dunning.failures,
        "first_failed_at": subscription.dunning.first_failed_at,
        "retry_at": subscription.dunning.retry_at,
        "tended_at": subscription.tended_at,
        "due_at": subscription.due_at,
        "paid": document(subscription.paid),
        "grace_used_seconds": int(subscription.grace_used.total_seconds()),
        "spans": document(subscription.term.spans),
        "pause": document(subscription.pause) if subscription.pause else None,
        "complimentary": document(subscription.complimentary) if subscription.complimentary else None,
        "claimed_until": None,
    }


def to_subscription(row: Row[Any]) -> Subscription:
    """A subscription from its row."""
    return Subscription(
        tenant_id=row.tenant_id,
        state=SubscriptionState(row.state),
        term=Term(
            time_zone=row.time_zone,
            anchor=row.anchor,
            anchor_period=row.anchor_period,
            next_period=row.next_period,
            spans=value(row.spans, tuple[Span, ...]),
        ),
        grace=timedelta(seconds=row.grace_seconds),
        plans=Plans(
            plan=value(row.plan, Plan) if row.plan else None, changes=value(row.changes, tuple[PlanChange, ...])
        ),
        started_at=row.started_at,
        paid=value(row.paid, tuple[PaidPeriod, ...]),
        grace_used=timedelta(seconds=row.grace_used_seconds),
        trial_ends_at=row.trial_ends_at,
        dunning=Dunning(
            charged_period=row.charged_period,
            asked_period=row.asked_period,
            failures=row.failures,
            first_failed_at=row.first_failed_at,
            retry_at=row.retry_at,
        ),
        pause=value(row.pause, Pause) if row.pause else None,
        complimentary=value(row.complimentary, Complimentary) if row.complimentary else None,
        tended_at=row.tended_at,
        due_at=row.due_at,
        version=row.version,
    )


_OF_TENANT = select(subscriptions).where(subscriptions.c.tenant_id == bindparam("of_tenant"))

_SUBSCRIPTION = Statement(_OF_TENANT)

_LOCK_SUBSCRIPTION = Locking(Statement(_OF_TENANT.with_for_update()), _SUBSCRIPTION)


def _claim() -> Statement:
    """Choose what is due and claim it, in one statement; the rows come in any order."""
    table, now = subscriptions, bindparam("now", type_=UtcDateTime)
    is_free = or_(table.c.claimed_until.is_(None), table.c.claimed_until <= now)
    due = select(table.c.tenant_id).where(table.c.due_at <= now, is_free).order_by(table.c.due_at)
    chosen = due.limit(bindparam("most", type_=Integer)).with_for_update(skip_locked=True).cte("chosen")
    claim = update(table).where(table.c.tenant_id == chosen.c.tenant_id)
    claim = claim.values(claimed_until=bindparam("until", type_=UtcDateTime))
    return Statement(claim.returning(table.c.tenant_id, table.c.due_at))


_CLAIM = _claim()


class SqlSubscriptions:
    """Subscriptions, one per tenant.

    Args:
        held: rows locked together with an order, by tenant.
    """

    def __init__(self, session: Session, held: dict[str, Any]) -> None:
        self._session = session
        self._held = held

    def get(self, tenant_id: str) -> Subscription | None:
        """By primary key."""
        row = self._session.first(_SUBSCRIPTION, of_tenant=tenant_id)
        return None if row is None else to_subscription(row)

    def add(self, subscription: Subscription) -> None:
        """Insert, unless the tenant has one."""
        values = subscription_values(evolve(subscription, version=1))
        self._session.insert_new(subscriptions, values)

    def lock(self, tenant_id: str) -> Subscription:
        """By primary key; the row is locked. A row that was locked together with an order is reused."""
        row = self._held.pop(tenant_id, None) or self._session.lock(_LOCK_SUBSCRIPTION, of_tenant=tenant_id)
        self._session.decided_by(subscriptions, tenant_id, row.version)
        return to_subscription(row)

    def lock_or_add(self, subscription: Subscription) -> Subscription:
        """By primary key; the row is locked, and inserted where there is none."""
        row = self._session.lock(_LOCK_SUBSCRIPTION, of_tenant=subscription.tenant_id)
        if row is None:
            new = evolve(subscription, version=1)
            if self._session.insert_missing(subscriptions, subscription_values(new)):
                return new
            return self.lock(subscription.tenant_id)  # it came meanwhile
        self._session.decided_by(subscriptions, row.tenant_id, row.version)
        return to_subscription(row)

    def save(self, subscription: Subscription) -> None:
        """Update by primary key; its version must be unchanged since it was loaded."""
        subscription.version += 1
        self._session.update(subscriptions, subscription_values(subscription))

    def listed(self, after: str, state: SubscriptionState | None, limit: int) -> Sequence[Subscription]:
        """By primary key, or by ix_subscriptions_state."""
        query = select(subscriptions).where(subscriptions.c.tenant_id > after)
        if state is not None:
            query = query.where(subscriptions.c.state == state.value)
        query = query.order_by(subscriptions.c.tenant_id).limit(limit)
        return [to_subscription(row) for row in self._session.execute(query)]

    def due(self, now: datetime, limit: int) -> Sequence[Subscription]:
        """By the partial index ix_subscriptions_due."""
        due_at = subscriptions.c.due_at
        query = select(subscriptions).where(due_at <= now).order_by(due_at).limit(limit)
        return [to_subscription(row) for row in self._session.execute(query)]

    def claim_due(self, now: datetime, until: datetime, limit: int) -> Sequence[str]:
        """By the partial index ix_subscriptions_due, skipping rows claimed by others; saving one ends its claim."""
        claimed = self._session.all(_CLAIM, now=now, until=until, most=limit)
        return [row.tenant_id for row in sorted(claimed, key=lambda row: row.due_at)]

    def count_by_state(self) -> dict[str, int]:
        """Reads the whole table: for reports, not for requests."""
        state = subscriptions.c.state
        query = select(state, func.count().label("number")).group_by(state)
        return {row.state: row.number for row in self._session.execute(query)}

    def never_due(self, limit: int) -> Sequence[str]:
        """By the partial index ix_subscriptions_never_due."""
        table = subscriptions
        query = select(table.c.tenant_id).where(NEVER_DUE).order_by(table.c.tenant_id).limit(limit)
        return list(self._session.execute(query).scalars())
