"""Databases that refuse connections or hang: nothing stays idle for good, everything answers in seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import define

from bog_sandbox.callbacks import Signer
from echodesk_billing import StorageUnavailable, load_settings
from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.sql.storage import open_storage
from echodesk_billing.container import open_container
from tests.builders import principal
from tests.integration.conftest import service_environment
from tests.integration.parts import Bank, Client, Process, prepare, running_bank, start
from tests.integration.proxies import Door, door_to, fatal, rejecting

MONTH = timedelta(days=31).total_seconds()


@define
class Place:
    """A service and a worker that reach their database through a door."""

    door: Door
    bank: Bank
    client: Client
    service: Process
    worker: Process

    async def renewed(self, number: int) -> None:
        """Wait until so many periods are paid."""
        async with asyncio.timeout(60):
            while len((await self.client.get("/api/payments/invoices/")).body.get("invoices", [])) < number:
                await asyncio.sleep(0.1)


@asynccontextmanager
async def opened(folder: Path, database: str) -> AsyncIterator[Place]:
    """A place with a customer who paid once."""
    folder.mkdir()  # noqa: ASYNC240 - once
    async with running_bank(folder / "bank.log") as bank, door_to(database) as door:
        environment = {
            **await service_environment(bank, door.address, Signer()),
            "BILLING_WORK_EVERY_SECONDS": "0.2",
            "BILLING_LOG_LEVEL": "warning",
        }
        settings = load_settings(environment)
        async with open_container(settings) as container:
            await prepare(container, settings)
            token = await container.tokens().issue(principal("acme"), lifetime=None)
        service = await start(folder / "service.log", environment, "echodesk_billing", "serve")
        worker = await start(folder / "worker.log", environment, "echodesk_billing", "work")
        await asyncio.gather(service.ready(), worker.ready())
        client = Client(f"http://127.0.0.1:{settings.port}", bank.http, token)
        payment = await client.buy(package_id=1, seats=1)
        await bank.pay(payment["bank_order_id"])
        assert await bank.answered(payment["bank_order_id"]) == [200]
        yield Place(door, bank, client, service, worker)
        for process in (service, worker):
            assert await asyncio.wait_for(process.stop(), 10) == 0, process.printed[-2000:]


async def refused_for(place: Place, seconds: float) -> None:
    """The database refuses connections for a while; then the worker renews again."""
    await place.bank.control("POST", "clock", {"advance": MONTH})
    await place.renewed(2)
    await place.door.shut()
    await asyncio.sleep(seconds)  # the very thing that is tested
    answer = await asyncio.wait_for(place.client.get("/api/subscription/me/"), 25)
    assert (answer.status, "Retry-After" in answer.headers) == (503, True)
    await place.door.open()
    await place.bank.control("POST", "clock", {"advance": MONTH})
    await place.renewed(3)


async def test_a_worker_works_again_after_its_database_refused_connections_for_5_or_40_seconds(
    tmp_path: Path, new_database: Callable[[], Awaitable[str]]
) -> None:
    async with (
        opened(tmp_path / "short", await new_database()) as short,
        opened(tmp_path / "long", await new_database()) as long,
    ):
        await asyncio.gather(refused_for(short, 5), refused_for(long, 40))


async def test_a_database_that_hangs_is_a_503_within_seconds_and_a_stop_within_ten(
    tmp_path: Path, new_database: Callable[[], Awaitable[str]]
) -> None:
    async with opened(tmp_path / "hanging", await new_database()) as place:
        await hangs(place)


async def hangs(place: Place) -> None:
    place.door.hang()
    async with asyncio.timeout(25):
        answers = await asyncio.gather(*(place.client.get("/api/subscription/me/") for _ in range(3)))
    assert {answer.status for answer in answers} == {503}
    assert {json.loads(answer.raw)["title"] for answer in answers} == {"Service Unavailable"}
    assert await asyncio.wait_for(place.service.stop(), 10) == 0
    place.door.go_on()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (fatal("57P03", "the database system is starting up"), "starting up"),
        (fatal("57P03", "the database system is in recovery mode"), "recovery mode"),
        (fatal("53300", "sorry, too many clients already"), "too many clients"),
        (fatal("28P01", "password authentication failed"), "password"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "connection was closed"),
        (b"", "connection was closed"),
        (None, "connection was closed"),
    ],
    ids=["starting", "recovering", "full", "password", "other server", "closed", "reset"],
)
async def test_a_database_that_lets_nobody_in_is_unavailable(answer: bytes | None, message: str) -> None:
    async with rejecting(answer) as url:
        storage = open_storage(url, RandomIds())
        for ask in (storage.read, storage.transact):
            with pytest.raises(StorageUnavailable, match=message):
                await ask(lambda _: None)
        with pytest.raises(StorageUnavailable, match=message):
            await storage.migrate()
        assert message in (await storage.problem() or "")
        await storage.close()
