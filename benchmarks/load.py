"""Sends prepared requests over some connections, in a process of its own; writes what it saw over them.

`python -m benchmarks.load FILE PER_SECOND CONNECTIONS`: as fast as they are answered where PER_SECOND is 0.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import uvloop


async def send_all(requests: Sequence[dict[str, Any]], per_second: float, connections: int) -> dict[str, Any]:
    """Send them; the latency of each counts from when it was due, so that waiting for its turn is not forgiven."""
    statuses, latencies = Counter[int](), []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as http:
        used = resource.getrusage(resource.RUSAGE_SELF)
        started = time.perf_counter()

        async def connection(mine: Iterator[tuple[int, dict[str, Any]]]) -> None:
            for number, request in mine:
                due = started + number / per_second if per_second else time.perf_counter()
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                async with http.request(
                    request["method"], request["url"], data=request["body"], headers=request["headers"]
                ) as response:
                    await response.read()
                    statuses[response.status] += 1
                latencies.append(time.perf_counter() - due)

        work = enumerate(requests)
        await asyncio.gather(*(connection(work) for _ in range(connections)))
        seconds = time.perf_counter() - started
    now = resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return {"seconds": seconds, "cpu": cpu, "statuses": dict(statuses), "latencies": sorted(latencies)}


if __name__ == "__main__":
    file = Path(sys.argv[1])
    seen = uvloop.run(send_all(json.loads(file.read_text()), float(sys.argv[2]), int(sys.argv[3])))
    file.write_text(json.dumps(seen))
