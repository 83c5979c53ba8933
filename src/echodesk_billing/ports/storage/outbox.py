"""The outbox of events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.events import Event


class Outbox(Protocol):
    """The outbox of events."""

    def add(self, events: Sequence[Event], by: str = "") -> Sequence[Event]:
        """Record events in order; returns them with their ids.

        Args:
            by: whose request led to them; empty where the bank or time did.
        """
        ...

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> Sequence[Event]:
        """Undelivered events, oldest first, for the one relay that holds the lease until `until`; none for others.

        After a failed delivery all events of the tenant wait for the retry.
        """
        ...

    def waiting_since(self) -> datetime | None:
        """When the oldest undelivered event happened; None where none waits."""
        ...

    def to_announce(self, limit: int) -> Sequence[Event]:
        """Events of which mails and webhooks have not been made, oldest first."""
        ...

    def since(self, moment: datetime, tenant_id: str | None, limit: int) -> Sequence[Event]:
        """Events that were recorded at a moment or later, oldest first; of a tenant where it is given."""
        ...

    def lock_announcing(self) -> None:
        """Let no other transaction announce events until this one ends."""
        ...

    def announced(self, events: Sequence[Event]) -> None:
        """Note that the mails and webhooks of events have been made."""
        ...

    def feed(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Event]:
        """A tenant's events after the one with the id `after`, or from the first.

        Events that become visible later are positioned after those already read, so a reader who continues from the
        last event misses none. Call it in a transaction.
        """
        ...

    def has_news(self, tenant_id: str, after: str | None) -> bool:
        """Whether `feed` would return anything; changes nothing."""
        ...

    def latest(self, tenant_id: str | None, limit: int) -> Sequence[Event]:
        """The last events of a tenant, or of all, oldest first."""
        ...

    def acts(self, by: str, before: str, limit: int) -> Sequence[Event]:
        """Events that a person caused, newest first.

        Args:
            by: only those of this person; of everybody where empty.
            before: only those whose id is below this one; empty for the newest.
        """
        ...

    def of_order(self, tenant_id: str, order_id: str) -> Sequence[Event]:
        """A tenant's events of an order, oldest first."""
        ...

    def settle(self, delivered: Sequence[str], failed: dict[str, datetime], now: datetime) -> None:
        """Mark events as delivered, and others to be retried at a time; releases the lease."""
        ...
