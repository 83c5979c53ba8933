"""Two processes at one row: what both read is not written over, and one tenant's work holds up no other's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.sql.storage import open_storage
from echodesk_billing.application.cards import SavedCards
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.card import CardState
from echodesk_billing.domain.customers.registration import Applicant
from echodesk_billing.domain.events import OrderMismatch
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.report import ReportedCard
from echodesk_billing.ports.gateway import GatewayUnavailable
from echodesk_billing.ports.storage import Storage, UnitOfWork
from tests.builders import NOW, principal
from tests.unit.conftest import World

ACME = principal("acme")
AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)


@pytest.fixture
async def url(new_database: Callable[[], Awaitable[str]]) -> str:
    return await new_database()


@pytest.fixture
async def storages(url: str) -> AsyncIterator[tuple[Storage, Storage]]:
    """Two processes' worth of connections to one database."""
    one, other = open_storage(url, RandomIds()), open_storage(url, RandomIds())
    await one.migrate()
    yield one, other
    await one.close()
    await other.close()


async def two_cards(world: World) -> list[int]:
    for number in "12":
        order = await world.buy(terms=AUTOMATIC, distinct=True)
        card = ReportedCard(
            kind=SaveCard.AUTOMATIC, masked_number=f"400000***000{number}", brand="visa", expiry="12/30"
        )
        world.bank.pay(order, card=card)
        await world.hear(order)
        world.clock.advance(days=1)
    return [card.id for card in await world.cards.listed(ACME)]


async def test_two_cards_removed_at_once_stay_removed(world: World) -> None:
    """Each removal reads the other card as it was, and once wrote it back as it had been."""
    ids = await two_cards(world)
    world.bank.failures_of["forget card"] = [GatewayUnavailable("503") for _ in range(4)]
    cards: SavedCards = world.cards
    for _ in range(5):
        await asyncio.gather(*(cards.forget(ACME, card_id) for card_id in ids))
    stored = await world.storage.read(lambda uow: [uow.cards.lock(card_id, "acme") for card_id in ids])
    assert {card.state for card in stored if card} == {CardState.FORGETTING}
    assert await world.cards.listed(ACME) == []


async def test_choosing_a_default_does_not_bring_back_a_card_that_is_removed_meanwhile(world: World) -> None:
    one, other = await two_cards(world)
    results = await asyncio.gather(
        *(world.cards.set_default(ACME, other) for _ in range(4)),
        world.cards.forget(ACME, other),
        *(world.cards.set_default(ACME, one) for _ in range(4)),
        return_exceptions=True,
    )
    assert not [one for one in results if isinstance(one, AssertionError)]
    assert [card.id for card in await world.cards.listed(ACME)] == [one]


async def test_four_clicks_at_once_on_adding_a_card_make_one_order(world: World) -> None:
    added = await asyncio.gather(*(world.cards.add(ACME) for _ in range(4)), return_exceptions=True)
    assert [one for one in added if isinstance(one, AssertionError)] == []
    orders = await world.storage.read(lambda uow: uow.orders.listed("acme", None, 10))
    assert [order.purpose for order in orders] == [Purpose.CARD]


async def test_two_people_register_one_name_at_once_and_one_reserves_it(world: World) -> None:
    applicants = [
        Applicant(schema_name="fresh", name="Fresh", admin_email=f"{who}@fresh.example") for who in ("one", "two")
    ]
    results = await asyncio.gather(
        *(world.register.register(one, Selection(package_id=2)) for one in applicants), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in results) == ["NameTaken", "Order"]


async def fill(storage: Storage, tenant: str, number: int) -> None:
    events = [OrderMismatch(tenant_id=tenant, at=NOW, order_id=str(n), reason="") for n in range(number)]
    await storage.transact(lambda uow: uow.outbox.add(events))


async def test_the_first_read_of_a_long_feed_is_a_page_and_holds_up_no_other_tenant(
    storages: tuple[Storage, Storage], url: str
) -> None:
    one, other = storages
    await fill(one, "long", 5000)
    await fill(one, "short", 1)
    first = await one.transact(lambda uow: uow.outbox.feed("long", None, 100))
    assert [event.order_id for event in first] == [str(n) for n in range(100)]  # type: ignore[attr-defined]
    connection = await asyncpg.connect(url)
    try:
        assert await connection.fetchval("SELECT count(position) FROM outbox") == 100
        async with connection.transaction():  # somebody reads the long feed, and takes their time
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('feed long', 0))")
            async with asyncio.timeout(3):
                assert len(await other.transact(lambda uow: uow.outbox.feed("short", None, 100))) == 1
    finally:
        await connection.close()


async def test_concurrent_readers_of_a_feed_see_every_event_once_and_in_order(
    storages: tuple[Storage, Storage],
) -> None:
    async def read(storage: Storage) -> list[str]:
        seen: list[str] = []

        def page(uow: UnitOfWork) -> list[str]:
            return [event.id for event in uow.outbox.feed("acme", seen[-1] if seen else None, 50)]

        while more := await storage.transact(page):
            seen += more
        return seen

    await fill(storages[0], "acme", 400)
    feeds = await asyncio.gather(*(read(storages[number % 2]) for number in range(6)))
    assert {tuple(feed) for feed in feeds} == {tuple(feeds[0])}
    assert len(set(feeds[0])) == 400


async def test_a_statement_that_waits_for_a_lock_gives_up(storages: tuple[Storage, Storage], url: str) -> None:
    from echodesk_billing import StorageUnavailable  # noqa: PLC0415

    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('feed acme', 0))")
            await fill(storages[0], "acme", 1)
            with pytest.raises(StorageUnavailable, match="lock timeout"):
                await storages[0].transact(lambda uow: uow.outbox.feed("acme", None, 10))
    finally:
        await connection.close()
