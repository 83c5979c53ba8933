"""Heartbeats of the background work, and stalls that were noticed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from echodesk_billing.domain.notifications.heartbeat import Heartbeat, Stall


class Chores(Protocol):
    """Heartbeats of the background work, and stalls that were noticed."""

    def beat(self, heartbeat: Heartbeat) -> None:
        """Store a heartbeat; one without `ran_at` leaves the stored moment as it is."""
        ...

    def heartbeats(self) -> Sequence[Heartbeat]:
        """All heartbeats."""
        ...

    def stall(self) -> Stall | None:
        """The stall that was noticed."""
        ...

    def lock_stall(self) -> Stall | None:
        """The stall that was noticed, locked until the transaction ends."""
        ...

    def save_stall(self, stall: Stall | None) -> None:
        """Store a stall, or that there is none."""
        ...
