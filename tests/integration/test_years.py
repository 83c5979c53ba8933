"""What is kept for years, and what goes: events and steps are pruned, partitions come and go, the books stay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.sql.partitions import month_after
from echodesk_billing.adapters.sql.postgres import PostgresStorage
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.application.pruning import Prune, Retention
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.notifications.heartbeat import Chore, Heartbeat
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.report import Source
from echodesk_billing.ports.storage import Storage, UnitOfWork
from tests.builders import catalogue
from tests.unit.conftest import World

MONTH = timedelta(days=31)
KEEP = Retention(events=timedelta(days=400), steps=timedelta(days=730))


def prune(world: World) -> Prune:
    return Prune(world.storage, world.bank, world.clock, world.settlement, KEEP)


async def three_years(world: World) -> None:
    """A customer who pays every month, whose events are counted, announced and read."""
    await world.load_catalogue.load(catalogue())
    await world.buy_and_pay(terms=Terms(save_card=SaveCard.AUTOMATIC))
    for _ in range(37):
        world.clock.advance(days=31)
        await world.charge_due()
        await world.figures.count()
        await world.announce.run()
        await world.storage.transact(lambda uow: uow.outbox.feed("acme", None, 1000))
        await prune(world).run(is_asked_for=True)


async def test_old_steps_and_events_go_and_the_books_stay(storage: Storage) -> None:
    world = World(kept_in=storage)
    await world.storage.migrate()
    await three_years(world)

    def look(uow: UnitOfWork) -> Any:
        orders = uow.orders.listed("acme", None, 100)
        return (
            orders,
            {order.id: list(uow.orders.history(order.id)) for order in orders},
            uow.books.of_tenant("acme", 1000),
            uow.books.invoices_of("acme", 100),
            uow.outbox.latest("acme", 1000),
        )

    orders, history, entries, invoices, events = await world.storage.read(look)
    now = world.clock.moment
    assert len(orders) == len(invoices) == 38
    assert min(one.serial for one in invoices) == 1
    assert len(entries) == 2 * 38  # a payment and an invoice each, of the first month too
    assert all(order.captured == order.amount for order in orders)
    old = [order for order in orders if now - order.created_at > KEEP.steps + 2 * MONTH]
    recent = [order for order in orders if now - order.created_at < KEEP.steps - MONTH]
    assert old
    if not isinstance(storage, PostgresStorage):  # there the first partition holds the months before the migration too
        assert all(history[order.id] == [] for order in old)
    assert all(history[order.id] for order in recent)
    assert all(now - event.at <= KEEP.events + MONTH for event in events)
    assert len([event for event in events if event.name == "SubscriptionRenewed"]) >= 12

    last = events[-1].id
    world.clock.advance(days=31)
    await world.charge_due()
    fed = await world.storage.transact(lambda uow: uow.outbox.feed("acme", last, 100))
    assert [event.name for event in fed].count("SubscriptionRenewed") == 1  # the feed goes on behind what was pruned


async def test_months_are_partitions_that_the_worker_makes_and_drops(
    new_database: Callable[[], Awaitable[str]],
) -> None:
    url = await new_database()
    storage = PostgresStorage(url, RandomIds())
    world = World(kept_in=storage)
    await storage.migrate()
    await world.load_catalogue.load(catalogue())
    connection = await asyncpg.connect(url)

    async def parts(table: str) -> dict[str, int]:
        names = await connection.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = to_regclass($1)", table
        )
        return {row["name"]: await connection.fetchval(f"SELECT count(*) FROM {row['name']}") for row in names}  # noqa: S608

    world.clock.moment = datetime.now(UTC) + timedelta(days=400)  # beyond the partitions that there are
    kept = await world.buy_and_pay(terms=Terms(save_card=SaveCard.NO))
    assert (await parts("order_steps"))["order_steps_default"] > 0
    await prune(world).run(is_asked_for=True)
    steps = await parts("order_steps")
    month = f"{world.clock.moment:%Y_%m}"
    assert steps["order_steps_default"] == 0
    assert steps[f"order_steps_{month}"] > 0
    assert (await parts("journal"))[f"journal_{month}"] == 2
    ahead = month_after(world.clock.moment, 2)
    assert f"order_steps_{ahead:%Y_%m}" in steps

    def doubt(uow: UnitOfWork) -> None:
        order = uow.orders.lock(kept.id, "")
        assert order is not None
        order.mark("somebody has to look", Source.CALLBACK, order.updated_at)
        uow.orders.save(order)

    await storage.transact(doubt)
    world.clock.advance(days=1200)
    await prune(world).run(is_asked_for=True)
    assert (await parts("order_steps")).get(f"order_steps_{month}"), (
        "steps of an order that is not settled were dropped"
    )
    await storage.transact(lambda uow: resolve(uow, kept.id))
    await prune(world).run(is_asked_for=True)
    steps = await parts("order_steps")
    assert f"order_steps_{month}" not in steps
    assert (await parts("journal"))[f"journal_{month}"] == 2
    books = await storage.read(lambda uow: (uow.books.of_order(kept.id), uow.orders.history(kept.id)))
    assert (len(books[0]), books[1]) == (2, [])
    await connection.close()
    await storage.close()


def resolve(uow: UnitOfWork, order_id: str) -> None:
    order = uow.orders.lock(order_id, "")
    assert order is not None
    order.attention = ()
    order.check_at = None
    uow.orders.save(order)


@pytest.mark.parametrize("is_delivered", [True, False])
async def test_events_that_somebody_still_takes_stay(storage: Storage, is_delivered: bool) -> None:
    world = World(kept_in=storage)
    await world.storage.migrate()
    await world.load_catalogue.load(catalogue())
    got: list[Event] = []
    world.handlers.on(Event, got.append)
    await world.buy_and_pay()
    if is_delivered:
        await world.relay.run()
        assert got
    heartbeat = Heartbeat(chore=Chore.DELIVERY, ran_at=world.clock.moment)
    await world.storage.transact(lambda uow: uow.chores.beat(heartbeat))
    world.clock.advance(days=500)
    await world.buy_and_pay("other")
    await world.figures.count()
    await world.announce.run()
    pruned = await prune(world).run(is_asked_for=True)
    assert (pruned.events > 0) is is_delivered
