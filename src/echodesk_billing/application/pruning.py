"""Deleting what is of no use any more, so that nothing grows without a bound."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog
from attrs import frozen

from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

BATCH = 500
MOST_BATCHES = 200
KEEP_ANSWERS = timedelta(hours=24)
KEEP_REFUSED_CALLBACKS = timedelta(days=30)
KEEP_ENDED_TOKENS = timedelta(days=30)


@frozen(kw_only=True)
class Pruned:
    """How many rows of each kind were deleted."""

    answers: int
    refused_callbacks: int
    tokens: int
    unpaid_registrations: int


class Prune:
    """Deletes kept answers, refused callbacks, ended tokens and unpaid registrations.

    Args:
        keep_unpaid: how long a registration is kept that expired unpaid, with its rejected order.
    """

    def __init__(self, storage: Storage, clock: Clock, keep_unpaid: timedelta) -> None:
        self._storage = storage
        self._clock = clock
        self._keep_unpaid = keep_unpaid

    async def run(self) -> Pruned:
        """Delete what is old, a bounded number of rows per transaction and run."""
        now = await self._clock.now()
        pruned = Pruned(
            answers=await self._all(lambda uow: uow.pruning.answers(now - KEEP_ANSWERS, BATCH)),
            refused_callbacks=await self._all(
                lambda uow: uow.pruning.refused_callbacks(now - KEEP_REFUSED_CALLBACKS, BATCH)
            ),
            tokens=await self._all(lambda uow: uow.pruning.tokens(now - KEEP_ENDED_TOKENS, BATCH)),
            unpaid_registrations=await self._all(
                lambda uow: uow.pruning.unpaid_registrations(now - self._keep_unpaid, BATCH)
            ),
        )
        if any((pruned.answers, pruned.refused_callbacks, pruned.tokens, pruned.unpaid_registrations)):
            log.info(
                "rows.pruned",
                answers=pruned.answers,
                refused_callbacks=pruned.refused_callbacks,
                tokens=pruned.tokens,
                unpaid_registrations=pruned.unpaid_registrations,
            )
        return pruned

    async def _all(self, delete: Callable[[UnitOfWork], int]) -> int:
        deleted = 0
        for _ in range(MOST_BATCHES):
            batch = await self._storage.transact(delete)
            deleted += batch
            if batch < BATCH:
                break
        return deleted
