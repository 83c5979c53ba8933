"""A job done again and again in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()


async def every(seconds: float, job: Callable[[], Awaitable[object]], name: str) -> None:
    """Do `job`, wait, and again, until cancelled. What it raises is logged and ends nothing.

    Args:
        seconds: of this machine's time between the end of one run and the start of the next.
        name: of the job, for the log.
    """
    while True:
        try:
            await job()
        except Exception as error:  # noqa: BLE001 - the next run may fare better
            log.error("job.failed", job=name, error=type(error).__name__, reason=str(error))
        await asyncio.sleep(seconds)
