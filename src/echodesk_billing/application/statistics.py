"""Figures of the business: counted from events as they come, and counted again to check them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial

import structlog
from attrs import frozen

from echodesk_billing.domain.accounting.statistics import Business, Figure, Outcomes, Tally, business, outcomes
from echodesk_billing.domain.events import Event
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

BATCH = 500
PAGE = 1000
MOST_BATCHES = 20


@frozen(kw_only=True)
class Difference:
    """A figure that is not what its events say."""

    figure: Figure
    kept: int
    counted: int


class BusinessFigures:
    """Keeps and reads the figures of the business.

    Args:
        time_zone: by whose calendar months are counted.
    """

    def __init__(self, storage: Storage, time_zone: str) -> None:
        self._storage = storage
        self._time_zone = time_zone

    async def count(self) -> int:
        """Count events that are not counted yet, a bounded number per transaction and run; returns how many."""
        total = 0
        if not await self._storage.read(lambda uow: uow.statistics.uncounted(1)):
            return total
        for _ in range(MOST_BATCHES):
            counted = await self._storage.transact(self._count)
            total += counted
            if counted < BATCH:
                break
        return total

    async def catch_up(self) -> None:
        """Count all events that are not counted yet."""
        while await self.count() == BATCH * MOST_BATCHES:
            pass

    async def read(self) -> Sequence[Business]:
        """The figures, a currency at a time."""
        return business(await self._storage.read(lambda uow: uow.statistics.figures()))

    async def days(self, last: date, number: int) -> Sequence[Outcomes]:
        """How payments ended on each of the last days.

        Args:
            last: the last of them, in the time zone of the figures.
        """
        first = last - timedelta(days=number - 1)
        return outcomes(await self._storage.read(lambda uow: uow.statistics.days(str(first))), first, last)

    async def verify(self) -> Sequence[Difference]:
        """Count all counted events again, and compare."""
        tally, after = Tally(self._time_zone), 0
        while page := await self._storage.read(partial(_page, after=after)):
            tally.count(event for _, event in page)
            after = page[-1][0]
        kept = await self._storage.read(lambda uow: uow.statistics.figures())
        counted = {figure: value for figure, value in tally.figures.items() if figure.currency}
        differences = [
            Difference(figure=figure, kept=kept.get(figure, 0), counted=counted.get(figure, 0))
            for figure in {**kept, **counted}
            if kept.get(figure, 0) != counted.get(figure, 0)
        ]
        for one in differences:
            log.error("statistics.differ", figure=str(one.figure), kept=one.kept, counted=one.counted)
        return differences

    def _count(self, uow: UnitOfWork) -> int:
        uow.statistics.lock()
        events = uow.statistics.uncounted(BATCH)
        if events:
            known = uow.statistics.customers({event.tenant_id for event in events})
            tally = Tally(self._time_zone, known)
            tally.count(events)
            changed = [one for name, one in tally.customers.items() if one != known.get(name)]
            uow.statistics.keep(tally.figures, changed, events)
        return len(events)


def _page(uow: UnitOfWork, after: int) -> Sequence[tuple[int, Event]]:
    return uow.statistics.counted(after, PAGE)
