"""Background loops end when they are told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from echodesk_billing.adapters.jobs.loop import end, every, keep


def loses_the_first_cancellation(started: asyncio.Event) -> Callable[[], Awaitable[object]]:
    """A job like one that waits in `asyncio.wait_for` for a result that comes together with a cancellation."""

    async def job() -> None:
        if started.is_set():
            await asyncio.Event().wait()
        try:
            await asyncio.sleep(0)
            started.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

    return job


@pytest.mark.parametrize("loop", ["every", "keep"])
async def test_a_loop_whose_job_loses_a_cancellation_ends_all_the_same(loop: str) -> None:
    started = asyncio.Event()
    job = loses_the_first_cancellation(started)
    task = asyncio.create_task(every(0, job, "mail") if loop == "every" else keep("mail", job))
    await started.wait()
    async with asyncio.timeout(10):
        await end([task], again_seconds=0.01)
    assert task.cancelled()


async def test_what_has_ended_already_does_not_delay_the_end() -> None:
    async def fails() -> None:
        raise ValueError

    failed, waits = asyncio.create_task(fails()), asyncio.create_task(asyncio.Event().wait())
    await asyncio.wait([failed])
    async with asyncio.timeout(10):
        await end([failed, waits])
    assert (failed.done(), waits.cancelled(), type(failed.exception())) == (True, True, ValueError)
