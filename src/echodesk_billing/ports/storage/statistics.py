"""Figures of the business, kept from events."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from echodesk_billing.domain.accounting.statistics import Counted, Figure
from echodesk_billing.domain.events import Event


class Statistics(Protocol):
    """Figures of the business, kept from events."""

    def lock(self) -> None:
        """Let no other transaction count until this one ends."""
        ...

    def uncounted(self, limit: int) -> Sequence[Event]:
        """Events that are not counted yet, oldest first."""
        ...

    def customers(self, tenants: Collection[str]) -> dict[str, Counted]:
        """What counting remembers of some customers."""
        ...

    def keep(self, figures: Mapping[Figure, int], customers: Collection[Counted], events: Sequence[Event]) -> None:
        """Add to the figures, remember customers, and mark events as counted in this order."""
        ...

    def figures(self) -> dict[Figure, int]:
        """All figures of months."""
        ...

    def days(self, since: str) -> dict[Figure, int]:
        """The figures of days from `since` on, such as `2026-11-27`."""
        ...

    def counted(self, after: int, limit: int) -> Sequence[tuple[int, Event]]:
        """Counted events in the order in which they were counted, each with its number.

        Args:
            after: only those after this number.
        """
        ...
