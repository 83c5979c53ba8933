"""Rate limits, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path

from tests.integration.conftest import Service
from tests.integration.parts import Bank, Client, free_port, start


async def test_too_many_calls_are_429_with_retry_after(service: Service, tmp_path: Path) -> None:
    environment = {
        **service.environment,
        "BILLING_PORT": str(free_port()),
        "BILLING_RATE_LIMIT_PER_TOKEN": "5/minute",
        "BILLING_RATE_LIMIT_PER_ADDRESS": "10/minute",
    }
    process = await start(tmp_path / "serve.log", environment, "echodesk_billing", "serve")
    await process.ready()
    url = f"http://127.0.0.1:{environment['BILLING_PORT']}"
    user = Client(url, service.http, (await service.client()).token)
    statuses = [(await user.get("/api/subscription/me/")).status for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    other = Client(url, service.http, (await service.client()).token)
    assert (await other.get("/api/subscription/me/")).status == 200
    stranger = Client(url, service.http, "guessed")
    answers = [await stranger.get("/api/subscription/me/") for _ in range(11)]
    assert [answer.status for answer in answers] == [401] * 10 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].headers["Content-Type"] == "application/problem+json"
    assert await process.stop() == 0


async def test_requests_beyond_the_limit_are_rejected_at_once_and_health_is_always_answered(
    service: Service, bank: Bank, tmp_path: Path
) -> None:
    environment = {**service.environment, "BILLING_PORT": str(free_port()), "BILLING_REQUESTS_AT_ONCE": "4"}
    process = await start(tmp_path / "serve.log", environment, "echodesk_billing", "serve")
    await process.ready()
    url = f"http://127.0.0.1:{environment['BILLING_PORT']}"
    user = Client(url, service.http, (await service.client()).token)
    await bank.fault("/ecommerce/orders", "delay", seconds=1, times=4)
    buying = [
        asyncio.create_task(user.post("/api/payments/create/", {"package_id": 1}, Idempotency_Key=str(number)))
        for number in range(16)
    ]
    refused, _ = await asyncio.wait(buying, return_when=asyncio.FIRST_COMPLETED)
    assert {task.result().status for task in refused} == {503}
    assert (await user.get("/healthz")).status == 200
    answers = await asyncio.gather(*buying)
    assert sorted(answer.status for answer in answers) == [200] * 4 + [503] * 12
    assert {answer.headers["Retry-After"] for answer in answers if answer.status == 503} == {"1"}
    assert (await user.post("/api/payments/create/", {"package_id": 1})).status == 200
    assert await process.stop() == 0


async def test_a_stop_finishes_requests_in_progress(service: Service, bank: Bank, tmp_path: Path) -> None:
    environment = {**service.environment, "BILLING_PORT": str(free_port()), "BILLING_BANK_TIMEOUT_SECONDS": "5"}
    process = await start(tmp_path / "serve.log", environment, "echodesk_billing", "serve")
    await process.ready()
    user = Client(f"http://127.0.0.1:{environment['BILLING_PORT']}", service.http, (await service.client()).token)
    await bank.fault("/ecommerce/orders", "delay", seconds=1)
    buying = asyncio.create_task(user.buy())
    async with asyncio.timeout(10):
        while "order.created" not in process.printed:
            await asyncio.sleep(0.01)
    code = await asyncio.wait_for(process.stop(), 10)
    assert code == 0
    assert (await buying)["payment_url"]


def resident_bytes(pid: int) -> int:
    """How much memory a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_a_flood_of_four_times_the_limit_is_answered_and_leaves_nothing_behind(
    service: Service, tmp_path: Path
) -> None:
    """Everything is answered, well or 503; health is answered meanwhile; memory stays; afterwards all is as before."""
    at_once = 16
    environment = {
        **service.environment,
        "BILLING_PORT": str(free_port()),
        "BILLING_REQUESTS_AT_ONCE": str(at_once),
        "BILLING_LOG_LEVEL": "error",
    }
    process = await start(tmp_path / "serve.log", environment, "echodesk_billing", "serve")
    await process.ready()
    url = f"http://127.0.0.1:{environment['BILLING_PORT']}"
    user = Client(url, service.http, (await service.client()).token)
    for _ in range(50):
        assert (await user.get("/api/subscription/me/")).status == 200
    before = resident_bytes(process.process.pid)
    statuses: Counter[int] = Counter()

    async def caller() -> None:
        for _ in range(40):
            statuses[(await user.get("/api/subscription/me/")).status] += 1

    flood = [asyncio.create_task(caller()) for _ in range(4 * at_once)]
    for _ in range(10):
        assert (await user.get("/healthz")).status == 200
    await asyncio.gather(*flood)
    assert set(statuses) <= {200, 503}
    assert statuses[200] >= 4 * at_once
    assert (await user.get("/api/subscription/me/")).status == 200
    assert resident_bytes(process.process.pid) - before < 50 * 1024 * 1024
    assert await process.stop() == 0
    assert "Traceback" not in process.printed
