"""Killed with SIGKILL at every step between a commit and a call, on both databases; then restarted and reconciled."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import Container, open_container
from echodesk_billing.domain.accounting.audit import compare
from echodesk_billing.domain.events import OrderCompleted, OrderCorrected
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.entrypoints.catalogue_file import read_catalogue
from echodesk_billing.entrypoints.server.serving import packaged
from echodesk_billing.ports.storage import UnitOfWork
from tests.integration.conftest import service_environment
from tests.integration.parts import ROOT, Bank, clean_environment, running_bank

SUFFIXES = ("", "-held", "-new")


@define
class Site:
    bank: Bank
    container: Container
    child: asyncio.subprocess.Process

    async def live(self, tenant: str, fatal: int) -> list[str]:
        """Let a tenant live until the step that kills; gives what the process printed."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write(f"{tenant} {fatal}\n".encode())
        await self.child.stdin.drain()
        printed: list[str] = []
        while not printed or not printed[-1].startswith(("killed", "ended")):
            line = await asyncio.wait_for(self.child.stdout.readline(), 30)
            assert line, printed
            printed.append(line.decode().strip())
        return printed

    async def recover(self) -> None:
        """What a process that starts again does by itself."""
        for _ in range(4):
            async for _ in self.container.reconcile().run(older_than=timedelta(0)):
                pass
            if not await self.unsettled():
                return
            await self.bank.control("POST", "clock", {"advance": 60})
        assert await self.unsettled() == []

    async def expire(self) -> None:
        """What nobody will pay any more ends, so that the bank is not asked about it after every later step."""
        await self.bank.control("POST", "clock", {"advance": 3600})
        await self.recover()

    async def unsettled(self) -> list[str]:
        """Orders in doubt, charges without an answer, and refunds the bank has not finished."""
        now = await self.container.clock().now()
        orders = await self.container.storage().read(lambda uow: uow.orders.due(now + timedelta(days=9), 10_000))
        return [
            order.id
            for order in orders
            if order.state is OrderState.CREATED
            or order.pending_refunds
            or (order.is_open and order.request.is_automatic)
        ]

    async def orders(self, tenant: str) -> list[Order]:
        names = {tenant + suffix for suffix in SUFFIXES}

        def look(uow: UnitOfWork) -> list[Order]:
            return [order for name in names for order in uow.orders.listed(name, None, 100)]

        return await self.container.storage().read(look)


@pytest.fixture(params=["sqlite", "postgres"])
async def site(
    request: pytest.FixtureRequest, tmp_path: Path, new_database: Callable[[], Awaitable[str]]
) -> AsyncIterator[Site]:
    url = f"sqlite:///{tmp_path}/crash.sqlite3" if request.param == "sqlite" else await new_database()
    async with running_bank(tmp_path / "bank.log") as bank:
        environment = {**await service_environment(bank, url, Signer()), "BILLING_LOG_LEVEL": "error"}
        async with open_container(load_settings(environment)) as container:
            await container.storage().migrate()
            await container.load_catalogue().load(read_catalogue(packaged("demo_catalogue.toml")))
            with (tmp_path / "child.log").open("wb") as errors:
                child = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "tests.integration.crashing",
                    env=clean_environment(environment), cwd=ROOT,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                )  # fmt: skip
            yield Site(bank, container, child)
            child.kill()
            await child.wait()


async def test_a_process_that_dies_at_any_step_leaves_nothing_lost_or_doubled(site: Site) -> None:
    steps, ended = (await site.live("alive", 0))[-2:]
    assert ended == "ended 0"
    points: list[str] = json.loads(steps)
    assert len(points) > 60
    await site.recover()
    await _check(site, "alive", "nowhere")
    for number, point in enumerate(points, 1):
        tenant = f"t{number:03}"
        assert (await site.live(tenant, number))[-1] == "killed 9", point
        await site.recover()
        await _check(site, tenant, point)
        await site.expire()


async def _check(site: Site, tenant: str, point: str) -> None:
    """The invariants, for everything that a tenant did before the process died."""
    orders = await site.orders(tenant)
    for order in orders:
        assert len(await site.bank.orders(order.id)) == 1, f"{point}: {order.id} is not at the bank once"
        assert order.state is not OrderState.CREATED, point
        assert not order.pending_refunds, point
        assert not order.attention, f"{point}: {order.attention}"
        receipt = await site.container.gateway().receipt(order.bank_order_id or "")
        entries = await site.container.storage().read(lambda uow, order=order: uow.books.of_order(order.id))
        assert compare(order, receipt, entries).differences == (), point
    periods = Counter((order.tenant_id, order.period) for order in orders if order.plan and order.captured)
    assert max(periods.values(), default=0) <= 1, point
    told, invoiced = await site.container.storage().transact(lambda uow: _told_and_invoiced(uow, tenant))
    paid = [order for order in orders if order.captured is not None]
    assert told == Counter(order.id for order in paid), point
    assert invoiced == Counter(order.id for order in paid if order.purpose is not Purpose.CARD), point


def _told_and_invoiced(uow: UnitOfWork, tenant: str) -> tuple[Counter[str], Counter[str]]:
    told: list[Any] = []
    invoiced: list[str] = []
    for suffix in SUFFIXES:
        told += uow.outbox.feed(tenant + suffix, None, 1000)
        invoiced += [invoice.order_id for invoice in uow.books.invoices_of(tenant + suffix, 100)]
    paid = (event.order_id for event in told if isinstance(event, OrderCompleted | OrderCorrected))
    return Counter(paid), Counter(invoiced)
