"""Figures of the business, in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.accounting.statistics import Counted, Figure
from echodesk_billing.domain.events import Event


class MemoryStatistics:
    def __init__(self, memory: Contents) -> None:
        self._memory = memory

    def lock(self) -> None:
        pass

    def uncounted(self, limit: int) -> Sequence[Event]:
        waiting = [sent.event for sent in self._memory.outbox if not sent.counted]
        return sorted(waiting, key=lambda event: event.id)[:limit]

    def customers(self, tenants: Collection[str]) -> dict[str, Counted]:
        return {name: one for name, one in self._memory.counted_customers.items() if name in tenants}

    def keep(self, figures: Mapping[Figure, int], customers: Collection[Counted], events: Sequence[Event]) -> None:
        for figure, value in figures.items():
            self._memory.figures[figure] = self._memory.figures.get(figure, 0) + value
        self._memory.counted_customers.update({one.tenant_id: one for one in customers})
        last = max((sent.counted for sent in self._memory.outbox), default=0)
        numbers = {event.id: number for number, event in enumerate(events, last + 1)}
        self._memory.outbox[:] = [
            evolve(sent, counted=numbers.get(sent.event.id, sent.counted)) for sent in self._memory.outbox
        ]

    def figures(self) -> dict[Figure, int]:
        return {figure: value for figure, value in self._memory.figures.items() if figure.currency}

    def days(self, since: str) -> dict[Figure, int]:
        found = self._memory.figures.items()
        return {figure: value for figure, value in found if not figure.currency and figure.month >= since}

    def counted(self, after: int, limit: int) -> Sequence[tuple[int, Event]]:
        found = [(sent.counted, sent.event) for sent in self._memory.outbox if sent.counted > after]
        return sorted(found, key=lambda one: one[0])[:limit]
