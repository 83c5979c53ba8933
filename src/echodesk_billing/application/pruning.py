"""Deletion of obsolete data, so that nothing grows without bound."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from attrs import asdict, astuple, frozen

from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.notifications.heartbeat import Chore
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, find_receipt
from echodesk_billing.ports.storage import Storage, StorageUnavailable, UnitOfWork

log = structlog.get_logger()

BATCH = 500
MOST_BATCHES = 200
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
LONG_TERM_EVERY = timedelta(hours=1)


@frozen(kw_only=True)
class Retention:
    """How long things are kept; invoices, credit notes and the journal are kept for good.

    Args:
        answers: under idempotency keys, at least the day for which a key is honoured.
        refused_callbacks: that changed nothing.
        tokens: after they ended.
        mails: once sent or given up.
        webhooks: deliveries, once they ended.
        events: once counted, announced, and delivered where somebody takes them.
        steps: of settled orders.
        unpaid: expired registrations that nobody paid, with their rejected orders.
    """

    answers: timedelta = timedelta(hours=24)
    refused_callbacks: timedelta = timedelta(days=30)
    tokens: timedelta = timedelta(days=30)
    mails: timedelta = timedelta(days=90)
    webhooks: timedelta = timedelta(days=30)
    events: timedelta = timedelta(days=400)
    steps: timedelta = timedelta(days=730)
    unpaid: timedelta = timedelta(days=7)


@frozen(kw_only=True)
class Pruned:
    """How many rows of each kind were deleted."""

    answers: int
    refused_callbacks: int
    tokens: int
    unpaid_registrations: int
    mails: int
    webhooks: int
    events: int
    steps: int


class Prune:
    """Deletes obsolete data, and makes the partitions of the months ahead.

    Args:
        keep: how long what is kept.
    """

    def __init__(
        self, storage: Storage, gateway: Gateway, clock: Clock, settlement: Settlement, keep: Retention
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._settlement = settlement
        self._keep = keep
        self._long_term_at: datetime | None = None

    async def run(self, *, is_asked_for: bool = False) -> Pruned:
        """Delete old rows, a bounded number per transaction and run.

        Args:
            is_asked_for: by a person: events and steps are looked at now, and not only once an hour.
        """
        now, keep = await self._clock.now(), self._keep
        events, steps = await self._long_term(now) if is_asked_for or self._is_long_term_due(now) else (0, 0)
        pruned = Pruned(
            answers=await self._all(lambda uow: uow.pruning.answers(now - keep.answers, BATCH)),
            refused_callbacks=await self._all(
                lambda uow: uow.pruning.refused_callbacks(now - keep.refused_callbacks, BATCH)
            ),
            tokens=await self._all(lambda uow: uow.pruning.tokens(now - keep.tokens, BATCH)),
            unpaid_registrations=await self._registrations(now - keep.unpaid),
            mails=await self._all(lambda uow: uow.pruning.mails(now - keep.mails, BATCH)),
            webhooks=await self._all(lambda uow: uow.pruning.deliveries(now - keep.webhooks, BATCH)),
            events=events,
            steps=steps,
        )
        if any(astuple(pruned)):
            log.info("rows.pruned", **asdict(pruned))
        return pruned

    def _is_long_term_due(self, now: datetime) -> bool:
        return self._long_term_at is None or now - self._long_term_at >= LONG_TERM_EVERY

    async def _long_term(self, now: datetime) -> tuple[int, int]:
        """What is kept for months: partitions ahead are made, old events and steps are deleted."""
        self._long_term_at = now
        await self._storage.transact(lambda uow: uow.pruning.make_partitions(now))
        heartbeats = await self._storage.read(lambda uow: uow.chores.heartbeats())
        delivers = any(one.chore is Chore.DELIVERY for one in heartbeats)
        before = now - self._keep.events
        events = await self._all(lambda uow: uow.pruning.events(before, BATCH, are_delivered=delivers))
        return events, await self._all(lambda uow: uow.pruning.steps(now - self._keep.steps, BATCH))

    async def _registrations(self, before: datetime) -> int:
        """Delete unpaid registrations, each once the bank's receipt confirms that nothing was paid."""
        deleted, after = 0, LONG_AGO
        while batch := await self._storage.read(
            lambda uow, after=after: uow.pruning.unpaid_registrations(before, after, BATCH)  # type: ignore[misc]
        ):
            for registration in batch:
                deleted += await self._delete_unpaid(registration.order_id)
            after = batch[-1].expires_at
        return deleted

    async def _delete_unpaid(self, order_id: str) -> bool:
        order = await self._storage.read(lambda uow: uow.orders.get(order_id, None))
        if order is None:
            return False
        try:
            receipt = await find_receipt(self._gateway, order.bank_order_id or order.id)
            if receipt is not None and receipt.claims_money:
                await self._settlement.apply(receipt)
                return False
            if receipt is None and order.bank_order_id is not None:  # it knew it before: its word is not believed
                log.warning("rows.not_pruned", order_id=order_id, error="", reason="the bank does not find its order")
                return False
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one registration, the others are deleted
            log.warning("rows.not_pruned", order_id=order_id, error=type(error).__name__, reason=str(error))
            return False
        return await self._storage.transact(lambda uow: uow.pruning.registration(order_id))

    async def _all(self, delete: Callable[[UnitOfWork], int]) -> int:
        deleted = 0
        for _ in range(MOST_BATCHES):
            batch = await self._storage.transact(delete)
            deleted += batch
            if batch < BATCH:
                break
        return deleted
