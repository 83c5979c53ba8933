"""A year in a minute: `make run`'s own program, a saved card, and the clock moved on month by month."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from attrs import define

from echodesk_billing.domain.calendar import months_after
from tests.integration.parts import Bank, Client, Forge, free_port, start

ZONE = "Asia/Tbilisi"


@define
class Demo:
    client: Client
    bank: Bank
    environment: dict[str, str]
    folder: Path
    forge: Forge

    async def now(self) -> datetime:
        return datetime.fromisoformat((await self.bank.control("GET", "clock"))["now"])

    async def move_to(self, moment: datetime) -> None:
        await self.bank.control("POST", "clock", {"advance": (moment - await self.now()).total_seconds()})

    async def mine(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.client.subscription())["subscription"]
        return found

    async def renewed_until(self, moment: datetime) -> None:
        """Wait until the subscription is paid until then."""
        async with asyncio.timeout(20):
            while datetime.fromisoformat((await self.mine())["expires_at"]) != moment:
                await asyncio.sleep(0.05)

    async def command(self, *arguments: str) -> Any:
        environment = {**self.environment, **self.bank.environment}
        code, printed = await self.forge.run(self.folder / "command.log", environment, *arguments, "--json")
        assert code == 0, printed[-500:]
        return json.loads(printed.splitlines()[-1])


@pytest.fixture
async def demo(tmp_path: Path, forge: Forge) -> AsyncIterator[Demo]:
    environment = {
        "BILLING_PORT": str(free_port()),
        "SANDBOX_PORT": str(free_port()),
        "DATABASE_URL": f"sqlite:///{tmp_path}/billing.sqlite3",
        "BILLING_DEMO_TOKEN": "demo-token-for-tests",
        "BILLING_LOG_LEVEL": "error",
    }
    process = await start(tmp_path / "demo.log", environment, "echodesk_billing", "dev")
    await process.ready()
    async with aiohttp.ClientSession() as http:
        client = Client(f"http://127.0.0.1:{environment['BILLING_PORT']}", http, "demo-token-for-tests")
        bank = Bank(f"http://127.0.0.1:{environment['SANDBOX_PORT']}", http)
        yield Demo(client, bank, environment, tmp_path, forge)
    assert await asyncio.wait_for(process.stop(), 10) == 0


async def test_thirteen_automatic_payments_in_a_year_with_access_all_the_time(demo: Demo) -> None:
    now = (await demo.now()).astimezone(ZoneInfo(ZONE))
    await demo.move_to(datetime(now.year + 1, 1, 31, 10, tzinfo=ZoneInfo(ZONE)))
    payment = await demo.client.buy(package_id=2, seats=3)
    await demo.bank.pay(payment["bank_order_id"])
    assert await demo.bank.answered(payment["bank_order_id"]) == [200]
    first = await demo.mine()
    anchor = datetime.fromisoformat(first["starts_at"])
    interrupted: list[Any] = []

    async def watch() -> None:
        while True:
            mine = await demo.mine()
            if not mine["is_active"]:
                interrupted.append(mine)
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    for month in range(1, 13):
        await demo.move_to(months_after(anchor, month, ZONE))
        await demo.renewed_until(months_after(anchor, month + 1, ZONE))
    watching.cancel()
    assert interrupted == []

    days = [months_after(anchor, month, ZONE).astimezone(ZoneInfo(ZONE)).day for month in range(13)]
    assert days == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31]
    invoices = (await demo.client.get("/api/payments/invoices/")).body["invoices"]
    numbers = [invoice["invoice_number"] for invoice in reversed(invoices)]
    year = now.year + 1
    assert numbers == [f"INV-{year}-{n:06}" for n in range(1, 13)] + [f"INV-{year + 1}-000001"]

    charged = [order for order in await demo.bank.control("GET", "orders") if order["payment_detail"]["code"] == "100"]
    assert len(charged) == 13
    orders = await demo.command("order", "list")
    assert [order["state"] for order in orders] == ["completed"] * 13
    assert sorted(order["period"] for order in orders) == list(range(13))
    status = await demo.command("status")
    assert status["bank_balance"] == [{"amount": "1911.00", "currency": "GEL"}]
    assert (await demo.command("renew", "--dry-run")) == []

    last_day = f"{months_after(anchor, 12, ZONE).astimezone(ZoneInfo(ZONE)):%Y-%m-%d}"
    report = await demo.command("reconcile", "--report", "--day", last_day)
    assert (report["day"], report["differing"], len(report["orders"])) == (last_day, 0, 1)
    assert report["totals"]["GEL"]["at_the_bank"] == report["totals"]["GEL"]["in_the_books"]
    statement = await demo.command("subscription", "statement", "demo")
    assert [entry["kind"] for entry in statement] == ["payment", "invoice"] * 13
    shown = await demo.command("subscription", "show", "demo")
    assert (shown["state"], shown["has_access"], shown["next_period"]) == ("active", True, 13)


async def test_a_declined_renewal_is_retried_and_a_payment_reactivates_it(demo: Demo) -> None:
    payment = await demo.client.buy(package_id=2, seats=3)
    await demo.bank.pay(payment["bank_order_id"])
    assert await demo.bank.answered(payment["bank_order_id"]) == [200]
    due = datetime.fromisoformat((await demo.mine())["expires_at"])
    await demo.bank.control("PUT", "cards/4000000000000001", {"code": "107"})
    await demo.move_to(due)
    await _state(demo, "past_due")
    assert (await demo.mine())["is_active"] is True
    await demo.bank.control("POST", "clock", {"advance": 8 * 86400})
    await _state(demo, "suspended")
    assert (await demo.mine())["is_active"] is False
    await demo.bank.control("PUT", "cards/4000000000000001", {"code": None})
    answer = await demo.client.post("/api/payments/reactivate/")
    await demo.bank.pay(answer.body["payment_url"].rpartition("=")[2])
    await _state(demo, "active")
    mine = await demo.mine()
    assert (mine["is_active"], datetime.fromisoformat(mine["expires_at"]) > due) == (True, True)
    types = [event["type"] for event in (await demo.client.get("/api/events/")).body["events"]]
    assert [kind for kind in types if kind in ("SubscriptionPastDue", "SubscriptionSuspended")] == [
        "SubscriptionPastDue",
        "SubscriptionSuspended",
    ]


async def _state(demo: Demo, expected: str) -> None:
    async with asyncio.timeout(20):
        while (await demo.mine())["state"] != expected:
            await asyncio.sleep(0.05)
