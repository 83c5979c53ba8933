"""Deletion of obsolete data, so that nothing grows without bound."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from attrs import asdict, astuple, frozen

from echodesk_billing.application.settlement import Settlement
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, find_receipt
from echodesk_billing.ports.storage import Storage, StorageUnavailable, UnitOfWork

log = structlog.get_logger()

BATCH = 500
MOST_BATCHES = 200
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
KEEP_ANSWERS = timedelta(hours=24)
KEEP_REFUSED_CALLBACKS = timedelta(days=30)
KEEP_ENDED_TOKENS = timedelta(days=30)
KEEP_MAILS = timedelta(days=90)
KEEP_WEBHOOKS = timedelta(days=30)


@frozen(kw_only=True)
class Pruned:
    """How many rows of each kind were deleted."""

    answers: int
    refused_callbacks: int
    tokens: int
    unpaid_registrations: int
    mails: int
    webhooks: int


class Prune:
    """Deletes old answers, rejected callbacks, expired tokens, unpaid registrations, old mails and webhook deliveries.

    Args:
        keep_unpaid: how long an expired unpaid registration is kept, with its rejected order.
    """

    def __init__(
        self, storage: Storage, gateway: Gateway, clock: Clock, settlement: Settlement, keep_unpaid: timedelta
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._settlement = settlement
        self._keep_unpaid = keep_unpaid

    async def run(self) -> Pruned:
        """Delete old rows, a bounded number per transaction and run."""
        now = await self._clock.now()
        pruned = Pruned(
            answers=await self._all(lambda uow: uow.pruning.answers(now - KEEP_ANSWERS, BATCH)),
            refused_callbacks=await self._all(
                lambda uow: uow.pruning.refused_callbacks(now - KEEP_REFUSED_CALLBACKS, BATCH)
            ),
            tokens=await self._all(lambda uow: uow.pruning.tokens(now - KEEP_ENDED_TOKENS, BATCH)),
            unpaid_registrations=await self._registrations(now - self._keep_unpaid),
            mails=await self._all(lambda uow: uow.pruning.mails(now - KEEP_MAILS, BATCH)),
            webhooks=await self._all(lambda uow: uow.pruning.deliveries(now - KEEP_WEBHOOKS, BATCH)),
        )
        if any(astuple(pruned)):
            log.info("rows.pruned", **asdict(pruned))
        return pruned

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
