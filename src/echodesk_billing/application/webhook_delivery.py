"""Sending webhooks: in order per tenant, each lane claimed before its deliveries are sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from attrs import evolve

from echodesk_billing.application.webhooks import opened_secrets
from echodesk_billing.domain.notifications.webhook import Delivery, DeliveryState, Endpoint, Try
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork
from echodesk_billing.ports.vault import Vault, VaultClosed
from echodesk_billing.ports.webhooks import WebhookSender

log = structlog.get_logger()

CLAIM = timedelta(minutes=2)
MOST_BUSY = 100
LANES_AT_ONCE = 4
MOST_OF_A_LANE = 50


class SendWebhooks:
    """Sends the deliveries that are due.

    Args:
        disable_after: how long an endpoint may fail before it is disabled.
    """

    def __init__(
        self, storage: Storage, clock: Clock, vault: Vault, sender: WebhookSender, disable_after: timedelta
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._vault = vault
        self._sender = sender
        self._disable_after = disable_after

    async def busy(self) -> Sequence[str]:
        """Endpoints with something to send."""
        now = await self._clock.now()
        return await self._storage.read(lambda uow: uow.webhooks.busy(now, MOST_BUSY))

    async def claim(self, endpoint_id: str) -> Sequence[str]:
        """Claim a few lanes of an endpoint for some minutes."""
        now = await self._clock.now()
        return await self._storage.transact(
            lambda uow: uow.webhooks.claim(endpoint_id, now, now + CLAIM, LANES_AT_ONCE)
        )

    async def run_lane(self, endpoint_id: str, lane: str) -> int:
        """Send the deliveries of a claimed lane, until one fails or the claim is half over; returns how many."""
        began, sent = await self._clock.now(), 0
        for _ in range(MOST_OF_A_LANE):
            if await self._clock.now() - began > CLAIM / 2:
                break  # another process may take over soon
            endpoint, delivery = await self._storage.read(
                lambda uow: (uow.webhooks.get(endpoint_id, None), uow.webhooks.head(endpoint_id, lane))
            )
            if endpoint is None or delivery is None or endpoint.disabled_at is not None:
                break
            tried = await self._try(endpoint, delivery)
            await self._settle(delivery, tried)
            if tried.problem:
                break
            sent += 1
        return sent

    async def _try(self, endpoint: Endpoint, delivery: Delivery) -> Try:
        now = await self._clock.now()
        try:
            secrets = opened_secrets(self._vault, endpoint, now)
        except VaultClosed as error:
            return Try(at=now, problem=str(error))
        return await self._sender.send(endpoint.url, secrets, delivery.message_id, delivery.body, now)

    async def _settle(self, delivery: Delivery, tried: Try) -> None:
        now = await self._clock.now()
        delivery, disabled = await self._storage.transact(lambda uow: self._note(uow, evolve(delivery), tried, now))
        said = {"endpoint_id": delivery.endpoint_id, "message_id": delivery.message_id, "type": delivery.type}
        if not tried.problem:
            log.info("webhook.delivered", **said, status=tried.status)
        elif delivery.state is DeliveryState.FAILED:
            log.error("webhook.given_up", **said, reason=tried.problem)
        else:
            log.warning("webhook.failed", **said, attempts=len(delivery.tries), reason=tried.problem)
        if disabled:
            log.error("webhook.endpoint_disabled", endpoint_id=delivery.endpoint_id, reason=tried.problem)

    def _note(self, uow: UnitOfWork, delivery: Delivery, tried: Try, now: datetime) -> tuple[Delivery, bool]:
        """Store an attempt; returns the delivery with it, and whether it disabled the endpoint."""
        uow.webhooks.lock_lane(delivery.endpoint_id, delivery.lane)
        endpoint = uow.webhooks.lock(delivery.endpoint_id, None)
        due_at = delivery.tried(tried)
        uow.webhooks.keep(delivery)
        if due_at is None and uow.webhooks.head(delivery.endpoint_id, delivery.lane) is not None:
            due_at = now
        uow.webhooks.schedule(delivery.endpoint_id, delivery.lane, due_at)
        if endpoint is None:
            return delivery, False
        events = endpoint.failed(tried.problem, now, self._disable_after) if tried.problem else []
        if tried.problem or endpoint.succeeded():
            uow.webhooks.save(endpoint)
        uow.outbox.add(events)
        return delivery, bool(events)
