"""Sending webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.events import Event
from echodesk_billing.domain.notifications.webhook import Try


class WebhookSender(Protocol):
    """Writes, signs and sends webhooks, as Standard Webhooks says."""

    def new_secret(self) -> str:
        """A new signing secret."""
        ...

    def body(self, event: Event) -> str:
        """The body of an event's message."""
        ...

    def test_body(self, at: datetime) -> str:
        """The body of a test message."""
        ...

    def check_url(self, url: str) -> None:
        """Check that an address may be used.

        Raises:
            InvalidSelection: it is not https, or leads into a private network.
        """
        ...

    async def send(self, url: str, secrets: Sequence[str], message_id: str, body: str, now: datetime) -> Try:
        """Send one message, within limits of time and size. Never raises: what went wrong is in the result.

        Args:
            secrets: each of them signs.
            now: the business's time, for the record.
        """
        ...
