"""Jobs for workers, where there is a queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Queue(Protocol):
    """Jobs for workers, where there is a queue. It may be lost: due work is found in other tables."""

    def put(self, task: str, tenants: Sequence[str], trace: str = "") -> None:
        """Enqueue `task` for tenants in this transaction; does nothing where there is no queue.

        Args:
            trace: the span that led to it, so that the job goes on with its trace; empty where nothing is traced.
        """
        ...
