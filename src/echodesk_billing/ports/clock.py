"""Time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The one source of time. It is awaited because it may be the simulated bank's clock."""

    async def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...
