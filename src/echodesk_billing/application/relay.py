"""Delivery of recorded events: at least once, in order per tenant."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.delivery import Delivery
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Storage

log = structlog.get_logger()

BATCH = 100
CLAIM = timedelta(minutes=1)
RETRY_AFTER = timedelta(seconds=10)


class Relay:
    """Delivers events from the outbox. Of several relays on one database, one works at a time."""

    def __init__(self, storage: Storage, delivery: Delivery, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._delivery = delivery
        self._clock = clock
        self._owner = ids.idempotency_key()

    @property
    def is_wanted(self) -> bool:
        """Whether there is a receiver; events wait until there is one."""
        return self._delivery.is_wanted

    async def run(self) -> int:
        """Deliver pending events; returns how many."""
        if not self.is_wanted:
            return 0
        handed_over = 0
        while batch := await self._batch():
            handed_over += batch
        return handed_over

    async def _batch(self) -> int:
        now = await self._clock.now()
        events = await self._storage.transact(lambda uow: uow.outbox.claim(self._owner, now, now + CLAIM, BATCH))
        delivered: list[str] = []
        failed: dict[str, datetime] = {}
        held: set[str] = set()
        for event in events:
            if event.tenant_id in held:
                continue
            if await self._clock.now() - now > CLAIM / 2:
                break  # another relay may take over soon: the rest is claimed again
            try:
                await self._delivery.deliver(event)
                delivered.append(event.id)
            except Exception as error:  # noqa: BLE001 - whatever a listener raises, its event comes again
                held.add(event.tenant_id)
                failed[event.id] = now + RETRY_AFTER
                log.error("event.delivery_failed", event_id=event.id, type=event.name, error=repr(error))
        if events:
            await self._storage.transact(lambda uow: uow.outbox.settle(delivered, failed, now))
        return len(delivered)
