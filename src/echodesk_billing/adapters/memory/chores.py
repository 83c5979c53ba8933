"""Heartbeats of the background work, and stalls that were noticed, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.notifications.heartbeat import Heartbeat, Stall


class MemoryChores:
    def __init__(self, memory: Contents) -> None:
        self._memory = memory

    def beat(self, heartbeat: Heartbeat) -> None:
        known = self._memory.heartbeats.get(heartbeat.chore)
        ran_at = heartbeat.ran_at or (known.ran_at if known else None)
        self._memory.heartbeats[heartbeat.chore] = evolve(heartbeat, ran_at=ran_at)

    def heartbeats(self) -> Sequence[Heartbeat]:
        return [self._memory.heartbeats[chore] for chore in sorted(self._memory.heartbeats)]

    def stall(self) -> Stall | None:
        return self._memory.stall

    def lock_stall(self) -> Stall | None:
        return self._memory.stall

    def save_stall(self, stall: Stall | None) -> None:
        self._memory.stall = stall
