"""Jobs of procrastinate, in memory."""

from __future__ import annotations

from collections.abc import Sequence


class NoQueue:
    def put(self, task: str, tenants: Sequence[str]) -> None:
        """Whoever waits for jobs here waits for ever: memory is worked on directly."""
