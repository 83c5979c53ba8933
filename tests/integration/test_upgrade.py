"""An upgrade under load: tables are migrated while the version before serves, then both serve side by side."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg
from benchmarks.material import copy_rows

from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.adapters.sql.orders import order_values
from echodesk_billing.container import open_container
from tests.builders import an_order, principal
from tests.integration.conftest import service_environment
from tests.integration.parts import (
    ROOT,
    Bank,
    Client,
    Forge,
    Process,
    clean_environment,
    free_port,
    running_bank,
    start,
)

BEFORE = "4f069fff1600c62e404aae67478e9e565d1d9b06"
"""The commit of the version before: its tables are at revision 0014."""
ORDERS = int(os.environ.get("TEST_UPGRADE_ORDERS", "100000"))
CUSTOMERS = 4


def unpacked(folder: Path) -> Path:
    """The sources of the version before, from git."""
    packed = subprocess.run(["git", "archive", BEFORE, "src"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"


async def start_before(output: Path, sources: Path, environment: Mapping[str, str], *arguments: str) -> Process:
    """A process of the version before."""
    with output.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "echodesk_billing", *arguments),
            env={**clean_environment(environment), "PYTHONPATH": str(sources)},
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=sources,
        )
    return Process(process, output)


async def fill(url: str) -> None:
    """Years of settled orders, with steps and entries, all before this year."""
    order = an_order(order_id="x", tenant_id="x")
    order.check_at = None
    at = f"timestamptz '2020-01-01' + n * interval '{6 * 365 * 86400 / ORDERS:.0f} seconds'"
    ids = {"id": "'OLD-' || n", "idempotency_key": "'old-' || n", "bank_order_id": "'old-bank-' || n"}
    changed = {**ids, "tenant_id": "'old-' || n % 1000", "created_at": at, "updated_at": at, "state": "'rejected'"}
    await copy_rows(url, "billing.orders", {**order_values(order), "version": 1}, changed, ORDERS)
    step = {"order_id": "x", "event": "create", "source": "request", "before": "", "after": "", "detail": "", "by": ""}
    stepped = {"order_id": "'OLD-' || n / 2", "at": at.replace("n *", "n / 2 *")}
    await copy_rows(url, "billing.order_steps", {**step, "at": datetime.now(UTC)}, stepped, 2 * ORDERS)
    entry = {"kind": "payment", "debit": "bank", "credit": "tenant:x", "currency": "GEL", "amount_minor": 100}
    posted = {"order_id": "'OLD-' || n", "tenant_id": "'old-' || n % 1000", "at": at}
    row = {**entry, "order_id": "x", "tenant_id": "x", "at": datetime.now(UTC)}
    await copy_rows(url, "billing.journal", row, posted, ORDERS)


class Shop:
    """Customers who buy, pay and look, without a pause; what they were answered is counted."""

    def __init__(self, bank: Bank, urls: list[str], tokens: list[str], http: aiohttp.ClientSession) -> None:
        self.bank, self.urls, self.tokens, self.http = bank, urls, tokens, http
        self.answers: Counter[str] = Counter()
        self.paid: list[str] = []
        self.slowest = 0.0

    async def customer(self, number: int) -> None:
        turn = 0
        clock = asyncio.get_running_loop().time
        while True:
            turn += 1
            client = Client(self.urls[turn % len(self.urls)], self.http, self.tokens[number])
            started = clock()
            package = {"package_id": 2, "agent_count": 3 + turn % 5}
            answer = await client.post("/api/payments/create/", package)
            self.answers[f"create {answer.status}"] += 1
            if answer.status == 200:
                await self.bank.pay(answer.body["payment_url"].rpartition("=")[2])
                self.paid.append(answer.body["order_id"])
                seen = await client.get(f"/api/payments/status/{answer.body['order_id']}/")
                self.answers[f"status {seen.status}"] += 1
            me = await client.get("/api/subscription/me/")
            self.answers[f"me {me.status}"] += 1
            self.slowest = max(self.slowest, clock() - started)
            await asyncio.sleep(0.05)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.customer(number)) for number in range(len(self.tokens))]
            yield
            for task in tasks:
                task.cancel()


async def test_tables_are_migrated_under_load_and_both_versions_serve_side_by_side(
    tmp_path: Path, new_database: Callable[[], Awaitable[str]], forge: Forge
) -> None:
    names = ("serve", "work")
    sources = unpacked(tmp_path / "before")
    url = await new_database()
    async with running_bank(tmp_path / "bank.log") as bank, aiohttp.ClientSession() as http:
        old = await service_environment(bank, url, Signer())
        old |= {"BILLING_WORK_EVERY_SECONDS": "0.2", "BILLING_LOG_LEVEL": "warning"}
        new = {**old, "BILLING_PORT": str(free_port()), "API_DOMAIN": f"http://127.0.0.1:{old['BILLING_PORT']}"}
        catalogue = ("catalogue", "load", str(sources / "echodesk_billing/data/demo_catalogue.toml"))
        for number, command in enumerate((("migrate",), catalogue)):
            made = await start_before(tmp_path / f"made-{number}.log", sources, old, *command)
            assert await made.process.wait() == 0, made.printed
        await fill(url)
        async with open_container(load_settings(old)) as container:
            issue = container.tokens().issue
            tokens = [await issue(principal(f"shop-{number}"), lifetime=None) for number in range(CUSTOMERS)]
        before = [await start_before(tmp_path / f"old-{name}.log", sources, old, name) for name in names]
        for process in before:
            await process.ready()
        shop = Shop(bank, [f"http://127.0.0.1:{old['BILLING_PORT']}"], tokens, http)
        async with shop.open():
            await asyncio.sleep(1)
            code, printed = await forge.run(tmp_path / "migrate.log", new, "migrate")
            assert code == 0, printed
            served = sum(shop.answers.values())
            assert served > 20
            after = [await start(tmp_path / f"new-{name}.log", new, "echodesk_billing", name) for name in names]
            for process in after:
                await process.ready()
            shop.urls.append(f"http://127.0.0.1:{new['BILLING_PORT']}")
            async with asyncio.timeout(30):
                while sum(shop.answers.values()) < served + 60:  # both versions, side by side
                    await asyncio.sleep(0.1)
            shop.urls = shop.urls[1:]
            new_only = sum(shop.answers.values())
            async with asyncio.timeout(30):
                while sum(shop.answers.values()) < new_only + 20:
                    await asyncio.sleep(0.1)
        assert {name.rpartition(" ")[2] for name in shop.answers} == {"200"}, shop.answers
        for process in (*before, *after):
            assert await asyncio.wait_for(process.stop(), 15) == 0, process.printed[-2000:]

        await bank.control("POST", "clock", {"advance": 3600})
        assert (await forge.run(tmp_path / "reconcile.log", new, "reconcile"))[0] == 0
        today = datetime.fromisoformat((await bank.control("GET", "clock"))["now"]).date()
        code, printed = await forge.run(tmp_path / "report.log", new, "reconcile", "--report", "--day", str(today))
        assert code == 0, printed
        connection = await asyncpg.connect(url)
        old_rows = "SELECT count(*) FROM billing.order_steps WHERE order_id LIKE 'OLD-%'"
        assert await connection.fetchval(old_rows) == 2 * ORDERS
        unpaid = "SELECT count(*) FROM billing.orders WHERE id = ANY($1) AND captured_minor IS NULL"
        assert await connection.fetchval(unpaid, shop.paid) == 0
        doubled = "SELECT count(*) FROM (SELECT order_id FROM billing.invoices GROUP BY 1 HAVING count(*) > 1) AS twice"
        assert await connection.fetchval(doubled) == 0
        await connection.close()
