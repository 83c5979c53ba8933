"""Everything that is remembered, within one transaction on a connection. The same on SQLite and PostgreSQL."""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import evolve
from sqlalchemy import (
    Executable,
    Select,
    Table,
    bindparam,
    case,
    delete,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from echodesk_billing.adapters.sql import rows, tables
from echodesk_billing.adapters.sql.session import ConcurrentChange, Session
from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.customers.card import Card, CardState
from echodesk_billing.domain.customers.registration import Registration, RegistrationState
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Answer, InboxEntry, StoredToken

QUEUE = "billing"
JOBS_AT_ONCE = 100  # taking a job costs a look at all that wait, so that many small ones are dear
_PUT_JOBS = text(
    "SELECT procrastinate_defer_jobs_v1(array_agg(ROW(CAST(:queue AS varchar), CAST(:task AS varchar), 0, NULL, NULL, "
    "jsonb_build_object('tenants', part), NULL)::procrastinate_job_to_defer_v1)) FROM ("
    "SELECT jsonb_agg(tenant) AS part FROM unnest(CAST(:tenants AS text[])) WITH ORDINALITY AS one(tenant, number) "
    "GROUP BY (number - 1) / :size) AS parts"
)


class SqlUnitOfWork:
    """The unit of work in one session."""

    def __init__(self, session: Session, ids: Ids) -> None:
        held: dict[str, Any] = {}
        self.orders = SqlOrders(session, held)
        self.subscriptions = SqlSubscriptions(session, held)
        self.cards = SqlCards(session)
        self.registrations = SqlRegistrations(session)
        self.books = SqlBooks(session)
        self.catalogues = SqlCatalogues(session)
        self.inbox = SqlInbox(session)
        self.outbox = SqlOutbox(session, ids)
        self.queue = SqlQueue(session)
        self.tokens = SqlTokens(session)
        self.answers = SqlAnswers(session)
        self.pruning = SqlPruning(session)


# By our id, and by the bank's: two queries, so that each uses its index whatever the database knows of the table.
_ORDER = tuple(
    select(tables.orders).where(column == bindparam("id"))
    for column in (tables.orders.c.id, tables.orders.c.bank_order_id)
)
_ORDER_OF_TENANT = tuple(query.where(tables.orders.c.tenant_id == bindparam("of_tenant")) for query in _ORDER)


def _with_subscription(query: Select[Any]) -> Select[Any]:
    """An order and its tenant's subscription, both locked, the order first."""
    found = query.with_for_update().cte("found")
    held = (
        select(tables.subscriptions)
        .where(tables.subscriptions.c.tenant_id == found.c.tenant_id)
        .with_for_update()
        .lateral("held")
    )
    columns = (column.label(f"held_{column.name}") for column in held.c)
    return select(found, *columns).select_from(found.outerjoin(held, true()))


_LOCK_ORDER = tuple(_with_subscription(query) for query in _ORDER)
_Subscription = namedtuple("_Subscription", [column.name for column in tables.subscriptions.c])  # type: ignore[misc]  # noqa: PYI024
_OPEN_RENEWAL = select(tables.orders).where(
    tables.orders.c.tenant_id == bindparam("of_tenant"),
    tables.orders.c.period == bindparam("of_period"),
    tables.orders.c.purpose == literal_column(f"'{Purpose.RENEWAL}'"),
    tables.orders.c.state != literal_column(f"'{OrderState.REJECTED}'"),
)


class SqlOrders:
    """Orders, with their history.

    Args:
        held: rows of subscriptions that were locked together with an order, by tenant.
    """

    def __init__(self, session: Session, held: dict[str, Any]) -> None:
        self._session = session
        self._held = held

    def add(self, order: Order) -> None:
        """Insert an order with the steps it has."""
        order.version = 1
        self._session.insert(tables.orders, [rows.order_values(order)])
        self._add_steps(order)

    def save(self, order: Order) -> None:
        """Update an order by its primary key; its version must be the one that was loaded."""
        order.version += 1
        self._session.update(tables.orders, rows.order_values(order))
        self._add_steps(order)

    def _add_steps(self, order: Order) -> None:
        self._session.insert(tables.order_steps, [rows.step_values(order.id, step) for step in order.steps])
        order.steps.clear()

    def get(self, order_id: str, tenant_id: str | None) -> Order | None:
        """By primary key, else by the unique index on bank_order_id."""
        ids = (order_id, order_id)
        row = self._row(_ORDER, ids) if tenant_id is None else self._row(_ORDER_OF_TENANT, ids, of_tenant=tenant_id)
        return None if row is None else rows.order(row)

    def lock(self, external_order_id: str | None, bank_order_id: str) -> Order | None:
        """By primary key, else by the unique index on bank_order_id; the row is locked.

        On PostgreSQL the same statement locks the subscription that the order is for, and holds it ready.
        """
        queries = _LOCK_ORDER if self._session.is_postgres else _ORDER
        row = self._row(queries, (external_order_id, bank_order_id))
        if row is None:
            return None
        if (held := row[len(tables.orders.c) :]) and held[0] is not None:
            self._held[held[0]] = _Subscription(*held)
        return rows.order(row)

    def _row(self, queries: Sequence[Select[Any]], ids: Sequence[str | None], **more: str) -> Any:
        found = (
            self._session.execute(one, {"id": id_, **more}).first()
            for one, id_ in zip(queries, ids, strict=True)
            if id_
        )
        return next((row for row in found if row is not None), None)

    def by_key(self, idempotency_key: str) -> Order | None:
        """By the unique index on idempotency_key."""
        query = select(tables.orders).where(tables.orders.c.idempotency_key == idempotency_key)
        row = self._session.execute(query).first()
        return None if row is None else rows.order(row)

    def open_of(self, tenant_id: str) -> Sequence[Order]:
        """By ix_orders_tenant_created."""
        query = (
            select(tables.orders)
            .where(
                tables.orders.c.tenant_id == tenant_id,
                tables.orders.c.state.in_([OrderState.CREATED, OrderState.PROCESSING]),
            )
            .order_by(tables.orders.c.created_at.desc(), tables.orders.c.id.desc())
            .limit(20)
        )
        return [rows.order(row) for row in self._session.execute(query)]

    def open_renewal(self, tenant_id: str, period: int) -> Order | None:
        """By the partial unique index uq_orders_renewal_period."""
        row = self._session.execute(_OPEN_RENEWAL, {"of_tenant": tenant_id, "of_period": period}).first()
        return None if row is None else rows.order(row)

    def due(self, now: datetime, limit: int) -> Sequence[Order]:
        """By the partial index ix_orders_check_due."""
        query = (
            select(tables.orders).where(tables.orders.c.check_at <= now).order_by(tables.orders.c.check_at).limit(limit)
        )
        return [rows.order(row) for row in self._session.execute(query)]

    def listed(self, tenant_id: str | None, state: OrderState | None, limit: int) -> Sequence[Order]:
        """By ix_orders_tenant_created, or ix_orders_created for all tenants."""
        query = select(tables.orders)
        if tenant_id is not None:
            query = query.where(tables.orders.c.tenant_id == tenant_id)
        if state is not None:
            query = query.where(tables.orders.c.state == state.value)
        query = query.order_by(tables.orders.c.created_at.desc(), tables.orders.c.id.desc()).limit(limit)
        return [rows.order(row) for row in self._session.execute(query)]

    def changed_between(self, start: datetime, end: datetime, after: str, limit: int) -> Sequence[Order]:
        """By ix_orders_updated."""
        orders = tables.orders
        query = select(orders).where(orders.c.updated_at >= start, orders.c.updated_at < end, orders.c.id > after)
        return [rows.order(row) for row in self._session.execute(query.order_by(orders.c.id).limit(limit))]

    def needing_attention(self, limit: int) -> Sequence[Order]:
        """By the partial index ix_orders_attention."""
        query = (
            select(tables.orders)
            .where(tables.orders.c.needs_attention)
            .order_by(tables.orders.c.created_at.desc())
            .limit(limit)
        )
        return [rows.order(row) for row in self._session.execute(query)]

    def count_by_state(self) -> dict[str, int]:
        """Reads the whole table: for people, not for requests."""
        query = select(tables.orders.c.state, func.count().label("orders")).group_by(tables.orders.c.state)
        return {row.state: row.orders for row in self._session.execute(query)}

    def history(self, order_id: str) -> Sequence[Step]:
        """By the index on order_id."""
        query = (
            select(tables.order_steps)
            .where(tables.order_steps.c.order_id == order_id)
            .order_by(tables.order_steps.c.id)
        )
        return [rows.step(row) for row in self._session.execute(query)]


_SUBSCRIPTION = select(tables.subscriptions).where(tables.subscriptions.c.tenant_id == bindparam("of_tenant"))
_LOCK_SUBSCRIPTION = _SUBSCRIPTION.with_for_update()


class SqlSubscriptions:
    """Subscriptions, one per tenant.

    Args:
        held: rows that were locked together with an order, by tenant.
    """

    def __init__(self, session: Session, held: dict[str, Any]) -> None:
        self._session = session
        self._held = held

    def get(self, tenant_id: str) -> Subscription | None:
        """By primary key."""
        row = self._session.execute(_SUBSCRIPTION, {"of_tenant": tenant_id}).first()
        return None if row is None else rows.subscription(row)

    def add(self, subscription: Subscription) -> None:
        """Insert, unless the tenant has one."""
        values = rows.subscription_values(evolve(subscription, version=1))
        self._session.insert_new(tables.subscriptions, values)

    def lock(self, tenant_id: str) -> Subscription:
        """By primary key; the row is locked. One that was locked together with an order is there already."""
        held = self._held.pop(tenant_id, None)
        return rows.subscription(held or self._session.execute(_LOCK_SUBSCRIPTION, {"of_tenant": tenant_id}).one())

    def save(self, subscription: Subscription) -> None:
        """Update by primary key; the version must be the one that was loaded."""
        subscription.version += 1
        self._session.update(tables.subscriptions, rows.subscription_values(subscription))

    def due(self, now: datetime, limit: int) -> Sequence[Subscription]:
        """By the partial index ix_subscriptions_due."""
        due_at = tables.subscriptions.c.due_at
        query = select(tables.subscriptions).where(due_at <= now).order_by(due_at).limit(limit)
        return [rows.subscription(row) for row in self._session.execute(query)]

    def claim_due(self, now: datetime, until: datetime, limit: int) -> Sequence[str]:
        """By the partial index ix_subscriptions_due, past rows that others are claiming."""
        table = tables.subscriptions
        chosen = select(table.c.tenant_id).where(table.c.due_at <= now).order_by(table.c.due_at).limit(limit)
        tenants = list(self._session.execute(chosen.with_for_update(skip_locked=True)).scalars())
        if tenants:
            self._session.execute(update(table).where(table.c.tenant_id.in_(tenants)).values(due_at=until))
        return tenants

    def count_by_state(self) -> dict[str, int]:
        """Reads the whole table: for people, not for requests."""
        state = tables.subscriptions.c.state
        query = select(state, func.count().label("number")).group_by(state)
        return {row.state: row.number for row in self._session.execute(query)}

    def never_due(self, limit: int) -> Sequence[str]:
        """By the partial index ix_subscriptions_never_due."""
        table = tables.subscriptions
        query = select(table.c.tenant_id).where(tables.NEVER_DUE).order_by(table.c.tenant_id).limit(limit)
        return list(self._session.execute(query).scalars())


_ACTIVE_CARDS = (
    select(tables.cards)
    .where(tables.cards.c.tenant_id == bindparam("of_tenant"), tables.cards.c.state == CardState.ACTIVE.value)
    .order_by(tables.cards.c.is_default.desc(), tables.cards.c.id.desc())
)


class SqlCards:
    """Saved cards."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, card: Card) -> Card:
        """Insert, unless the order saved one; read back by the unique index on order_id."""
        self._session.insert_new(tables.cards, rows.card_values(evolve(card, version=1)))
        stored = self.of_order(card.order_id)
        if stored is None:
            raise AssertionError(f"the card of order {card.order_id} was inserted and is gone")
        return stored

    def of_order(self, order_id: str) -> Card | None:
        """By the unique index on order_id."""
        return self._one(select(tables.cards).where(tables.cards.c.order_id == order_id))

    def of_parent(self, bank_order_id: str, tenant_id: str) -> Card | None:
        """By ix_cards_parent."""
        cards = tables.cards
        return self._one(select(cards).where(cards.c.bank_order_id == bank_order_id, cards.c.tenant_id == tenant_id))

    def last_removed_of(self, tenant_id: str) -> Card | None:
        """By the index on tenant_id."""
        cards = tables.cards
        query = select(cards).where(cards.c.tenant_id == tenant_id, cards.c.forgotten_at.is_not(None))
        return self._one(query.order_by(cards.c.forgotten_at.desc(), cards.c.id.desc()).limit(1))

    def _one(self, query: Select[Any]) -> Card | None:
        row = self._session.execute(query).first()
        return None if row is None else rows.card(row)

    def active_of(self, tenant_id: str) -> Sequence[Card]:
        """By the index on tenant_id."""
        return [rows.card(row) for row in self._session.execute(_ACTIVE_CARDS, {"of_tenant": tenant_id})]

    def lock(self, card_id: int, tenant_id: str) -> Card | None:
        """By primary key, filtered by tenant; the row is locked."""
        query = (
            select(tables.cards)
            .where(tables.cards.c.id == card_id, tables.cards.c.tenant_id == tenant_id)
            .with_for_update()
        )
        return self._one(query)

    def save(self, card: Card) -> None:
        """Update by primary key; the version must be the one that was loaded."""
        card.version += 1
        self._session.update(tables.cards, rows.card_values(card))

    def forgetting(self, now: datetime, limit: int) -> Sequence[Card]:
        """By the partial index ix_cards_forgetting."""
        cards = tables.cards
        query = (
            select(cards)
            .where(cards.c.state == CardState.FORGETTING.value, cards.c.forget_at <= now)
            .order_by(cards.c.forget_at)
            .limit(limit)
        )
        return [rows.card(row) for row in self._session.execute(query)]

    def to_remind(self, now: datetime, limit: int) -> Sequence[Card]:
        """By the partial index ix_cards_remind; the rows are locked."""
        cards = tables.cards
        query = (
            select(cards)
            .where(cards.c.state == CardState.ACTIVE.value, cards.c.remind_at <= now)
            .order_by(cards.c.remind_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [rows.card(row) for row in self._session.execute(query)]


class SqlRegistrations:
    """Registrations, one per order."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, registration: Registration) -> None:
        """Insert, unless the order has one."""
        self._session.insert_new(tables.registrations, rows.registration_values(evolve(registration, version=1)))

    def get(self, order_id: str) -> Registration | None:
        """By primary key."""
        return self._one(select(tables.registrations).where(tables.registrations.c.order_id == order_id))

    def lock(self, order_id: str) -> Registration | None:
        """By primary key; the row is locked."""
        query = select(tables.registrations).where(tables.registrations.c.order_id == order_id)
        return self._one(query.with_for_update())

    def _one(self, query: Select[Any]) -> Registration | None:
        row = self._session.execute(query).first()
        return None if row is None else rows.registration(row)

    def save(self, registration: Registration) -> None:
        """Update by primary key; the version must be the one that was loaded."""
        registration.version += 1
        table = tables.registrations
        found = (table.c.order_id == registration.order_id, table.c.version == registration.version - 1)
        values = rows.registration_values(registration)
        if self._session.execute(update(table).where(*found).values(values)).rowcount != 1:  # bytes: it cannot wait
            raise ConcurrentChange(f"the registration of {registration.order_id} was changed meanwhile")

    def lock_name(self, schema_name: str) -> None:
        """By an advisory lock, which leaves no row behind; SQLite has one writer as it is."""
        self._session.lock_name(f"registration {schema_name}")

    def of_name(self, schema_name: str) -> Sequence[Registration]:
        """By the index on schema_name."""
        query = select(tables.registrations).where(tables.registrations.c.schema_name == schema_name)
        return [rows.registration(row) for row in self._session.execute(query)]

    def erase_payloads(self, before: datetime) -> int:
        """By the partial index ix_registrations_sealed."""
        table = tables.registrations
        old = (table.c.sealed_payload.is_not(None), table.c.created_at < before)
        erased = update(table).where(*old).values(sealed_payload=None, version=table.c.version + 1)
        return self._session.execute(erased).rowcount


@functools.cache
def _take_serial(*, is_postgres: bool) -> Executable:
    table, insert = tables.serials, postgresql.insert if is_postgres else sqlite.insert
    taken = insert(table).values(series=bindparam("series"), last=1)
    taken = taken.on_conflict_do_update(index_elements=[table.c.series], set_={"last": table.c.last + 1})
    return taken.returning(table.c.last)


class SqlBooks:
    """The journal and the invoices."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def post(self, entries: Sequence[Entry]) -> None:
        """Insert."""
        self._session.insert(tables.journal, [rows.entry_values(entry) for entry in entries])

    def of_order(self, order_id: str) -> Sequence[Entry]:
        """By the index on order_id."""
        query = select(tables.journal).where(tables.journal.c.order_id == order_id).order_by(tables.journal.c.id)
        return [rows.entry(row) for row in self._session.execute(query)]

    def of_tenant(self, tenant_id: str, limit: int) -> Sequence[Entry]:
        """By ix_journal_tenant."""
        journal = tables.journal
        query = select(journal).where(journal.c.tenant_id == tenant_id).order_by(journal.c.id).limit(limit)
        return [rows.entry(row) for row in self._session.execute(query)]

    def balance(self, account: str) -> dict[Currency, Money]:
        """Reads the whole journal: for people, not for requests."""
        journal = tables.journal
        signed = case((journal.c.debit == account, journal.c.amount_minor), else_=-journal.c.amount_minor)
        query = (
            select(journal.c.currency, func.sum(signed).label("minor"))
            .where(or_(journal.c.debit == account, journal.c.credit == account))
            .group_by(journal.c.currency)
        )
        found = {Currency(row.currency): int(row.minor) for row in self._session.execute(query)}
        return {currency: Money.from_minor(minor, currency) for currency, minor in found.items()}

    def next_serial(self, series: str) -> int:
        """One statement by primary key; the row stays locked until the transaction ends, so there is no gap."""
        take = _take_serial(is_postgres=self._session.is_postgres)
        return int(self._session.execute(take, {"series": series}, apart=True).scalar_one())

    def issue(self, invoice: Invoice) -> None:
        """Insert."""
        self._session.insert(tables.invoices, [rows.invoice_values(invoice)])

    def invoice(self, invoice_id: int, tenant_id: str | None) -> Invoice | None:
        """By primary key, filtered by tenant."""
        query = select(tables.invoices).where(tables.invoices.c.id == invoice_id)
        if tenant_id is not None:
            query = query.where(tables.invoices.c.tenant_id == tenant_id)
        row = self._session.execute(query).first()
        return None if row is None else rows.invoice(row)

    def invoices_of(self, tenant_id: str, limit: int) -> Sequence[Invoice]:
        """By ix_invoices_tenant."""
        query = (
            select(tables.invoices)
            .where(tables.invoices.c.tenant_id == tenant_id)
            .order_by(tables.invoices.c.id.desc())
            .limit(limit)
        )
        return [rows.invoice(row) for row in self._session.execute(query)]


class SqlCatalogues:
    """Versions of the catalogue."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def current(self) -> Catalogue:
        """By primary key, the last."""
        query = select(tables.catalogues).order_by(tables.catalogues.c.version.desc()).limit(1)
        row = self._session.execute(query).first()
        return Catalogue() if row is None else rows.catalogue(row)

    def add(self, catalogue: Catalogue, at: datetime, by: str) -> None:
        """Insert a version."""
        document = rows.catalogue_document(catalogue)
        self._session.execute(
            tables.catalogues.insert(),
            {"version": catalogue.version, "document": document, "created_at": at, "loaded_by": by},
        )


class SqlInbox:
    """Callbacks that were received."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def record(self, entry: InboxEntry) -> bool:
        """Insert, unless the primary key is there."""
        return self._session.insert_new(tables.inbox, rows.inbox_values(entry))

    def add(self, entry: InboxEntry) -> None:
        """Insert, unless the primary key is there."""
        self._session.insert(tables.inbox, [rows.inbox_values(entry)], or_nothing=True)

    def of_order(self, order_id: str) -> Sequence[InboxEntry]:
        """By the index on order_id."""
        query = select(tables.inbox).where(tables.inbox.c.order_id == order_id).order_by(tables.inbox.c.at)
        return [rows.inbox_entry(row) for row in self._session.execute(query)]


class SqlOutbox:
    """Events on their way out."""

    def __init__(self, session: Session, ids: Ids) -> None:
        self._session = session
        self._ids = ids

    def add(self, events: Sequence[Event], by: str = "") -> Sequence[Event]:
        """Insert events in order, with ids that sort the same way."""
        recorded = [event.recorded(self._ids.event_id(event.at), by) for event in events]
        self._session.insert(tables.outbox, [rows.event_values(event) for event in recorded])
        return recorded

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> Sequence[Event]:
        """Take the relay's lease, then read by the partial index ix_outbox_pending."""
        if not self._lease(owner, now, until):
            return []
        pending = tables.outbox.c.delivered_at.is_(None)
        held = select(tables.outbox.c.tenant_id).where(pending, tables.outbox.c.retry_at > now)
        query = (
            select(tables.outbox)
            .where(pending, tables.outbox.c.tenant_id.not_in(held))
            .order_by(tables.outbox.c.id)
            .limit(limit)
        )
        return [rows.event(row) for row in self._session.execute(query)]

    def feed(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Event]:
        """Give a page of visible events their position, one reader of the tenant at a time, then read.

        By ix_outbox_unnumbered and uq_outbox_tenant_position.
        """
        outbox = tables.outbox
        mine = outbox.c.tenant_id == tenant_id
        if self.has_unnumbered(tenant_id):
            self._session.lock_name(f"feed {tenant_id}")
            last = self._session.execute(select(func.max(outbox.c.position)).where(mine)).scalar() or 0
            row_number = func.row_number().over(order_by=outbox.c.id)
            page = (
                select(outbox.c.id, (literal(last) + row_number).label("position"))
                .where(mine, outbox.c.position.is_(None))
                .order_by(outbox.c.id)
                .limit(limit)
                .subquery("page")
            )
            self._session.execute(update(outbox).where(outbox.c.id == page.c.id).values(position=page.c.position))
        query = select(outbox).where(mine, outbox.c.position > self._position(tenant_id, after))
        return [rows.event(row) for row in self._session.execute(query.order_by(outbox.c.position).limit(limit))]

    def has_news(self, tenant_id: str, after: str | None) -> bool:
        """By ix_outbox_unnumbered and uq_outbox_tenant_position."""
        if self.has_unnumbered(tenant_id):
            return True
        outbox = tables.outbox
        behind = (outbox.c.tenant_id == tenant_id, outbox.c.position > self._position(tenant_id, after))
        return self._session.execute(select(outbox.c.id).where(*behind).limit(1)).first() is not None

    def _position(self, tenant_id: str, after: str | None) -> Any:
        """The position of the event with the id `after`; 0 where there is none."""
        outbox = tables.outbox
        known = select(outbox.c.position).where(outbox.c.tenant_id == tenant_id, outbox.c.id == after)
        return func.coalesce(known.scalar_subquery(), 0)

    def has_unnumbered(self, tenant_id: str) -> bool:
        """By the partial index ix_outbox_unnumbered."""
        outbox = tables.outbox
        new = select(outbox.c.id).where(outbox.c.tenant_id == tenant_id, outbox.c.position.is_(None))
        return self._session.execute(new.order_by(outbox.c.id).limit(1)).first() is not None

    def latest(self, tenant_id: str | None, limit: int) -> Sequence[Event]:
        """By ix_outbox_tenant, or the primary key for all tenants."""
        query = select(tables.outbox).order_by(tables.outbox.c.id.desc()).limit(limit)
        if tenant_id is not None:
            query = query.where(tables.outbox.c.tenant_id == tenant_id)
        return [rows.event(row) for row in self._session.execute(query)][::-1]

    def of_order(self, tenant_id: str, order_id: str) -> Sequence[Event]:
        """By ix_outbox_tenant, all of the tenant's: for people, not for requests."""
        outbox = tables.outbox
        named = outbox.c.body.contains(f'"order_id":"{order_id}"', autoescape=True)
        query = select(outbox).where(outbox.c.tenant_id == tenant_id, named).order_by(outbox.c.id)
        return [rows.event(row) for row in self._session.execute(query)]

    def _lease(self, owner: str, now: datetime, until: datetime) -> bool:
        leases = tables.leases
        if self._session.insert_new(leases, {"name": "relay", "owner": owner, "until": until}):
            return True
        taken = self._session.execute(
            update(leases)
            .where(leases.c.name == "relay", or_(leases.c.owner == owner, leases.c.until <= now))
            .values(owner=owner, until=until)
        )
        return taken.rowcount == 1

    def settle(self, delivered: Sequence[str], failed: dict[str, datetime], now: datetime) -> None:
        """Update by primary key and let the lease go."""
        outbox = tables.outbox
        if delivered:
            self._session.execute(update(outbox).where(outbox.c.id.in_(delivered)).values(delivered_at=now))
        for event_id, retry_at in failed.items():
            self._session.execute(update(outbox).where(outbox.c.id == event_id).values(retry_at=retry_at))
        self._session.execute(update(tables.leases).where(tables.leases.c.name == "relay").values(until=now))


class SqlQueue:
    """Jobs of procrastinate, put in by its own function in the same transaction. SQLite has no queue."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, task: str, tenants: Sequence[str]) -> None:
        """One statement for all, a tenant to a job, or several where there are many."""
        if tenants and self._session.is_postgres:
            values = {"queue": QUEUE, "task": task, "tenants": list(tenants), "size": -(-len(tenants) // JOBS_AT_ONCE)}
            self._session.execute(_PUT_JOBS, values)


class SqlTokens:
    """Access tokens."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, token: StoredToken) -> None:
        """Insert, unless the digest is there."""
        self._session.insert_new(tables.tokens, rows.token_values(token))

    def by_digest(self, digest: str) -> StoredToken | None:
        """By primary key."""
        row = self._session.execute(select(tables.tokens).where(tables.tokens.c.digest == digest)).first()
        return None if row is None else rows.token(row)

    def listed(self, tenant_id: str | None) -> Sequence[StoredToken]:
        """By the index on tenant_id, or all."""
        query = select(tables.tokens).order_by(tables.tokens.c.created_at.desc())
        if tenant_id is not None:
            query = query.where(tables.tokens.c.tenant_id == tenant_id)
        return [rows.token(row) for row in self._session.execute(query)]

    def end(self, digest: str, at: datetime) -> None:
        """By primary key."""
        table = tables.tokens
        self._session.execute(
            update(table).where(table.c.digest == digest, table.c.revoked_at.is_(None)).values(revoked_at=at)
        )

    def revoke(self, prefix: str, at: datetime, by: str) -> int:
        """By the index on prefix."""
        return self._session.execute(
            update(tables.tokens)
            .where(tables.tokens.c.prefix == prefix, tables.tokens.c.revoked_at.is_(None))
            .values(revoked_at=at, revoked_by=by)
        ).rowcount


class SqlAnswers:
    """Answers under idempotency keys."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def claim(self, answer: Answer, forget_before: datetime, stale_before: datetime) -> tuple[Answer, bool]:
        """Drop what is old under this key, then insert, or take over what nobody works on, by primary key."""
        table, mine = tables.answers, self._key(answer.owner, answer.key)
        self._session.execute(delete(table).where(*mine, table.c.created_at < forget_before))
        if self._session.insert_new(table, rows.answer_values(answer)):
            return answer, True
        abandoned = or_(table.c.claimed_at.is_(None), table.c.claimed_at < stale_before)
        taken = self._session.execute(
            update(table)
            .where(*mine, table.c.request_digest == answer.request_digest, table.c.status == 0, abandoned)
            .values(claimed_at=answer.claimed_at)
        )
        row = self._session.execute(select(table).where(*mine)).one()
        return rows.answer(row), taken.rowcount == 1

    def reopen(self, owner: str, key: str) -> None:
        """Update by primary key."""
        self._session.execute(update(tables.answers).where(*self._key(owner, key)).values(claimed_at=None))

    def finish(self, answer: Answer) -> None:
        """Update by primary key."""
        self._session.execute(
            update(tables.answers).where(*self._key(answer.owner, answer.key)).values(rows.answer_values(answer))
        )

    def release(self, owner: str, key: str) -> None:
        """Delete by primary key."""
        self._session.execute(delete(tables.answers).where(*self._key(owner, key)))

    def _key(self, owner: str, key: str) -> tuple[Any, ...]:
        return (tables.answers.c.owner == owner, tables.answers.c.key == key)


class SqlPruning:
    """Deleting what is of no use any more, a bounded number of rows at a time, each by an index."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def answers(self, before: datetime, limit: int) -> int:
        """By the index on created_at."""
        table = tables.answers
        old = select(table.c.owner, table.c.key).where(table.c.created_at < before).order_by(table.c.created_at)
        return self._delete(table, old.limit(limit))

    def refused_callbacks(self, before: datetime, limit: int) -> int:
        """By the partial index ix_inbox_refused."""
        table = tables.inbox
        old = select(table.c.digest, table.c.outcome).where(tables.REFUSED, table.c.at < before).order_by(table.c.at)
        return self._delete(table, old.limit(limit))

    def tokens(self, before: datetime, limit: int) -> int:
        """By the partial indexes ix_tokens_expires and ix_tokens_revoked."""
        table = tables.tokens
        return sum(
            self._delete(table, select(table.c.digest).where(column < before).order_by(column).limit(limit))
            for column in (table.c.expires_at, table.c.revoked_at)
        )

    def unpaid_registrations(self, before: datetime, after: datetime, limit: int) -> Sequence[Registration]:
        """By the partial index ix_registrations_pending."""
        table, orders = tables.registrations, tables.orders
        query = (
            select(table)
            .join(orders, orders.c.id == table.c.order_id)
            .where(table.c.state == RegistrationState.PENDING.value)
            .where(table.c.expires_at < before, table.c.expires_at > after)
            .where(orders.c.state == OrderState.REJECTED.value, orders.c.check_at.is_(None))
            .order_by(table.c.expires_at)
            .limit(limit)
        )
        return [rows.registration(row) for row in self._session.execute(query)]

    def registration(self, order_id: str) -> bool:
        """By primary keys, and ix_outbox_tenant for the events."""
        orders, outbox = tables.orders, tables.outbox
        rejected = (orders.c.id == order_id, orders.c.state == OrderState.REJECTED.value, orders.c.check_at.is_(None))
        tenant_id = self._session.execute(delete(orders).where(*rejected).returning(orders.c.tenant_id)).scalar()
        if tenant_id is None:
            return False
        named = outbox.c.body.contains(f'"order_id":"{order_id}"', autoescape=True)
        self._session.execute(delete(outbox).where(outbox.c.tenant_id == tenant_id, named))
        for owned in (tables.order_steps, tables.inbox, tables.registrations):
            self._session.execute(delete(owned).where(owned.c.order_id == order_id))
        return True

    def _delete(self, table: Table, keys: Select[Any]) -> int:
        """Delete the rows that `keys` selects by their primary key."""
        key = tuple_(*table.primary_key.columns)
        return self._session.execute(delete(table).where(key.in_(keys))).rowcount
