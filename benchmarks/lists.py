"""What the lists of the console and the API cost among a million orders: buffers that PostgreSQL reads, by EXPLAIN."""

from __future__ import annotations

import asyncpg
from tests.fake_bank import FakeClock
from tests.integration.plans import plans, reads

from benchmarks.figures import Figure
from benchmarks.machine import Machine
from benchmarks.many import many_of_everything
from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.sql.postgres import PostgresStorage

FEW, MANY = 10_000, 1_000_000
BOUND = 1000


async def measure(machine: Machine) -> list[Figure]:
    """Each list in a small and a large database."""
    sizes = (FEW, 100_000) if machine.quick else (FEW, MANY)
    costs = {}
    for size in sizes:
        url = await machine.database()
        storage = PostgresStorage(url, RandomIds())
        await storage.migrate()
        await many_of_everything(url, size)
        connection = await asyncpg.connect(url)
        found = {}
        for name, read in (await reads(storage, FakeClock())).items():
            found[name] = sum(plan.buffers for plan in await plans(connection, storage, read))
        costs[size] = found
        await connection.close()
        await storage.close()
        machine.say(f"lists: looked at {len(found)} among {size:,} orders")
    few, many = sizes
    worst = max(costs[many], key=lambda name: costs[many][name])
    grown = [costs[many][name] / max(costs[few][name], 1) for name in costs[many]]
    return [
        Figure(
            what=f"buffers of the dearest list among {many:,} orders ({worst})",
            rounds=[costs[many][worst]],
            goal=BOUND,
            at_most=True,
        ),
        Figure(what=f"buffers of all lists among {many:,} / {few:,} (each)", rounds=grown, goal=2, at_most=True),
    ]
