"""What years cost: rows, bytes, WAL and vacuum per order, and callbacks among very many steps in partitions.

`python -m benchmarks.scale --steps 100000000` fills as many as it is told, then compares with a small database. It is
not part of `make bench`: it takes a quarter of an hour and tens of gigabytes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from datetime import UTC, datetime

import asyncpg
from tests.fake_bank import FakeClock
from tests.integration.plans import plans, reads

from benchmarks import material
from benchmarks.callbacks import Side, product, service
from benchmarks.machine import Machine, machine
from benchmarks.many import many_of_everything
from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.sql.partitions import month_after
from echodesk_billing.adapters.sql.postgres import PostgresStorage
from echodesk_billing.container import open_container

STEPS_PER_ORDER = 5
MONTHS = 24
ORDERS = 200_000
CALLBACKS = 1000
TABLES = ("orders", "order_steps", "journal", "invoices", "outbox", "inbox")


async def fill_steps(url: str, steps: int) -> None:
    """Steps of orders long settled, in monthly partitions of two years ahead, as if they had been written there."""
    connection = await asyncpg.connect(url)
    start = month_after(datetime.now(UTC), 3)
    per_month = steps // MONTHS
    for month in range(MONTHS):
        first, last = month_after(start, month), month_after(start, month + 1)
        name = f"order_steps_{first:%Y_%m}"
        await connection.execute(f"CREATE TABLE {name} (LIKE order_steps INCLUDING DEFAULTS)")
        seconds = (last - first).total_seconds() / per_month
        await connection.execute(
            f"INSERT INTO {name} (order_id, at, event, source, before, after, detail, by) "  # noqa: S608
            f"SELECT 'OLD-{month}-' || n / {STEPS_PER_ORDER}, '{first:%Y-%m-%d}+00'::timestamptz "
            f"+ n * interval '{seconds:.6f} seconds', 'complete', 'callback', 'processing', 'completed', '', '' "
            f"FROM generate_series(0, {per_month - 1}) AS n"
        )
        await connection.execute(
            f"ALTER TABLE order_steps ATTACH PARTITION {name} "
            f"FOR VALUES FROM ('{first:%Y-%m-%d}+00') TO ('{last:%Y-%m-%d}+00')"
        )
        print(f"  month {month + 1} of {MONTHS}: {per_month:,} steps", flush=True)
    await connection.execute("ANALYZE order_steps")
    await connection.close()


async def sizes(url: str) -> list[str]:
    """Rows, bytes and index bytes of each table, per row."""
    connection = await asyncpg.connect(url)
    lines = []
    for table in TABLES:
        found = await connection.fetchrow(
            "SELECT sum(pg_relation_size(part)) AS heap, sum(pg_indexes_size(part)) AS indexes FROM ("
            "SELECT relid AS part FROM pg_partition_tree($1::regclass) WHERE isleaf "
            "UNION SELECT $1::regclass WHERE NOT EXISTS (SELECT FROM pg_partition_tree($1::regclass) WHERE level > 0)"
            ") AS parts",
            table,
        )
        rows = await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
        if rows:
            heap, indexes = int(found["heap"]), int(found["indexes"])
            lines.append(
                f"{table}: {rows:,} rows, {heap / rows:.0f} bytes each and {indexes / rows:.0f} of indexes, "
                f"{(heap + indexes) / 2**30:.1f} GiB"
            )
    await connection.close()
    return lines


async def side(place: Machine, steps: int, signer: Signer) -> tuple[str, dict[str, str]]:
    """A database with so many steps; gives its address and environment."""
    url = await place.database()
    storage = PostgresStorage(url, RandomIds())
    await storage.migrate()
    await storage.close()
    await many_of_everything(url, ORDERS)
    if steps:
        await fill_steps(url, steps)
    return url, service(url, signer)


async def measure(place: Machine, steps: int) -> None:
    """Both sides in one run, interleaved."""
    signer = Signer()
    made = {"few": await side(place, 0, signer), "many": await side(place, steps, signer)}
    print("\n".join(await sizes(made["many"][0])))
    rates: dict[str, list[float]] = {"few": [], "many": []}
    wal: dict[str, list[float]] = {"few": [], "many": []}
    async with contextlib.AsyncExitStack() as running:
        sides = {}
        for name, (_, environment) in made.items():
            container = await running.enter_async_context(open_container(load_settings(environment)))
            sides[name] = Side(container, [await running.enter_async_context(product(environment))])
        for number in range(8):
            for name, one in sides.items():
                connection = await asyncpg.connect(made[name][0])
                waiting = await material.orders(one.container.storage(), CALLBACKS)
                await connection.execute("CHECKPOINT")
                before = await connection.fetchval("SELECT pg_current_wal_lsn()")
                sent = await place.send(material.callbacks(waiting, signer, one.servers[0].url))
                written = await connection.fetchval("SELECT pg_current_wal_lsn() - $1::pg_lsn", before)
                await connection.close()
                if number:
                    rates[name].append(sent.per_second)
                    wal[name].append(float(written) / CALLBACKS)
    ratios = [few / many for few, many in zip(rates["few"], rates["many"], strict=True)]
    print(
        f"a callback among {steps:,} steps / among few: {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )
    print(f"WAL per callback: {statistics.median(wal['many']):,.0f} bytes (few: {statistics.median(wal['few']):,.0f})")
    url = made["many"][0]
    storage, connection = PostgresStorage(url, RandomIds()), await asyncpg.connect(url)
    worst = ("", 0)
    for name, read in (await reads(storage, FakeClock())).items():
        buffers = sum(plan.buffers for plan in await plans(connection, storage, read))
        worst = max(worst, (name, buffers), key=lambda one: one[1])
    newest = (await storage.read(lambda uow: uow.orders.listed(None, None, 1)))[0]
    found = await plans(connection, storage, lambda: storage.read(lambda uow: uow.orders.history(newest.id)))
    buffers = sum(plan.buffers for plan in found)
    print(f"the dearest list reads {worst[1]} buffers ({worst[0]}); the history of an order {buffers}")
    started = time.monotonic()
    await connection.execute("VACUUM order_steps_before")
    print(f"vacuum of the partition that is written: {time.monotonic() - started:.1f} s")
    started = time.monotonic()
    await connection.execute(f"DROP TABLE order_steps_{month_after(datetime.now(UTC), 3):%Y_%m}")
    print(f"dropping a month of {steps // MONTHS:,} steps: {time.monotonic() - started:.2f} s")
    await storage.close()
    await connection.close()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000_000)
    chosen = parser.parse_args()
    with machine(quick=True, say=print) as place:
        asyncio.run(measure(place, chosen.steps))
    return 0


if __name__ == "__main__":
    sys.exit(main())
