"""Webhook endpoints: made, listed, changed, tested and replayed by operators, and by tenants for their own events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from attrs import frozen

from echodesk_billing.application.announcing import delivery
from echodesk_billing.application.errors import EndpointNotFound
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.notifications.webhook import (
    LONGEST_URL,
    MOST_PER_TENANT,
    TEST,
    Delivery,
    Endpoint,
    Secret,
    checked_types,
)
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Storage, UnitOfWork
from echodesk_billing.ports.vault import Vault
from echodesk_billing.ports.webhooks import WebhookSender

log = structlog.get_logger()

PAGE = 50
MOST_REPLAYED = 10_000
MOST_EVER = 100
"""Endpoints of a tenant, disabled ones included."""


@frozen(kw_only=True)
class WithSecret:
    """An endpoint with its new secret, which is shown only now."""

    endpoint: Endpoint
    secret: str


class ManageWebhooks:
    """Manages webhook endpoints. Tenants see and change their own; operators all."""

    def __init__(self, storage: Storage, clock: Clock, ids: Ids, vault: Vault, sender: WebhookSender) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._vault = vault
        self._sender = sender
        self._testing: set[str] = set()

    async def create(
        self,
        who: Principal,
        url: str,
        event_types: Sequence[str] = (),
        *,
        tenant_id: str | None = None,
        reason: str = "",
    ) -> WithSecret:
        """Make an endpoint.

        Args:
            event_types: names of events; empty for all.
            tenant_id: whose events, where an operator asks: empty for those of all tenants.
            reason: for the record.

        Raises:
            InvalidSelection: the address may not be used, there is no such event, or there are too many endpoints.
            VaultClosed: secrets cannot be stored, because there is no key.
        """
        if len(url) > LONGEST_URL or not url.isprintable():
            raise InvalidSelection("url", f"Give an address of at most {LONGEST_URL} characters")
        self._sender.check_url(url)
        now = await self._clock.now()
        owner = who.tenant_id if who.tenant_filter is not None else tenant_id or ""
        secret = self._sender.new_secret()
        endpoint = Endpoint(
            id=f"we-{self._ids.idempotency_key().replace('-', '')}",
            tenant_id=owner,
            url=url,
            event_types=checked_types(event_types),
            secrets=(Secret(sealed=self._sealed(secret)),),
            created_at=now,
            by=who.name,
            reason=reason,
        )

        def work(uow: UnitOfWork) -> None:
            mine = uow.webhooks.listed(owner, "", MOST_EVER)
            if sum(one.disabled_at is None for one in mine) >= MOST_PER_TENANT or len(mine) >= MOST_EVER:
                raise InvalidSelection("url", f"There are {MOST_PER_TENANT} endpoints already: disable one")
            uow.webhooks.add(endpoint)

        await self._storage.transact(work)
        log.info("webhook.created", endpoint_id=endpoint.id, tenant_id=owner, by=who.name)
        return WithSecret(endpoint=endpoint, secret=secret)

    async def listed(self, who: Principal, after: str = "") -> Sequence[Endpoint]:
        """Endpoints by id, fifty at a time."""
        return await self._storage.read(lambda uow: uow.webhooks.listed(who.tenant_filter, after, PAGE))

    async def rotate(self, who: Principal, endpoint_id: str, reason: str = "") -> WithSecret:
        """Give an endpoint a new secret; the old one signs beside it for a day.

        Raises:
            EndpointNotFound: it does not exist or belongs to another tenant.
        """
        secret, now = self._sender.new_secret(), await self._clock.now()
        sealed = self._sealed(secret)
        endpoint = await self._change(who, endpoint_id, reason, lambda one: one.rotate(sealed, now))
        log.info("webhook.rotated", **_said(endpoint))
        return WithSecret(endpoint=endpoint, secret=secret)

    async def enable(self, who: Principal, endpoint_id: str, reason: str = "") -> Endpoint:
        """Send to an endpoint again, first what was waiting. Idempotent.

        Raises:
            EndpointNotFound: it does not exist or belongs to another tenant.
        """
        endpoint = await self._change(who, endpoint_id, reason, lambda one: one.enable())
        log.info("webhook.enabled", **_said(endpoint))
        return endpoint

    async def disable(self, who: Principal, endpoint_id: str, reason: str = "") -> Endpoint:
        """Send nothing to an endpoint until it is enabled. Idempotent.

        Raises:
            EndpointNotFound: it does not exist or belongs to another tenant.
        """
        now = await self._clock.now()
        endpoint = await self._change(who, endpoint_id, reason, lambda one: one.disable(now))
        log.info("webhook.disabled", **_said(endpoint))
        return endpoint

    async def test(self, who: Principal, endpoint_id: str) -> Delivery:
        """Send a test message now, outside the order of events, and return how it went; it is not repeated.

        Raises:
            EndpointNotFound: it does not exist or belongs to another tenant.
            InvalidSelection: another test of the tenant is running.
        """
        endpoint = await self._get(who, endpoint_id)
        if who.tenant_id in self._testing:  # each holds a request for as long as a receiver likes
            raise InvalidSelection("endpoint_id", "Another test is running: wait until it ends")
        now = await self._clock.now()
        body, message_id = self._sender.test_body(now), f"test-{self._ids.idempotency_key()}"
        secrets = opened_secrets(self._vault, endpoint, now)
        self._testing.add(who.tenant_id)
        try:
            tried = await self._sender.send(endpoint.url, secrets, message_id, body, now)
        finally:
            self._testing.discard(who.tenant_id)
        log.info("webhook.tested", endpoint_id=endpoint.id, status=tried.status, reason=tried.problem, by=who.name)
        return Delivery(
            endpoint_id=endpoint.id,
            lane=endpoint.tenant_id,
            message_id=message_id,
            type=TEST,
            body=body,
            tries=(tried,),
            created_at=now,
        )

    async def replay(self, who: Principal, endpoint_id: str, since: datetime, reason: str = "") -> int:
        """Send the events since a moment again, with the same ids, behind what is waiting; returns how many.

        Raises:
            EndpointNotFound: it does not exist or belongs to another tenant.
            InvalidSelection: it is disabled, or there are more than `MOST_REPLAYED` events.
        """
        endpoint = await self._get(who, endpoint_id)
        if endpoint.disabled_at is not None:
            raise InvalidSelection("endpoint_id", f"{endpoint.id} is disabled: enable it first")
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> int:
            uow.outbox.lock_announcing()
            events = uow.outbox.since(since, endpoint.tenant_id or None, MOST_REPLAYED + 1)
            if len(events) > MOST_REPLAYED:
                raise InvalidSelection("since", f"There are more than {MOST_REPLAYED} events: give a later moment")
            wanted = [event for event in events if endpoint.wants(event)]
            uow.webhooks.send([delivery(endpoint.id, one, self._sender.body(one), now) for one in wanted], now)
            return len(wanted)

        number = await self._storage.transact(work)
        log.info("webhook.replayed", endpoint_id=endpoint.id, events=number, by=who.name, reason=reason)
        return number

    async def deliveries(self, who: Principal, endpoint_id: str, before: int = 0) -> Sequence[Delivery]:
        """Deliveries of an endpoint, newest first, fifty at a time.

        Raises:
            EndpointNotFound: it does not exist or belongs to another tenant.
        """
        endpoint = await self._get(who, endpoint_id)
        return await self._storage.read(lambda uow: uow.webhooks.deliveries(endpoint.id, PAGE, before))

    async def _get(self, who: Principal, endpoint_id: str) -> Endpoint:
        endpoint = await self._storage.read(lambda uow: uow.webhooks.get(endpoint_id, who.tenant_filter))
        if endpoint is None:
            raise EndpointNotFound
        return endpoint

    async def _change(
        self, who: Principal, endpoint_id: str, reason: str, change: Callable[[Endpoint], None]
    ) -> Endpoint:
        def work(uow: UnitOfWork) -> Endpoint:
            endpoint = uow.webhooks.lock(endpoint_id, who.tenant_filter)
            if endpoint is None:
                raise EndpointNotFound
            change(endpoint)
            endpoint.by, endpoint.reason = who.name, reason
            uow.webhooks.save(endpoint)
            return endpoint

        return await self._storage.transact(work)

    def _sealed(self, secret: str) -> str:
        return self._vault.seal(secret.encode()).decode()


def opened_secrets(vault: Vault, endpoint: Endpoint, now: datetime) -> list[str]:
    """The secrets that sign the messages of an endpoint now, newest first.

    Raises:
        VaultClosed: no key decrypts them.
    """
    return [vault.open(one.encode()).decode() for one in endpoint.signing(now)]


def _said(endpoint: Endpoint) -> dict[str, str]:
    """What the log says of a change."""
    return {
        "endpoint_id": endpoint.id,
        "tenant_id": endpoint.tenant_id,
        "by": endpoint.by,
        "reason": endpoint.reason,
    }
