"""Events on their way out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.events import Event


class Outbox(Protocol):
    """Events on their way out."""

    def add(self, events: Sequence[Event], by: str = "") -> Sequence[Event]:
        """Record events in order; returns them with their ids.

        Args:
            by: who asked for what led to them; empty where the bank or time did.
        """
        ...

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> Sequence[Event]:
        """Undelivered events, oldest first, for the one relay that may deliver until `until`; none for others.

        Events of a tenant whose delivery failed wait, all of them, until it is tried again.
        """
        ...

    def feed(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Event]:
        """A tenant's events behind the one with the id `after`, or from the first.

        Whatever becomes visible later stands behind what was read before, so that a reader who goes on from the last
        event it saw misses none. To be called in a transaction.
        """
        ...

    def has_news(self, tenant_id: str, after: str | None) -> bool:
        """Whether `feed` would give anything; changes nothing."""
        ...

    def latest(self, tenant_id: str | None, limit: int) -> Sequence[Event]:
        """The last events of a tenant, or of all, oldest first."""
        ...

    def of_order(self, tenant_id: str, order_id: str) -> Sequence[Event]:
        """A tenant's events that name an order, oldest first."""
        ...

    def settle(self, delivered: Sequence[str], failed: dict[str, datetime], now: datetime) -> None:
        """Mark events as delivered, and others to be tried again at a time; ends the claim."""
        ...
