"""Webhook endpoints, and links to the customer portal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from echodesk_billing.application.webhooks import WithSecret
from echodesk_billing.domain.notifications.webhook import Delivery, Endpoint
from echodesk_billing.face.base import LIBRARY, Face, checks_arguments, operator


@checks_arguments
class Notifications(Face):
    """Webhooks to other systems, as an operator, and the portal of a customer."""

    async def create_webhook(
        self, url: str, reason: str, *, event_types: Sequence[str] = (), tenant_id: str = "", by: str = LIBRARY
    ) -> WithSecret:
        """Make a webhook endpoint; its secret is shown only now.

        Args:
            url: an https:// address in a public network.
            reason: for the record.
            event_types: names of events; empty for all.
            tenant_id: whose events; empty for those of all tenants.
            by: who asks, for the record.

        Raises:
            InvalidSelection: the address may not be used, there is no such event, or there are too many endpoints.
            VaultClosed: `BILLING_ENCRYPTION_KEYS` is not set.
        """
        tenant = self._writer(tenant_id, "").tenant_id if tenant_id else ""
        webhooks = self._container.webhooks()
        return await webhooks.create(operator(by), url, event_types, tenant_id=tenant, reason=reason)

    async def webhooks(self, *, after: str = "") -> Sequence[Endpoint]:
        """Webhook endpoints by id, fifty at a time.

        Args:
            after: only ids after this one.
        """
        return await self._container.webhooks().listed(operator(LIBRARY), after)

    async def rotate_webhook_secret(self, endpoint_id: str, reason: str, *, by: str = LIBRARY) -> WithSecret:
        """Make a new secret; the old one signs beside it for a day.

        Raises:
            EndpointNotFound: there is no such endpoint.
            VaultClosed: `BILLING_ENCRYPTION_KEYS` is not set.
        """
        return await self._container.webhooks().rotate(operator(by), endpoint_id, reason)

    async def enable_webhook(self, endpoint_id: str, reason: str, *, by: str = LIBRARY) -> Endpoint:
        """Send to an endpoint again, first what was waiting. Idempotent.

        Raises:
            EndpointNotFound: there is no such endpoint.
        """
        return await self._container.webhooks().enable(operator(by), endpoint_id, reason)

    async def disable_webhook(self, endpoint_id: str, reason: str, *, by: str = LIBRARY) -> Endpoint:
        """Send nothing to an endpoint until it is enabled. Idempotent.

        Raises:
            EndpointNotFound: there is no such endpoint.
        """
        return await self._container.webhooks().disable(operator(by), endpoint_id, reason)

    async def test_webhook(self, endpoint_id: str, *, by: str = LIBRARY) -> Delivery:
        """Send a test message now, and return how it went.

        Raises:
            EndpointNotFound: there is no such endpoint.
        """
        return await self._container.webhooks().test(operator(by), endpoint_id)

    async def replay_webhooks(self, endpoint_id: str, since: datetime, reason: str, *, by: str = LIBRARY) -> int:
        """Send the events since a moment again, with the same ids; returns how many.

        Raises:
            EndpointNotFound: there is no such endpoint.
            InvalidSelection: it is disabled, or there are too many events.
        """
        return await self._container.webhooks().replay(operator(by), endpoint_id, since, reason)

    async def webhook_deliveries(self, endpoint_id: str, *, before: int = 0) -> Sequence[Delivery]:
        """Deliveries of an endpoint, newest first, fifty at a time.

        Args:
            before: only numbers below this one; 0 for the newest.

        Raises:
            EndpointNotFound: there is no such endpoint.
        """
        return await self._container.webhooks().deliveries(operator(LIBRARY), endpoint_id, before)

    async def send_notifications(self) -> None:
        """Send the mails and webhooks that are due, where no worker does.

        A slow webhook endpoint is waited for only a moment; its task goes on.
        """
        tasks = self._container.background_tasks()
        await tasks.send_mails()
        await tasks.send_webhooks()

    async def portal_link(self, tenant_id: str, *, by: str = LIBRARY) -> str:
        """An address that opens the customer portal of a tenant, for half an hour.

        Args:
            by: who acts in it, for the record.

        Raises:
            VaultClosed: there is no key to sign it.
            InvalidTenant: the id is not valid.
        """
        return (await self._container.portal().link(self._writer(tenant_id, "", by))).url
