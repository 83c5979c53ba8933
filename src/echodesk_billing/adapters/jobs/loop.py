"""Background loops that survive every error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NoReturn

import structlog

log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
LONGEST_JOB_SECONDS = 15 * 60.0
CANCEL_AGAIN_SECONDS = 0.5


async def every(seconds: float, job: Callable[[], Awaitable[object]], name: str) -> NoReturn:
    """Run `job` and wait, again and again, until cancelled. Errors are logged; hanging runs are cut off.

    Args:
        seconds: of this machine's time between the end of one run and the start of the next.
        name: of the job, for the log.
    """
    while True:
        try:
            async with asyncio.timeout(LONGEST_JOB_SECONDS):
                await job()
        except Exception as error:  # noqa: BLE001 - the next run may fare better
            log.error("job.failed", job=name, error=type(error).__name__, reason=str(error))
        await asyncio.sleep(seconds)


async def keep(name: str, run: Callable[[], Awaitable[object]]) -> NoReturn:
    """Run something that is not meant to end, and restart it whenever it does, until cancelled.

    Args:
        name: for the log.
        run: starts it; the pause before a restart grows while it keeps failing.
    """
    loop, pause = asyncio.get_running_loop(), FIRST_PAUSE_SECONDS
    while True:
        started = loop.time()
        try:
            await run()
            reason = "it returned"
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            reason = "it was cancelled from within"
        except Exception as error:  # noqa: BLE001 - whatever ended it, it starts again
            reason = f"{type(error).__name__}: {error}"
        if loop.time() - started > LONGEST_PAUSE_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        log.error("task.ended", task=name, reason=reason, starts_again_in_seconds=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def end(tasks: Iterable[asyncio.Task[Any]], again_seconds: float = CANCEL_AGAIN_SECONDS) -> None:
    """Cancel tasks until all have ended.

    Once is not enough: before Python 3.12, `asyncio.wait_for`, which libraries use, loses a cancellation that arrives
    together with its result.

    Args:
        again_seconds: how long a task may take to end before it is cancelled again.
    """
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=again_seconds)
