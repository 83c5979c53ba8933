"""Jobs for workers, where there is a queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Queue(Protocol):
    """Jobs for workers, where there is a queue. Losing it loses nothing: what is due is found in other tables."""

    def put(self, task: str, tenants: Sequence[str]) -> None:
        """Have `task` done for tenants, once this transaction is committed; nothing where there is no queue."""
        ...
