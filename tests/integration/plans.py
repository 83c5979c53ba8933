"""What a read costs PostgreSQL: the statements it sends, and the buffers that each touches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from attrs import Factory, define
from sqlalchemy import event

from echodesk_billing.adapters.sql.postgres import PostgresStorage
from echodesk_billing.adapters.usage import NoUsage
from echodesk_billing.adapters.vault import FernetVault
from echodesk_billing.application.lists import Lists
from echodesk_billing.application.operator_views import OperatorViews
from echodesk_billing.application.statistics import BusinessFigures
from echodesk_billing.application.views import Views
from echodesk_billing.application.watching import Watch
from echodesk_billing.domain.notifications.mail import MailState
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from tests.builders import principal
from tests.fake_bank import FakeClock
from tests.unit.conftest import PdfPrinter, timedelta

Read = Callable[[], Awaitable[object]]


@define
class Plan:
    """A statement as it ran.

    Args:
        buffers: pages that were read, from memory or disk.
        scans: tables that were read from end to end.
    """

    statement: str
    buffers: int
    scans: list[str] = Factory(list)


@asynccontextmanager
async def sent(storage: PostgresStorage) -> AsyncIterator[list[tuple[str, tuple[Any, ...]]]]:
    """The statements that a storage sends while the block runs: on asyncpg itself, and through SQLAlchemy."""
    found: list[tuple[str, tuple[Any, ...]]] = []
    listening: set[Any] = set()

    def note(query: Any) -> None:
        found.append((query.query, query.args))

    def note_core(
        _connection: object, _cursor: object, statement: str, parameters: tuple[Any, ...], *_: object
    ) -> None:
        found.append((statement, parameters))

    def listen(connection: Any, *_: object) -> None:
        listening.add(connection.driver_connection)
        connection.driver_connection.add_query_logger(note)

    engine = storage._engine.sync_engine
    event.listen(engine, "checkout", listen)
    event.listen(engine, "before_cursor_execute", note_core)
    try:
        yield found
        await asyncio.sleep(0)  # asyncpg tells of a query in the next turn of the loop
    finally:
        event.remove(engine, "checkout", listen)
        event.remove(engine, "before_cursor_execute", note_core)
        for connection in listening:
            connection.remove_query_logger(note)


async def plans(connection: asyncpg.Connection, storage: PostgresStorage, read: Read) -> list[Plan]:
    """How PostgreSQL runs the statements of a read."""
    async with sent(storage) as statements:
        await read()
    found = []
    for statement, parameters in statements:
        if not statement.startswith(("SELECT", "WITH")):
            continue  # settings of a new connection
        told = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *parameters)
        root = json.loads(told)[0]["Plan"]
        buffers = root["Shared Hit Blocks"] + root["Shared Read Blocks"]
        found.append(Plan(statement, buffers, list(_scans(root))))
    return found


def _scans(node: Mapping[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan" and node["Actual Rows"] + node.get("Rows Removed by Filter", 0) > 1000:
        yield str(node["Relation Name"])
    for child in node.get("Plans", ()):
        yield from _scans(child)


async def reads(storage: PostgresStorage, clock: FakeClock) -> dict[str, Read]:
    """Every list of the console and of the API, first pages and pages far behind, by name."""
    lists = Lists(storage)
    figures = BusinessFigures(storage, "UTC")
    desk = OperatorViews(storage, clock, figures, Watch(storage, clock, timedelta(hours=2)), "UTC")
    views = Views(storage, clock, NoUsage(), PdfPrinter(None, "UTC", None), FernetVault(()))  # type: ignore[arg-type]
    middle = await storage.read(lambda uow: uow.orders.listed(None, None, 5000))
    order = middle[-1]
    tenant = order.tenant_id
    who = principal(tenant)
    invoice = (await storage.read(lambda uow: uow.books.invoices_of(tenant, 1)))[0]
    page = order.id
    acts = (await storage.read(lambda uow: uow.outbox.acts("", "", 100)))[-1]
    return {
        "overview": desk.desk,
        "a customer": lambda: desk.customer(tenant),
        "search by order": lambda: desk.search(order.id),
        "search by the bank's id": lambda: desk.search(order.bank_order_id or ""),
        "search by invoice": lambda: desk.search(invoice.number),
        "search by name": lambda: desk.search("shop number 1"),
        "search by the beginning of an id": lambda: desk.search(tenant[:-1]),
        "search for nothing": lambda: desk.search("nothing like this"),
        "customers": lists.customers,
        "customers, later": lambda: lists.customers(tenant),
        "subscriptions": lists.subscriptions,
        **{f"subscriptions {one}": (lambda one=one: lists.subscriptions(one)) for one in SubscriptionState},  # type: ignore[misc]
        "orders": lists.orders,
        "orders, later": lambda: lists.orders(before=page),
        "orders of a tenant": lambda: lists.orders(tenant),
        "orders of a tenant, later": lambda: lists.orders(tenant, before=page),
        "orders that need attention": lambda: lists.orders(attention=True),
        "orders that need attention, later": lambda: lists.orders(attention=True, before=page),
        **{f"orders {one}": (lambda one=one: lists.orders(state=one)) for one in OrderState},  # type: ignore[misc]
        **{
            f"orders {one}, later": (lambda one=one: lists.orders(state=one, before=page))  # type: ignore[misc]
            for one in OrderState
        },
        "invoices": lists.invoices,
        "invoices, later": lambda: lists.invoices(before=invoice.id),
        "invoices of a tenant": lambda: lists.invoices(tenant),
        "credit notes": lists.credit_notes,
        "mails": lists.mails,
        "mails of a tenant": lambda: lists.mails(tenant),
        **{f"mails {one}": (lambda one=one: lists.mails(None, one)) for one in MailState},  # type: ignore[misc]
        "webhooks": lists.endpoints,
        "deliveries": lambda: lists.deliveries("x"),
        "callbacks": lists.callbacks,
        "acts": lists.acts,
        "acts, later": lambda: lists.acts("", acts.id),
        "acts of a person": lambda: lists.acts("admin@x"),
        "acts of nobody": lambda: lists.acts("nobody"),
        "cards": lists.cards,
        "API: a payment": lambda: views.order(who, order.id),
        "API: invoices": lambda: views.invoices(who),
        "API: credit notes": lambda: views.credit_notes(who),
        "API: subscription": lambda: views.subscription(who),
        "API: open payments": lambda: storage.read(lambda uow: uow.orders.open_of(tenant)),
        "API: cards": lambda: storage.read(lambda uow: uow.cards.active_of(tenant)),
        "API: events": lambda: storage.read(lambda uow: uow.outbox.has_news(tenant, None)),
        "API: proformas": lambda: storage.read(lambda uow: uow.proformas.listed(tenant, 0, 50)),
        "API: coupons": lambda: storage.read(lambda uow: uow.coupons.listed("", 50)),
        "due subscriptions": lambda: storage.read(lambda uow: uow.subscriptions.due(clock.moment, 100)),
        "due orders": lambda: storage.read(lambda uow: uow.orders.due(clock.moment, 100)),
    }
