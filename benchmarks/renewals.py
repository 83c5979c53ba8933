"""Renewals: what workers get done while the bank takes 200 ms for each, against what that leaves possible."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
from tests.integration.parts import free_port

from benchmarks import material
from benchmarks.bank import ANSWERS_AFTER
from benchmarks.callbacks import service
from benchmarks.figures import Figure
from benchmarks.machine import Machine, server
from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import open_container
from echodesk_billing.entrypoints.server.serving import prepare_queue

CONCURRENCY = 16


async def measure(machine: Machine) -> list[Figure]:
    """One worker, then two, on as much as keeps them busy for some seconds."""
    rounds = 1 if machine.quick else 3
    found: dict[int, list[float]] = {1: [], 2: []}
    for number in range(rounds):
        for workers, shares in found.items():
            optimum = workers * CONCURRENCY / ANSWERS_AFTER
            rate = await _rate(machine, workers, number=int(optimum * (6 if machine.quick else 30)))
            machine.say(f"renewals, round {number}: {workers} worker(s) {rate * 60:.0f} a minute")
            shares.append(rate / optimum)
    both = [2 * two / one for one, two in zip(found[1], found[2], strict=True)]
    return [
        Figure(what="renewals: 1 worker / the bank's maximum", rounds=found[1], goal=0.9),
        Figure(what="renewals: 2 workers / 1", rounds=both, goal=1.9),
    ]


async def _rate(machine: Machine, workers: int, number: int) -> float:
    """Charges per second in the middle of the run, without its start and its end."""
    port = free_port()
    environment = service(
        await machine.database(),
        Signer(),
        BOG_CLIENT_ID="bench",
        BOG_CLIENT_SECRET="bench",  # noqa: S106
        BOG_AUTH_URL=f"http://127.0.0.1:{port}/token",
        BOG_API_BASE_URL=f"http://127.0.0.1:{port}/payments/v1",
        BILLING_WORK_CONCURRENCY=str(CONCURRENCY),
        BILLING_BANK_CALLS_PER_SECOND="1000",
        BILLING_WORK_EVERY_SECONDS="1",
    )
    settings = load_settings(environment)
    async with open_container(settings) as container:
        await container.storage().migrate()
    await prepare_queue(settings)
    await material.many_renewals(environment["DATABASE_URL"], number)
    async with (
        server({}, "benchmarks.bank", str(port), port=port) as bank,
        contextlib.AsyncExitStack() as running,
        aiohttp.ClientSession() as http,
    ):
        for _ in range(workers):
            await running.enter_async_context(server(environment, "echodesk_billing", "work"))
        charged: list[float] = []
        async with asyncio.timeout(300):
            while len(charged) < number:
                await asyncio.sleep(0.5)
                async with http.get(f"{bank.url}/charged") as response:
                    charged = sorted(await response.json())
    first, last = number // 10, number - number // 10
    return (last - first) / (charged[last] - charged[first])
