"""Posts prepared callbacks over 16 connections, in a process of its own; prints seconds, its own CPU and statuses."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from pathlib import Path

import aiohttp

CONNECTIONS = 16


async def post_all(url: str, callbacks: list[list[str]]) -> dict[str, object]:
    """As fast as they are answered."""
    work, statuses = iter(callbacks), Counter[int]()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as http:

        async def connection() -> None:
            for body, signature in work:
                headers = {"Callback-Signature": signature, "Content-Type": "application/json"}
                async with http.post(url, data=body.encode(), headers=headers) as response:
                    statuses[response.status] += 1
                    await response.read()

        started = time.perf_counter()
        await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
        seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "statuses": dict(statuses)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(post_all(sys.argv[1], json.loads(Path(sys.argv[2]).read_text())))))
