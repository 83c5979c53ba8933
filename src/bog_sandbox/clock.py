"""A clock that can be advanced, and work scheduled on it."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from bog_sandbox.store import Store

Work = Callable[[], Awaitable[None]]


class Clock:
    """This machine's time, plus an offset.

    Args:
        store: keeps the offset across restarts.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ahead: timedelta = store.get("clock", "ahead") or timedelta(0)
        self._numbers = itertools.count()
        self._waiting: list[tuple[datetime, int, Work]] = []
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> datetime:
        """Advance the clock; work that becomes due runs at once."""
        self._ahead += timedelta(seconds=seconds)
        self._store.put("clock", "ahead", self._ahead)
        self._changed.set()
        return self.now()

    def after(self, seconds: float, work: Work) -> None:
        """Run `work` after `seconds` of this clock."""
        heapq.heappush(self._waiting, (self.now() + timedelta(seconds=seconds), next(self._numbers), work))
        self._changed.set()

    def forget(self) -> None:
        """Drop all scheduled work."""
        self._waiting.clear()

    async def run(self) -> None:
        """Start work as it becomes due, until cancelled."""
        while True:
            self._changed.clear()
            while self._waiting and self._waiting[0][0] <= self.now():
                task = asyncio.create_task(_run(heapq.heappop(self._waiting)[2]))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            seconds = (self._waiting[0][0] - self.now()).total_seconds() if self._waiting else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if seconds is None else max(seconds, 0)):
                    await self._changed.wait()


async def _run(work: Work) -> None:
    await work()
