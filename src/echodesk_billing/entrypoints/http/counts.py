"""Counts for rate limits, in memory.

The memory storage of `limits` looks at all its keys at every count; this one looks at those that have ended.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque

from attrs import define
from limits.aio.storage import Storage


@define
class _Window:
    ends: float
    count: int = 0


class Counts(Storage):
    """Counts by key, each in a window that begins with its first count."""

    STORAGE_SCHEME = ["async+billing"]  # noqa: RUF012 - as the library has it

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[str, _Window] = {}
        self._ending: defaultdict[float, deque[tuple[float, str]]] = defaultdict(deque)  # of windows as long, in order

    @property
    def base_exceptions(self) -> type[Exception]:
        """None of its own."""
        return ValueError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count; returns how many in this window.

        Args:
            expiry: seconds that a window lasts.
        """
        now = time.time()
        self._drop_ended(self._ending[expiry], now)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(now + expiry)
            self._ending[expiry].append((window.ends, key))
        window.count += amount
        return window.count

    def _drop_ended(self, ending: deque[tuple[float, str]], now: float) -> None:
        while ending and ending[0][0] <= now:
            self._windows.pop(ending.popleft()[1], None)

    async def get(self, key: str) -> int:
        """How many in this window."""
        window = self._windows.get(key)
        return window.count if window is not None and window.ends > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        """When this window ends, in seconds since 1970."""
        window = self._windows.get(key)
        return window.ends if window is not None else time.time()

    async def check(self) -> bool:
        """Always there."""
        return True

    async def reset(self) -> int:
        """Forget everything; returns how many keys there were."""
        number = len(self._windows)
        self._windows.clear()
        self._ending.clear()
        return number

    async def clear(self, key: str) -> None:
        """Begin a key anew."""
        if key in self._windows:
            self._windows[key].count = 0
