"""Watching the background work: heartbeats, how far behind it is, and the alarm when renewals stand still."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from attrs import evolve

from echodesk_billing.domain.events import BillingRecovered, BillingStalled, Event
from echodesk_billing.domain.notifications.heartbeat import (
    Chore,
    ChoreState,
    Heartbeat,
    Stall,
    is_announced,
    is_stalled,
)
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

BEAT_EVERY = timedelta(seconds=15)
LONGEST_PROBLEM = 300
MOST_COUNTED = 1000


class Watch:
    """Keeps heartbeats, and notices when billing has stalled.

    Args:
        limit: how long a renewal may be due before that is so.
    """

    def __init__(self, storage: Storage, clock: Clock, limit: timedelta) -> None:
        self._storage = storage
        self._clock = clock
        self._limit = limit
        self._beaten: dict[Chore, Heartbeat] = {}

    async def beat(self, chore: Chore, problem: str = "") -> None:
        """Note that a chore ended well, or why it failed; a chore that runs often is noted every few seconds."""
        now, last = await self._clock.now(), self._beaten.get(chore)
        is_recent = last is not None and last.ran_at is not None and abs(now - last.ran_at) < BEAT_EVERY
        if is_recent and last is not None and last.problem == problem:
            return
        heartbeat = Heartbeat(chore=chore, ran_at=now, problem=problem[:LONGEST_PROBLEM])
        stored = evolve(heartbeat, ran_at=None) if problem else heartbeat
        await self._storage.transact(lambda uow: uow.chores.beat(stored))
        self._beaten[chore] = heartbeat

    async def states(self) -> Sequence[ChoreState]:
        """Every chore: when it last ran, and since when its oldest work has been due."""
        now = await self._clock.now()
        return await self._storage.read(lambda uow: _states(uow, now))

    async def stalled(self) -> str | None:
        """What to tell an operator where billing has stalled; None where it has not."""
        now = await self._clock.now()
        since = await self._storage.read(lambda uow: _due_since(uow, now))
        if since is None or not is_stalled(since, now, self._limit):
            return None
        number = await self._storage.read(lambda uow: len(uow.subscriptions.due(now, MOST_COUNTED)))
        return f"{number} renewal(s) are due, the oldest since {since:%Y-%m-%d %H:%M} UTC: run echodesk-billing work"

    async def run(self) -> bool:
        """Notice a stall, or its end, and announce it; returns whether there is something new to tell."""
        now = await self._clock.now()
        since, stall = await self._storage.read(lambda uow: (_due_since(uow, now), uow.chores.stall()))
        stalled = is_stalled(since, now, self._limit)
        if not stalled and stall is None:
            return False
        for event in await self._storage.transact(lambda uow: self._notice(uow, now)):
            if isinstance(event, BillingStalled):
                log.error("billing.stalled", due_since=event.due_since, subscriptions=event.subscriptions)
            else:
                log.warning("billing.recovered", stalled_at=stall.since if stall else None)
        return True

    def _notice(self, uow: UnitOfWork, now: datetime) -> Sequence[Event]:
        stall, since = uow.chores.lock_stall(), _due_since(uow, now)
        if since is None or not is_stalled(since, now, self._limit):
            if stall is None:
                return []
            uow.chores.save_stall(None)
            return uow.outbox.add([BillingRecovered(tenant_id="", at=now, stalled_at=stall.since)])
        if is_announced(stall, now):
            return []
        number = len(uow.subscriptions.due(now, MOST_COUNTED))
        uow.chores.save_stall(Stall(since=stall.since if stall else now, announced_at=now))
        return uow.outbox.add([BillingStalled(tenant_id="", at=now, due_since=since, subscriptions=number)])


def _due_since(uow: UnitOfWork, now: datetime) -> datetime | None:
    """Since when the oldest renewal has been due; None where none is."""
    oldest = uow.subscriptions.due(now, 1)
    return oldest[0].due_at if oldest else None


def _states(uow: UnitOfWork, now: datetime) -> Sequence[ChoreState]:
    known = {heartbeat.chore: heartbeat for heartbeat in uow.chores.heartbeats()}
    orders = uow.orders.due(now, 1)
    waiting = {
        Chore.RENEWALS: _due_since(uow, now),
        Chore.RECONCILIATION: orders[0].check_at if orders else None,
        Chore.DELIVERY: uow.outbox.waiting_since() if Chore.DELIVERY in known else None,
        Chore.MAIL: uow.mails.waiting_since(),
        Chore.WEBHOOKS: uow.webhooks.waiting_since(),
    }
    return [
        ChoreState(heartbeat=known.get(chore, Heartbeat(chore=chore)), waiting_since=waiting.get(chore))
        for chore in Chore
    ]
