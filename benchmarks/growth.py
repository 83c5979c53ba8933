"""What growth costs: callbacks and the search for what is due, among many, against ten thousand."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

from benchmarks import material
from benchmarks.callbacks import Side, product, service
from benchmarks.figures import Figure
from benchmarks.machine import Machine
from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import open_container

FEW = 10_000
ONE_DUE_IN = 20
CLAIMED = 100


async def measure(machine: Machine) -> list[Figure]:
    """A database of each size, asked in turn."""
    signer = Signer()
    sizes = (FEW, 50_000) if machine.quick else (FEW, 100_000, 1_000_000)
    size = 300 if machine.quick else 1000
    rates: dict[int, list[float]] = {number: [] for number in sizes}
    finds: dict[int, list[float]] = {number: [] for number in sizes}
    claims: dict[int, list[float]] = {number: [] for number in sizes}
    async with contextlib.AsyncExitStack() as running:
        sides = {}
        for number in sizes:
            environment = service(await machine.database(), signer)
            container = await running.enter_async_context(open_container(load_settings(environment)))
            await container.storage().migrate()
            await material.many_orders(environment["DATABASE_URL"], number)
            await material.many_due(environment["DATABASE_URL"], number, one_in=ONE_DUE_IN)
            sides[number] = Side(container, [await running.enter_async_context(product(environment))])
            machine.say(f"growth: made {number:,} orders and subscriptions")
        for round_ in range(machine.rounds + 1):
            for number, side in sides.items():
                waiting = await material.orders(side.container.storage(), size)
                sent = await machine.send(material.callbacks(waiting, signer, side.servers[0].url))
                find = min([await _find_seconds(side) for _ in range(20)])
                claim = min([await _claim_seconds(side) for _ in range(3)])
                if round_:
                    rates[number].append(sent.per_second)
                    finds[number].append(find)
                    claims[number].append(claim)
            machine.say(f"growth: round {round_}")
    few, *more = sizes
    return [
        figure
        for number in more
        for figure in (
            Figure(
                what=f"a callback among {number:,} orders / {few:,}",
                rounds=[a / b for a, b in zip(rates[few], rates[number], strict=True)],
                goal=1.2,
                at_most=True,
            ),
            Figure(
                what=f"finding what is due among {number:,} / {few:,}",
                rounds=[b / a for a, b in zip(finds[few], finds[number], strict=True)],
                goal=1.2,
                at_most=True,
            ),
            Figure(
                what=f"claiming it (writes {CLAIMED} rows) among {number:,} / {few:,}",
                rounds=[b / a for a, b in zip(claims[few], claims[number], strict=True)],
                goal=1.2,
                at_most=True,
            ),
        )
    ]


async def _find_seconds(side: Side) -> float:
    """Of reading what is due."""
    clock = asyncio.get_running_loop().time
    now = await side.container.clock().now()
    started = clock()
    if len(await side.container.storage().read(lambda uow: uow.subscriptions.due(now, CLAIMED))) != CLAIMED:
        raise AssertionError("fewer were due than were made")
    return clock() - started


async def _claim_seconds(side: Side) -> float:
    """Of a claim that is given back by being already over."""
    clock = asyncio.get_running_loop().time
    now = await side.container.clock().now()

    def claim(uow: Any) -> int:
        return len(uow.subscriptions.claim_due(now, now - timedelta(seconds=1), CLAIMED))

    started = clock()
    if await side.container.storage().transact(claim) != CLAIMED:
        raise AssertionError("fewer were due than were made")
    return clock() - started
