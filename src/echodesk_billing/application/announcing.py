"""Announcing events: the mails and webhooks that follow from what was recorded, made once for each event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from echodesk_billing.application.letters import Letters
from echodesk_billing.domain.events import BillingProfileChanged, Event
from echodesk_billing.domain.notifications.webhook import Delivery
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork
from echodesk_billing.ports.webhooks import WebhookSender

BATCH = 200
MOST_BATCHES = 20


class Announce:
    """Makes the mails and webhook deliveries of new events; others send them."""

    def __init__(self, storage: Storage, clock: Clock, letters: Letters, sender: WebhookSender) -> None:
        self._storage = storage
        self._clock = clock
        self._letters = letters
        self._sender = sender

    async def run(self) -> int:
        """Announce new events, a bounded number per transaction and run; returns how many."""
        total = 0
        if not await self._storage.read(lambda uow: uow.outbox.to_announce(1)):
            return total
        now = await self._clock.now()
        for _ in range(MOST_BATCHES):
            announced = await self._storage.transact(lambda uow: self._announce(uow, now))
            total += announced
            if announced < BATCH:
                break
        return total

    def _announce(self, uow: UnitOfWork, now: datetime) -> int:
        uow.outbox.lock_announcing()
        events = uow.outbox.to_announce(BATCH)
        if not events:
            return 0
        uow.webhooks.send(self._deliveries(uow, events, now), now)
        for event in events:
            if isinstance(event, BillingProfileChanged) and "emails" in event.fields:
                uow.mails.resume(event.tenant_id)
            uow.mails.add(self._letters.of(uow, event, now))
        uow.outbox.announced(events)
        return len(events)

    def _deliveries(self, uow: UnitOfWork, events: Sequence[Event], now: datetime) -> list[Delivery]:
        endpoints = uow.webhooks.of_tenants(sorted({event.tenant_id for event in events}))
        return [
            delivery(endpoint.id, event, self._sender.body(event), now)
            for event in events
            for endpoint in endpoints
            if endpoint.wants(event)
        ]


def delivery(endpoint_id: str, event: Event, body: str, now: datetime) -> Delivery:
    """A delivery of an event to an endpoint."""
    return Delivery(
        endpoint_id=endpoint_id,
        lane=event.tenant_id,
        message_id=event.id,
        type=event.name,
        body=body,
        created_at=now,
    )
