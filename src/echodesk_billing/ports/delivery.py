"""Delivery of events."""

from __future__ import annotations

from typing import Protocol

from echodesk_billing.domain.events import Event


class Delivery(Protocol):
    """A receiver of events. It may get an event more than once, with the same id."""

    @property
    def is_wanted(self) -> bool:
        """Whether there is a receiver; events wait until there is one."""
        ...

    async def deliver(self, event: Event) -> None:
        """Deliver one event. After an exception it is delivered again later."""
        ...
