"""A stall: no worker lives, renewals are due, and three hours pass. The alarm comes in every way, and ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import define

from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import Container, open_container
from echodesk_billing.entrypoints.catalogue_file import read_catalogue
from echodesk_billing.entrypoints.cli.terminal import OPERATOR
from echodesk_billing.entrypoints.server.serving import packaged, prepare_queue
from tests.builders import principal
from tests.integration.conftest import service_environment
from tests.integration.parts import Bank, Client, Forge, Process, forging, running_bank, start
from tests.integration.post import Inbox, Receiver, a_receiver, an_inbox

THREE_HOURS, MONTH = 3 * 3600, 32 * 86_400


@define
class Company:
    """A service and a worker on PostgreSQL, with mail and a webhook to the operator."""

    container: Container
    environment: dict[str, str]
    bank: Bank
    inbox: Inbox
    receiver: Receiver
    client: Client
    serve: Process
    folder: Path
    forge: Forge

    async def worker(self) -> Process:
        process = await start(self.folder / "worker.log", self.environment, "echodesk_billing", "work")
        await process.ready()
        return process

    async def readiness(self) -> dict[str, Any]:
        body: dict[str, Any] = (await self.client.get("/readyz")).body
        return body

    async def metric(self, name: str) -> str:
        async with self.client.http.get(f"{self.client.url}/metrics") as response:
            text = await response.text()
        return next(line.partition(" ")[2] for line in text.splitlines() if line.startswith(f"{name} "))


@pytest.fixture
async def company(tmp_path: Path, new_database: Callable[[], Awaitable[str]]) -> AsyncIterator[Company]:
    async with contextlib.AsyncExitStack() as stack:
        bank = await stack.enter_async_context(running_bank(tmp_path / "bank.log"))
        inbox = await stack.enter_async_context(an_inbox())
        receiver = await stack.enter_async_context(a_receiver())
        environment = await service_environment(bank, await new_database(), Signer())
        environment |= {
            "BILLING_SMTP_URL": inbox.url,
            "BILLING_MAIL_FROM": "billing@echodesk.example",
            "BILLING_OPERATOR_EMAIL": "ops@echodesk.example",
            "BILLING_WEBHOOK_NETWORKS": "127.0.0.0/8",
            "BILLING_WORK_EVERY_SECONDS": "0.5",
        }
        settings = load_settings(environment)
        container = await stack.enter_async_context(open_container(settings))
        await container.storage().migrate()
        await prepare_queue(settings)
        await container.load_catalogue().load(read_catalogue(packaged("demo_catalogue.toml")))
        made = await container.webhooks().create(OPERATOR, receiver.url, ["BillingStalled", "BillingRecovered"])
        receiver.secret = made.secret
        http = await stack.enter_async_context(aiohttp.ClientSession())
        forge = await stack.enter_async_context(forging())
        serve = await start(tmp_path / "serve.log", environment, "echodesk_billing", "serve")
        await serve.ready()
        client = Client(f"http://127.0.0.1:{settings.port}", http, await container.tokens().issue(principal("acme")))
        yield Company(container, environment, bank, inbox, receiver, client, serve, tmp_path, forge)
        await serve.stop()


async def until(is_so: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for something to become so."""
    try:
        async with asyncio.timeout(45):
            while not await is_so():
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(what) from None


async def test_a_stall_is_told_in_every_way_and_ends_by_itself(company: Company) -> None:
    worker = await company.worker()
    payment = await company.client.buy()
    await company.bank.pay(payment["bank_order_id"])
    await company.bank.answered(payment["bank_order_id"])
    assert (await company.readiness())["renewals"] == {"ok": True, "problem": None}
    await worker.stop()
    await company.bank.control("POST", "clock", {"advance": MONTH})
    await company.bank.control("POST", "clock", {"advance": THREE_HOURS})

    async def is_told() -> bool:
        return bool(company.inbox.mails) and company.receiver.types() == ["BillingStalled"]

    await until(is_told, "neither mail nor webhook")
    (mail,) = company.inbox.mails
    assert (mail["To"], "billing has stalled" in mail["Subject"]) == ("ops@echodesk.example", True)
    assert '"event": "billing.stalled"' in company.serve.printed
    readiness = await company.readiness()
    assert readiness["status"] == "ready", "the service can still take payments"
    assert "echodesk-billing work" in readiness["renewals"]["problem"]
    renewals = next(one for one in readiness["chores"] if one["name"] == "renewals")
    assert renewals["behind_seconds"] > THREE_HOURS
    assert await company.metric("billing_stalled") == "1.0"
    environment = {**company.environment, "BILLING_LOG_LEVEL": "error"}
    code, printed = await company.forge.run(company.folder / "check.log", environment, "check")
    assert (code, "renewal(s) are due" in printed) == (1, True), printed
    assert "chore renewals" in printed
    assert "s behind" in printed

    worker = await company.worker()

    async def is_over() -> bool:
        return company.receiver.types() == ["BillingStalled", "BillingRecovered"] and len(company.inbox.mails) == 2

    await until(is_over, "it does not end")
    assert (await company.readiness())["renewals"] == {"ok": True, "problem": None}
    assert await company.metric("billing_stalled") == "0.0"
    await worker.stop()
