"""What all events have."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from attrs import evolve, frozen

WORKER = "worker@"
"""How the names of workers begin, which are no people."""


@frozen(kw_only=True)
class Event:
    """Base class of events.

    Args:
        tenant_id: the tenant concerned.
        at: when it happened (UTC).
        id: sorts by time; assigned when the event is recorded, the same at every delivery.
        by: whose request led to it, `user@tenant` or an operator's name; empty where the bank or time did.
    """

    version: ClassVar[int] = 1
    tenant_id: str
    at: datetime
    id: str = ""
    by: str = ""

    def recorded(self, event_id: str, by: str) -> Self:
        """The event as it is stored."""
        return evolve(self, id=event_id, by=self.by or by)

    @property
    def person(self) -> str:
        """Who led to it; empty where the bank, time or a worker did."""
        return "" if self.by.startswith(WORKER) else self.by

    @property
    def name(self) -> str:
        """The event type as seen by clients."""
        return type(self).__name__


@frozen(kw_only=True)
class OrderEvent(Event):
    """Base class of events of an order."""

    order_id: str


@frozen(kw_only=True)
class SubscriptionEvent(Event):
    """Base class of events of a subscription."""
