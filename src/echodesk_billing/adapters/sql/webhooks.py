"""Webhook endpoints, their deliveries, and the lanes in which they go out: tables, mapping and queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Integer, Row, String, Table, Text, func, select, text, update

from echodesk_billing.adapters.sql.schema import Serial, UtcDateTime, Values, document, metadata, value
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.domain.notifications.webhook import Delivery, DeliveryState, Endpoint, Secret, Try

endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("tenant_id", String(63), nullable=False),
    Column("url", String(500), nullable=False),
    Column("event_types", Text, nullable=False),
    Column("secrets", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("by", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("failing_since", UtcDateTime),
    Column("failures", Integer, nullable=False),
    Column("disabled_at", UtcDateTime),
    Column("version", Integer, nullable=False),
)

Index("ix_webhook_endpoints_tenant", endpoints.c.tenant_id, endpoints.c.id)

deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("endpoint_id", String(48), nullable=False),
    Column("lane", String(63), nullable=False),
    Column("message_id", String(48), nullable=False),
    Column("type", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("tries", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)

_WAITING = text("state = 'waiting'")
_ENDED = text("ended_at IS NOT NULL")

Index(
    "ix_webhook_deliveries_waiting",
    deliveries.c.endpoint_id,
    deliveries.c.lane,
    deliveries.c.number,
    postgresql_where=_WAITING,
    sqlite_where=_WAITING,
)

Index("ix_webhook_deliveries_endpoint", deliveries.c.endpoint_id, deliveries.c.number)

Index("ix_webhook_deliveries_ended", deliveries.c.ended_at, postgresql_where=_ENDED, sqlite_where=_ENDED)

lanes = Table(
    "webhook_lanes",
    metadata,
    Column("endpoint_id", String(48), primary_key=True),
    Column("lane", String(63), primary_key=True),
    Column("due_at", UtcDateTime),
)

_DUE = text("due_at IS NOT NULL")

Index("ix_webhook_lanes_due", lanes.c.due_at, lanes.c.endpoint_id, postgresql_where=_DUE, sqlite_where=_DUE)

Index("ix_webhook_lanes_of_endpoint", lanes.c.endpoint_id, lanes.c.due_at, postgresql_where=_DUE, sqlite_where=_DUE)


def endpoint_values(endpoint: Endpoint) -> Values:
    """The columns of an endpoint."""
    return {
        "id": endpoint.id,
        "tenant_id": endpoint.tenant_id,
        "url": endpoint.url,
        "event_types": document(endpoint.event_types),
        "secrets": document(endpoint.secrets),
        "created_at": endpoint.created_at,
        "by": endpoint.by,
        "reason": endpoint.reason,
        "failing_since": endpoint.failing_since,
        "failures": endpoint.failures,
        "disabled_at": endpoint.disabled_at,
        "version": endpoint.version,
    }


def to_endpoint(row: Row[Any]) -> Endpoint:
    """An endpoint from its row."""
    return Endpoint(
        id=row.id,
        tenant_id=row.tenant_id,
        url=row.url,
        event_types=value(row.event_types, tuple[str, ...]),
        secrets=value(row.secrets, tuple[Secret, ...]),
        created_at=row.created_at,
        by=row.by,
        reason=row.reason,
        failing_since=row.failing_since,
        failures=row.failures,
        disabled_at=row.disabled_at,
        version=row.version,
    )


def delivery_values(delivery: Delivery) -> Values:
    """The columns of a delivery but its number, which the database gives."""
    return {
        "endpoint_id": delivery.endpoint_id,
        "lane": delivery.lane,
        "message_id": delivery.message_id,
        "type": delivery.type,
        "body": delivery.body,
        "state": delivery.state.value,
        "tries": document(delivery.tries),
        "created_at": delivery.created_at,
        "ended_at": delivery.ended_at,
    }


def to_delivery(row: Row[Any]) -> Delivery:
    """A delivery from its row."""
    return Delivery(
        number=row.number,
        endpoint_id=row.endpoint_id,
        lane=row.lane,
        message_id=row.message_id,
        type=row.type,
        body=row.body,
        state=DeliveryState(row.state),
        tries=value(row.tries, tuple[Try, ...]),
        created_at=row.created_at,
        ended_at=row.ended_at,
    )


class SqlWebhooks:
    """Webhook endpoints, their deliveries, and the lanes in which they go out."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, endpoint: Endpoint) -> None:
        """Insert."""
        self._session.insert(endpoints, [endpoint_values(endpoint)])

    def get(self, endpoint_id: str, tenant_id: str | None, *, locked: bool = False) -> Endpoint | None:
        """By primary key."""
        query = select(endpoints).where(endpoints.c.id == endpoint_id)
        if tenant_id is not None:
            query = query.where(endpoints.c.tenant_id == tenant_id)
        row = self._session.execute(query.with_for_update() if locked else query).first()
        return None if row is None else to_endpoint(row)

    def lock(self, endpoint_id: str, tenant_id: str | None) -> Endpoint | None:
        """By primary key; the row is locked."""
        return self.get(endpoint_id, tenant_id, locked=True)

    def save(self, endpoint: Endpoint) -> None:
        """Update by primary key; its version must be unchanged since it was loaded."""
        endpoint.version += 1
        self._session.update(endpoints, endpoint_values(endpoint))

    def listed(self, tenant_id: str | None, after: str, limit: int) -> Sequence[Endpoint]:
        """By primary key, or by ix_webhook_endpoints_tenant."""
        query = select(endpoints).where(endpoints.c.id > after).order_by(endpoints.c.id).limit(limit)
        if tenant_id is not None:
            query = query.where(endpoints.c.tenant_id == tenant_id)
        return [to_endpoint(row) for row in self._session.execute(query)]

    def of_tenants(self, tenants: Sequence[str]) -> Sequence[Endpoint]:
        """By ix_webhook_endpoints_tenant."""
        chosen = endpoints.c.tenant_id.in_(["", *tenants])
        query = select(endpoints).where(chosen, endpoints.c.disabled_at.is_(None)).order_by(endpoints.c.id)
        return [to_endpoint(row) for row in self._session.execute(query)]

    def send(self, new: Sequence[Delivery], now: datetime) -> None:
        """Insert the deliveries, and upsert their lanes by primary key: one that waits keeps its moment."""
        self._session.insert(deliveries, [delivery_values(one) for one in new])
        for endpoint_id, lane in dict.fromkeys((one.endpoint_id, one.lane) for one in new):
            row = self._session.upsert(lanes).values(endpoint_id=endpoint_id, lane=lane, due_at=now)
            due_at = func.coalesce(lanes.c.due_at, row.excluded.due_at)
            keys = [lanes.c.endpoint_id, lanes.c.lane]
            self._session.execute(row.on_conflict_do_update(index_elements=keys, set_={"due_at": due_at}))

    def busy(self, now: datetime, limit: int) -> Sequence[str]:
        """By the partial index ix_webhook_lanes_due."""
        enabled = select(endpoints.c.id).where(endpoints.c.disabled_at.is_(None))
        query = select(lanes.c.endpoint_id).where(lanes.c.due_at <= now, lanes.c.endpoint_id.in_(enabled)).distinct()
        return list(self._session.execute(query.limit(limit)).scalars())

    def claim(self, endpoint_id: str, now: datetime, until: datetime, limit: int) -> Sequence[str]:
        """By the partial index ix_webhook_lanes_of_endpoint, skipping rows locked by others."""
        mine = (lanes.c.endpoint_id == endpoint_id, lanes.c.due_at <= now)
        chosen = select(lanes.c.lane).where(*mine).order_by(lanes.c.due_at).limit(limit)
        claimed = list(self._session.execute(chosen.with_for_update(skip_locked=True)).scalars())
        if claimed:
            taken = (lanes.c.endpoint_id == endpoint_id, lanes.c.lane.in_(claimed))
            self._session.execute(update(lanes).where(*taken).values(due_at=until))
        return claimed

    def head(self, endpoint_id: str, lane: str) -> Delivery | None:
        """By the partial index ix_webhook_deliveries_waiting."""
        mine = (deliveries.c.endpoint_id == endpoint_id, deliveries.c.lane == lane, deliveries.c.state == "waiting")
        row = self._session.execute(select(deliveries).where(*mine).order_by(deliveries.c.number).limit(1)).first()
        return None if row is None else to_delivery(row)

    def lock_lane(self, endpoint_id: str, lane: str) -> None:
        """By primary key."""
        mine = (lanes.c.endpoint_id == endpoint_id, lanes.c.lane == lane)
        self._session.execute(select(lanes).where(*mine).with_for_update())

    def keep(self, delivery: Delivery) -> None:
        """By primary key."""
        changed = {"state": delivery.state.value, "tries": document(delivery.tries), "ended_at": delivery.ended_at}
        self._session.execute(update(deliveries).where(deliveries.c.number == delivery.number).values(changed))

    def schedule(self, endpoint_id: str, lane: str, due_at: datetime | None) -> None:
        """By primary key."""
        mine = (lanes.c.endpoint_id == endpoint_id, lanes.c.lane == lane)
        self._session.execute(update(lanes).where(*mine).values(due_at=due_at))

    def deliveries(self, endpoint_id: str, limit: int, before: int) -> Sequence[Delivery]:
        """By ix_webhook_deliveries_endpoint."""
        query = select(deliveries).where(deliveries.c.endpoint_id == endpoint_id)
        if before:
            query = query.where(deliveries.c.number < before)
        query = query.order_by(deliveries.c.number.desc()).limit(limit)
        return [to_delivery(row) for row in self._session.execute(query)]

    def waiting_since(self) -> datetime | None:
        """By the partial index ix_webhook_lanes_due."""
        enabled = select(endpoints.c.id).where(endpoints.c.disabled_at.is_(None))
        query = select(lanes.c.due_at).where(lanes.c.due_at.is_not(None), lanes.c.endpoint_id.in_(enabled))
        return self._session.execute(query.order_by(lanes.c.due_at).limit(1)).scalar()
