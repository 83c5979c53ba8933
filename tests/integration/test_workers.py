"""Workers on PostgreSQL: many of them, on one set of due renewals, and one that dies."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from attrs import define, evolve

from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import Container, open_container
from echodesk_billing.ports.storage import UnitOfWork
from tests.builders import principal
from tests.integration.conftest import service_environment
from tests.integration.parts import Bank, Client, Process, prepare, running_bank, start

DUE = 2000


@define
class Site:
    """A database with a service, workers and a bank of their own."""

    bank: Bank
    environment: dict[str, str]
    container: Container
    database_url: str
    folder: Path

    async def start(self, name: str, command: str) -> Process:
        process = await start(self.folder / f"{name}.log", self.environment, "echodesk_billing", command)
        await process.ready()
        return process

    @asynccontextmanager
    async def workers(self, number: int) -> AsyncIterator[Sequence[Process]]:
        """Workers while the block runs; they stop cleanly, those that live."""
        started = await asyncio.gather(*(self.start(f"worker-{one}", "work") for one in range(number)))
        yield started
        for process in started:
            if process.process.returncode is None:
                assert await asyncio.wait_for(process.stop(), 10) == 0, process.printed

    async def query(self, sql: str) -> Any:
        connection = await asyncpg.connect(self.database_url, server_settings={"search_path": "billing"})
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    async def until(self, sql: str, expected: object, seconds: float = 120) -> None:
        """Wait until a query gives what is expected."""
        found = None
        try:
            async with asyncio.timeout(seconds):
                while (found := await self.query(sql)) != expected:
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{sql}: {found} after {seconds} s, not {expected}") from None

    async def charges(self) -> Counter[str]:
        """How often each order was charged at the bank."""
        calls = await self.bank.control("GET", "calls")
        return Counter(call["body"]["external_order_id"] for call in calls if call["path"].endswith("/subscribe"))

    async def due_subscriptions(self, number: int) -> None:
        """One customer pays and saves a card; its subscription and card are given to many, whose time has come."""
        client = Client(f"http://127.0.0.1:{self.environment['BILLING_PORT']}", self.bank.http)
        client.token = await self.container.tokens().issue(principal("first"))
        payment = await client.buy(package_id=1, seats=1)
        await self.bank.pay(payment["bank_order_id"])
        assert await self.bank.answered(payment["bank_order_id"]) == [200]

        def multiply(uow: UnitOfWork) -> None:
            (card,) = uow.cards.active_of("first")
            subscription = uow.subscriptions.lock("first")
            for one in range(number):
                tenant_id = f"tenant-{one:04}"
                uow.subscriptions.add(evolve(subscription, tenant_id=tenant_id))
                uow.cards.add(evolve(card, id=0, tenant_id=tenant_id, order_id=f"SUB-{one:012X}", remind_at=None))

        await self.container.storage().transact(multiply)
        await self.bank.control("POST", "clock", {"advance": timedelta(days=31).total_seconds()})


@pytest.fixture
async def site(tmp_path: Path, new_database: Callable[[], Awaitable[str]]) -> AsyncIterator[Site]:
    async with running_bank(tmp_path / "bank.log") as bank:
        database_url = await new_database()
        environment = {
            **await service_environment(bank, database_url, Signer()),
            "BILLING_WORK_EVERY_SECONDS": "0.2",
            "BILLING_BANK_CALLS_PER_SECOND": "1000",
            "BILLING_LOG_LEVEL": "warning",
        }
        settings = load_settings(environment)
        async with open_container(settings) as container:
            await prepare(container, settings)
            site = Site(bank, environment, container, database_url, tmp_path)
            service = await site.start("service", "serve")
            yield site
            await service.stop()


PAID = "SELECT count(*) FROM orders WHERE purpose = 'REN' AND state = 'completed'"


async def test_four_workers_charge_2000_due_subscriptions_once_each(site: Site) -> None:
    await site.due_subscriptions(DUE)
    async with site.workers(4) as workers:
        await site.until(PAID, DUE + 1)
        charges = await site.charges()
        assert (len(charges), set(charges.values())) == (DUE + 1, {1})
        await site.query("UPDATE subscriptions SET due_at = anchor")
        await site.until("SELECT count(*) FROM subscriptions WHERE due_at < anchor + interval '10 days'", 0)
        assert sum((await site.charges()).values()) == DUE + 1
        assert await site.query("SELECT count(DISTINCT tenant_id) FROM orders WHERE purpose = 'REN'") == DUE + 1
        for worker in workers:
            assert "Traceback" not in worker.printed


async def test_a_worker_that_dies_and_a_queue_that_is_lost_lose_no_renewal(site: Site) -> None:
    await site.due_subscriptions(120)
    await site.bank.fault("/subscribe", "delay", seconds=0.2, times=40)
    victim = await site.start("victim", "work")
    await site.until("SELECT count(*) > 5 FROM orders WHERE purpose = 'REN'", True)
    await victim.stop(signal.SIGKILL)
    assert await site.query("SELECT count(*) FROM subscriptions WHERE next_period = 1") > 0
    await site.query("DELETE FROM procrastinate_jobs")
    await site.bank.control("POST", "clock", {"advance": 360})
    async with site.workers(2):
        await site.until(PAID, 121, seconds=60)
    charges = await site.charges()
    assert (len(charges), set(charges.values())) == (121, {1})


async def test_many_tenants_share_at_most_a_hundred_jobs(site: Site) -> None:
    tenants = [f"t{number}" for number in range(250)]
    await site.container.storage().transact(lambda uow: uow.queue.put("tend", tenants))
    sizes = "SELECT string_agg(DISTINCT jsonb_array_length(args -> 'tenants')::text, ' ') FROM procrastinate_jobs"
    assert await site.query(sizes) == "1 3"
    assert await site.query("SELECT count(*) FROM procrastinate_jobs") == 84


async def test_a_job_is_enqueued_with_its_claim_or_not_at_all(site: Site) -> None:
    await site.due_subscriptions(30)
    storage, renew = site.container.storage(), site.container.renew()
    now = await site.container.clock().now()

    class Undone(Exception):
        pass

    def claim_and_fail(uow: UnitOfWork) -> None:
        uow.queue.put("tend", uow.subscriptions.claim_due(now, now + timedelta(minutes=5), 10))
        raise Undone

    with pytest.raises(Undone):
        await storage.transact(claim_and_fail)
    assert await site.query("SELECT count(*) FROM procrastinate_jobs") == 0
    assert await renew.enqueue(25) == 25
    assert await site.query("SELECT count(*) FROM procrastinate_jobs") == 25
    assert await renew.enqueue(25) == 6
