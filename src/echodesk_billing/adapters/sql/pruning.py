"""Deletion of obsolete data, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Select,
    Table,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
)

from echodesk_billing.adapters.sql.answers import answers
from echodesk_billing.adapters.sql.inbox import REFUSED, inbox
from echodesk_billing.adapters.sql.mails import mails
from echodesk_billing.adapters.sql.orders import order_steps, orders
from echodesk_billing.adapters.sql.outbox import outbox
from echodesk_billing.adapters.sql.partitions import drop_months, make_months
from echodesk_billing.adapters.sql.registrations import registrations, to_registration
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.tokens import tokens
from echodesk_billing.adapters.sql.webhooks import deliveries
from echodesk_billing.domain.customers.registration import Registration, RegistrationState
from echodesk_billing.domain.orders.lifecycle import OrderState


class SqlPruning:
    """Deletes obsolete data, a bounded number of rows at a time, each by an index."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def answers(self, before: datetime, limit: int) -> int:
        """By the index on created_at."""
        table = answers
        old = select(table.c.owner, table.c.key).where(table.c.created_at < before).order_by(table.c.created_at)
        return self._delete(table, old.limit(limit))

    def refused_callbacks(self, before: datetime, limit: int) -> int:
        """By the partial index ix_inbox_refused."""
        table = inbox
        old = select(table.c.digest, table.c.outcome).where(REFUSED, table.c.at < before).order_by(table.c.at)
        return self._delete(table, old.limit(limit))

    def tokens(self, before: datetime, limit: int) -> int:
        """By the partial indexes ix_tokens_expires and ix_tokens_revoked."""
        table = tokens
        return sum(
            self._delete(table, select(table.c.digest).where(column < before).order_by(column).limit(limit))
            for column in (table.c.expires_at, table.c.revoked_at)
        )

    def mails(self, before: datetime, limit: int) -> int:
        """By the partial index ix_mails_ended."""
        old = select(mails.c.id).where(mails.c.due_at.is_(None), mails.c.created_at < before)
        return self._delete(mails, old.order_by(mails.c.created_at).limit(limit))

    def deliveries(self, before: datetime, limit: int) -> int:
        """By the partial index ix_webhook_deliveries_ended."""
        old = select(deliveries.c.number).where(deliveries.c.ended_at < before)
        return self._delete(deliveries, old.order_by(deliveries.c.ended_at).limit(limit))

    def events(self, before: datetime, limit: int, *, are_delivered: bool) -> int:
        """By the primary key: ids begin with milliseconds."""
        newer = outbox.alias("newer")
        is_newest = ~exists().where(newer.c.tenant_id == outbox.c.tenant_id, newer.c.position > outbox.c.position)
        last_counted = select(func.max(outbox.c.counted)).scalar_subquery()
        old = (
            select(outbox.c.id)
            .where(outbox.c.id < f"{int(before.timestamp() * 1000):012x}", outbox.c.announced)
            .where(outbox.c.counted < last_counted)
            .where(or_(outbox.c.position.is_(None), ~is_newest))
        )
        if are_delivered:
            old = old.where(outbox.c.delivered_at.is_not(None))
        return self._delete(outbox, old.order_by(outbox.c.id).limit(limit))

    def steps(self, before: datetime, limit: int) -> int:
        """On PostgreSQL by dropping partitions; on SQLite by the primary key, as ids grow with time."""
        if self._session.is_postgres:
            return drop_months(self._session, order_steps.name, before)
        first = select(order_steps).order_by(order_steps.c.id).limit(limit).subquery()
        unsettled = or_(
            orders.c.state.in_([OrderState.CREATED, OrderState.PROCESSING, OrderState.BLOCKED]),
            orders.c.check_at.is_not(None),
            orders.c.needs_attention,
        )
        is_unsettled = exists().where(orders.c.id == first.c.order_id, unsettled)
        ids = list(self._session.execute(select(first.c.id).where(first.c.at < before, ~is_unsettled)).scalars())
        return self._session.execute(delete(order_steps).where(order_steps.c.id.in_(ids))).rowcount if ids else 0

    def make_partitions(self, now: datetime) -> None:
        """Only on PostgreSQL."""
        if self._session.is_postgres:
            make_months(self._session, now)

    def unpaid_registrations(self, before: datetime, after: datetime, limit: int) -> Sequence[Registration]:
        """By the partial index ix_registrations_pending."""
        table = registrations
        query = (
            select(table)
            .join(orders, orders.c.id == table.c.order_id)
            .where(table.c.state == RegistrationState.PENDING.value)
            .where(table.c.expires_at < before, table.c.expires_at > after)
            .where(orders.c.state == OrderState.REJECTED.value, orders.c.check_at.is_(None))
            .where(orders.c.updated_at < before)  # it may have reached the bank long after it was made
            .order_by(table.c.expires_at)
            .limit(limit)
        )
        return [to_registration(row) for row in self._session.execute(query)]

    def registration(self, order_id: str) -> bool:
        """By primary keys, and ix_outbox_tenant for the events."""
        rejected = (orders.c.id == order_id, orders.c.state == OrderState.REJECTED.value, orders.c.check_at.is_(None))
        tenant_id = self._session.execute(delete(orders).where(*rejected).returning(orders.c.tenant_id)).scalar()
        if tenant_id is None:
            return False
        named = outbox.c.body.contains(f'"order_id":"{order_id}"', autoescape=True)
        self._session.execute(delete(outbox).where(outbox.c.tenant_id == tenant_id, named))
        for owned in (order_steps, inbox, registrations):
            self._session.execute(delete(owned).where(owned.c.order_id == order_id))
        return True

    def _delete(self, table: Table, keys: Select[Any]) -> int:
        """Delete the rows that `keys` selects by their primary key."""
        key = tuple_(*table.primary_key.columns)
        return self._session.execute(delete(table).where(key.in_(keys))).rowcount
