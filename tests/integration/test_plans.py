"""Every list is found by an index: no read of the console or the API goes through a table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg
from benchmarks.many import many_of_everything

from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.sql.postgres import PostgresStorage
from tests.fake_bank import FakeClock
from tests.integration.plans import plans, reads

ORDERS = 30_000
MOST_BUFFERS = 700


async def test_no_list_reads_a_whole_table(new_database: Callable[[], Awaitable[str]]) -> None:
    url = await new_database()
    storage = PostgresStorage(url, RandomIds())
    await storage.migrate()
    await many_of_everything(url, ORDERS)
    connection = await asyncpg.connect(url)
    found = {}
    for name, read in (await reads(storage, FakeClock())).items():
        for plan in await plans(connection, storage, read):
            if plan.scans or plan.buffers > MOST_BUFFERS:
                found[name] = (plan.buffers, plan.scans, plan.statement[:300])
    assert found == {}
    await connection.close()
    await storage.close()
