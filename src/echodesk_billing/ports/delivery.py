"""Where events go."""

from __future__ import annotations

from typing import Protocol

from echodesk_billing.domain.events import Event


class Delivery(Protocol):
    """A sink of events. It may see an event more than once, with the same id."""

    @property
    def is_wanted(self) -> bool:
        """Whether anyone listens; events wait while nobody does."""
        ...

    async def deliver(self, event: Event) -> None:
        """Hand over one event. Any exception means that it comes again later."""
        ...
