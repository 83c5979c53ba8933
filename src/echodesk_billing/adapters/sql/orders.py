"""Orders with their history: table, mapping and queries."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
    tuple_,
)

from echodesk_billing.adapters.sql.customers import customers
from echodesk_billing.adapters.sql.schema import Serial, UtcDateTime, Values, document, metadata, value
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.statement import Locking, Statement
from echodesk_billing.adapters.sql.subscriptions import subscriptions
from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import PaymentRequest
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.refund import Refund

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

Index("ix_orders_state", orders.c.state, orders.c.created_at, orders.c.id)

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

_CHARGES = text("purpose = 'REN' AND state <> 'rejected'")

Index(
    "uq_orders_renewal_period",
    orders.c.tenant_id,
    orders.c.period,
    unique=True,
    postgresql_where=_CHARGES,
    sqlite_where=_CHARGES,
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


def order_values(order: Order) -> Values:
    """The columns of an order."""
    return {
        "id": order.id,
        "idempotency_key": order.idempotency_key,
        "tenant_id": order.tenant_id,
        "purpose": order.purpose.value,
        "period": order.period,
        "state": order.state.value,
        "currency": order.amount.currency.value,
        "amount_minor": order.amount.minor,
        "captured_minor": order.captured.minor if order.captured else None,
        "bank_order_id": order.bank_order_id,
        "payment_url": order.payment_url,
        "response_code": order.response_code,
        "reject_reason": order.reject_reason,
        "plan": document(order.plan) if order.plan else None,
        "request": document(order.request),
        "refunds": document(order.refunds),
        "attention": document(order.attention),
        "needs_attention": bool(order.attention),
        "resolved": document(order.resolved),
        "saves_card": order.saves_card,
        "ask": order.action_reason,
        "check_at": order.check_at,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "version": order.version,
    }


def to_order(row: Row[Any]) -> Order:
    """An order from its row; its history is not loaded."""
    currency = Currency(row.currency)
    return Order(
        id=row.id,
        idempotency_key=row.idempotency_key,
        tenant_id=row.tenant_id,
        purpose=Purpose(row.purpose),
        period=row.period,
        state=OrderState(row.state),
        amount=Money.from_minor(row.amount_minor, currency),
        captured=None if row.captured_minor is None else Money.from_minor(row.captured_minor, currency),
        bank_order_id=row.bank_order_id,
        payment_url=row.payment_url,
        response_code=row.response_code,
        reject_reason=row.reject_reason,
        plan=value(row.plan, Plan) if row.plan else None,
        request=value(row.request, PaymentRequest),
        refunds=value(row.refunds, tuple[Refund, ...]),
        attention=value(row.attention, tuple[str, ...]),
        resolved=value(row.resolved, tuple[str, ...]),
        saves_card=row.saves_card,
        action_reason=row.ask,
        check_at=row.check_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.version,
    )


def step_values(order_id: str, step: Step) -> Values:
    """The columns of a step in an order's history."""
    return {
        "order_id": order_id,
        "at": step.at,
        "event": step.event,
        "source": step.source,
        "before": step.before,
        "after": step.after,
        "detail": step.detail,
        "by": step.by,
    }


def to_step(row: Row[Any]) -> Step:
    """A step from its row."""
    return Step(
        at=row.at,
        event=row.event,
        source=row.source,
        before=row.before,
        after=row.after,
        detail=row.detail,
        by=row.by,
    )


# By our id, and by the bank's: two queries, so that each uses its index whatever the database knows of the table.
_ORDER = tuple(select(orders).where(column == bindparam("id")) for column in (orders.c.id, orders.c.bank_order_id))


_GET_ORDER = tuple(Statement(query) for query in _ORDER)

_ORDER_OF_TENANT = tuple(Statement(query.where(orders.c.tenant_id == bindparam("of_tenant"))) for query in _ORDER)


def _with_subscription(query: Select[Any], *, locks: bool) -> Statement:
    """An order and its tenant's subscription, where they are locked the order first; and the customer."""
    found = (query.with_for_update() if locks else query).cte("found")
    mine = select(subscriptions).where(subscriptions.c.tenant_id == found.c.tenant_id)
    held = (mine.with_for_update() if locks else mine).lateral("held")
    buyer = customers.alias("buyer")
    columns = [column.label(f"{one.name}_{column.name}") for one in (held, buyer) for column in one.c]
    joined = found.outerjoin(held, true()).outerjoin(buyer, buyer.c.tenant_id == found.c.tenant_id)
    return Statement(select(found, *columns).select_from(joined))


_LOCK_ORDER = tuple(
    Locking(_with_subscription(query, locks=True), _with_subscription(query, locks=False)) for query in _ORDER
)


_Subscription = namedtuple("_Subscription", [column.name for column in subscriptions.c])  # type: ignore[misc]  # noqa: PYI024


_Customer = namedtuple("_Customer", [column.name for column in customers.c])  # type: ignore[misc]  # noqa: PYI024


_OPEN_RENEWAL = Statement(
    select(orders).where(
        orders.c.tenant_id == bindparam("of_tenant"),
        orders.c.period == bindparam("of_period"),
        orders.c.purpose == literal_column(f"'{Purpose.RENEWAL}'"),
        orders.c.state != literal_column(f"'{OrderState.REJECTED}'"),
    )
)


_BY_KEY = Statement(select(orders).where(orders.c.idempotency_key == bindparam("key")))


_OPEN_OF = Statement(
    select(orders)
    .where(
        orders.c.tenant_id == bindparam("of_tenant"),
        or_(orders.c.state == OrderState.CREATED.value, orders.c.state == OrderState.PROCESSING.value),
    )
    .order_by(orders.c.created_at.desc(), orders.c.id.desc())
    .limit(20)
)


class SqlOrders:
    """Orders, with their history.

    Args:
        held: subscription rows locked together with an order, by tenant.
        loaded: customer rows loaded together with an order, by tenant; None where there is none.
    """

    def __init__(self, session: Session, held: dict[str, Any], loaded: dict[str, Any]) -> None:
        self._session = session
        self._held = held
        self._loaded = loaded

    def add(self, order: Order) -> None:
        """Insert an order with its steps."""
        order.version = 1
        self._session.insert(orders, [order_values(order)])
        self._add_steps(order)

    def save(self, order: Order) -> None:
        """Update an order by its primary key; its version must be unchanged since it was loaded."""
        order.version += 1
        self._session.update(orders, order_values(order))
        self._add_steps(order)

    def _add_steps(self, order: Order) -> None:
        self._session.insert(order_steps, [step_values(order.id, step) for step in order.steps])
        order.steps.clear()

    def get(self, order_id: str, tenant_id: str | None) -> Order | None:
        """By primary key, else by the unique index on bank_order_id."""
        ids = (order_id, order_id)
        row = self._row(_GET_ORDER, ids) if tenant_id is None else self._row(_ORDER_OF_TENANT, ids, of_tenant=tenant_id)
        return None if row is None else to_order(row)

    def lock(self, external_order_id: str | None, bank_order_id: str) -> Order | None:
        """By primary key, else by the unique index on bank_order_id; the row is locked.

        On PostgreSQL the same statement also locks the order's subscription, and loads it and the customer.
        """
        ids = (external_order_id, bank_order_id)
        if not self._session.is_postgres:
            row = self._row(_GET_ORDER, ids)
            return None if row is None else to_order(row)
        found = (self._session.lock(one, id=id_) for one, id_ in zip(_LOCK_ORDER, ids, strict=True) if id_)
        row = next((row for row in found if row is not None), None)
        if row is None:
            return None
        self._keep(row)
        self._session.decided_by(orders, row.id, row.version)
        return to_order(row)

    def _keep(self, row: Any) -> None:
        """Keep what was loaded together with an order."""
        held, buyer = row[len(orders.c) : -len(customers.c)], row[-len(customers.c) :]
        if held[0] is not None:
            self._held[held[0]] = _Subscription(*held)
        self._loaded[row.tenant_id] = None if buyer[0] is None else _Customer(*buyer)

    def _row(self, statements: Sequence[Statement], ids: Sequence[str | None], **more: str) -> Any:
        found = (self._session.first(one, id=id_, **more) for one, id_ in zip(statements, ids, strict=True) if id_)
        return next((row for row in found if row is not None), None)

    def by_key(self, idempotency_key: str) -> Order | None:
        """By the unique index on idempotency_key."""
        row = self._session.first(_BY_KEY, key=idempotency_key)
        return None if row is None else to_order(row)

    def open_of(self, tenant_id: str) -> Sequence[Order]:
        """By ix_orders_tenant_created."""
        return [to_order(row) for row in self._session.all(_OPEN_OF, of_tenant=tenant_id)]

    def open_renewal(self, tenant_id: str, period: int) -> Order | None:
        """By the partial unique index uq_orders_renewal_period."""
        row = self._session.first(_OPEN_RENEWAL, of_tenant=tenant_id, of_period=period)
        return None if row is None else to_order(row)

    def due(self, now: datetime, limit: int) -> Sequence[Order]:
        """By the partial index ix_orders_check_due."""
        query = select(orders).where(orders.c.check_at <= now).order_by(orders.c.check_at).limit(limit)
        return [to_order(row) for row in self._session.execute(query)]

    def listed(
        self,
        tenant_id: str | None,
        state: OrderState | None,
        limit: int,
        *,
        before: str = "",
        attention: bool = False,
    ) -> Sequence[Order]:
        """By ix_orders_tenant_created, ix_orders_attention, ix_orders_state, or ix_orders_created for all."""
        query = select(orders)
        if before:  # its moment is looked up first: an index is found by values, not by a query inside a query
            moment = self._session.execute(select(orders.c.created_at).where(orders.c.id == before)).scalar()
            if moment is None:
                return []
            last = (literal(moment, UtcDateTime), literal(before))
            query = query.where(orders.c.created_at <= moment, tuple_(orders.c.created_at, orders.c.id) < tuple_(*last))
        if attention:
            query = query.where(orders.c.needs_attention)
        if tenant_id is not None:
            query = query.where(orders.c.tenant_id == tenant_id)
        if state is not None:
            query = query.where(orders.c.state == state.value)
        query = query.order_by(orders.c.created_at.desc(), orders.c.id.desc()).limit(limit)
        return [to_order(row) for row in self._session.execute(query)]

    def changed_between(self, start: datetime, end: datetime, after: str, limit: int) -> Sequence[Order]:
        """By ix_orders_updated."""
        query = select(orders).where(orders.c.updated_at >= start, orders.c.updated_at < end, orders.c.id > after)
        return [to_order(row) for row in self._session.execute(query.order_by(orders.c.id).limit(limit))]

    def needing_attention(self, limit: int) -> Sequence[Order]:
        """By the partial index ix_orders_attention."""
        query = select(orders).where(orders.c.needs_attention).order_by(orders.c.created_at.desc()).limit(limit)
        return [to_order(row) for row in self._session.execute(query)]

    def count_by_state(self) -> dict[str, int]:
        """Reads the whole table: for reports, not for requests."""
        query = select(orders.c.state, func.count().label("orders")).group_by(orders.c.state)
        return {row.state: row.orders for row in self._session.execute(query)}

    def history(self, order_id: str) -> Sequence[Step]:
        """By the index on order_id."""
        query = select(order_steps).where(order_steps.c.order_id == order_id).order_by(order_steps.c.id)
        return [to_step(row) for row in self._session.execute(query)]
