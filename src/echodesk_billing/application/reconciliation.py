"""Reconciliation: settling orders whose outcome is unknown."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import structlog
from attrs import frozen

from echodesk_billing.application.cards import SavedCards
from echodesk_billing.application.order_submission import OrderSubmission
from echodesk_billing.application.refunds import RefundPayment
from echodesk_billing.application.settled import Outcome
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.orders.attempt import Attempt
from echodesk_billing.domain.orders.attention import unknown_outcome
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.refund import Refund
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import (
    Gateway,
    GatewayError,
    GatewayOutcomeUnknown,
    GatewayRefused,
    find_receipt,
    require_configured,
)
from echodesk_billing.ports.storage import Storage, StorageUnavailable, UnitOfWork

log = structlog.get_logger()

BATCH = 100
FAR_FUTURE = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)


@frozen(kw_only=True)
class Reconciled:
    """The result of reconciling one order.

    Args:
        unknown_outcome: what was unknown; None where the order only awaited its customer.
        since: when the order was created.
        before: its state before reconciliation.
        after: its state after it.
        problem: why it could not be reconciled, mostly because the bank gave no answer; it is tried again.
    """

    order_id: str
    tenant_id: str
    unknown_outcome: str | None
    since: datetime
    before: str
    after: str
    problem: str | None = None


class Reconcile:
    """Settles unknown outcomes: repeats calls under the same key where they may be lost, else reads receipts."""

    def __init__(
        self,
        storage: Storage,
        gateway: Gateway,
        clock: Clock,
        submission: OrderSubmission,
        settlement: Settlement,
        refunds: RefundPayment,
        cards: SavedCards,
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._submission = submission
        self._settlement = settlement
        self._refunds = refunds
        self._cards = cards

    async def run(self, *, older_than: timedelta | None = None) -> AsyncIterator[Reconciled]:
        """Reconcile orders one by one: those whose check is due, or all that are old enough.

        Args:
            older_than: instead of what is due, take every unsettled order that is at least this old.

        Raises:
            GatewayNotConfigured: there are no credentials.
        """
        require_configured(self._gateway)
        now = await self._clock.now()
        due = now if older_than is None else FAR_FUTURE
        seen: set[str] = set()
        while batch := [order for order in await self._due(due, BATCH + len(seen)) if order.id not in seen]:
            for order in batch:
                seen.add(order.id)
                if older_than is None or order.created_at <= now - older_than:
                    yield await self._reconcile(order)
        await self._cards.finish_forgetting()

    async def _due(self, due: datetime, limit: int) -> list[Order]:
        return list(await self._storage.read(lambda uow: uow.orders.due(due, limit)))

    async def _reconcile(self, order: Order) -> Reconciled:
        problem = None
        bound = log.bind(order_id=order.id, tenant_id=order.tenant_id)
        try:
            await self._find_out(order)
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one order, the others are reconciled
            problem = str(error) if isinstance(error, GatewayError) else f"{type(error).__name__}: {error}"
            bound.error("reconcile.failed", error=type(error).__name__, reason=problem)
        after = await self._plan_next(order, problem)
        bound.info("reconcile.done", before=order.state, after=after)
        return Reconciled(
            order_id=order.id,
            tenant_id=order.tenant_id,
            unknown_outcome=unknown_outcome(order),
            since=order.created_at,
            before=order.state,
            after=after,
            problem=problem,
        )

    async def _find_out(self, order: Order) -> None:
        """Merge the bank's receipt of an order, after repeating calls that may be lost."""
        if order.bank_order_id is None:
            await self._find_or_place(order)
            return
        now = await self._clock.now()
        refused = await self._send_refunds(order, now)
        receipt = await self._gateway.receipt(order.bank_order_id)
        settled = await self._settlement.apply(receipt)
        for refund in settled.order.pending_refunds if settled.order else ():
            if refund.may_be_at(receipt):
                continue
            if refund.is_old(now):  # the bank does not have it, so a repetition cannot refund twice
                refused |= await self._send_refund(order, refund)
            if refund.id in refused:
                await self._refunds.settle_refused(order, refund, refused[refund.id])

    async def _find_or_place(self, order: Order) -> None:
        """An order without the bank's id: submitted again while the bank remembers the key, searched for afterwards."""
        is_old = order.is_old(await self._clock.now())
        if is_old and await self._is_found(order):
            return
        if is_old and order.request.is_automatic:
            await self._settlement.not_found(order.id)
            return
        with contextlib.suppress(GatewayRefused):  # then it is known: the order was rejected
            await self._submission.submit(order, attempt=Attempt.LAST if is_old else Attempt.AGAIN)

    async def _is_found(self, order: Order) -> bool:
        """Search for an order at the bank by our id."""
        receipt = await find_receipt(self._gateway, order.id)
        return receipt is not None and (await self._settlement.apply(receipt)).outcome is not Outcome.UNKNOWN_ORDER

    async def _send_refunds(self, order: Order, now: datetime) -> dict[str, str]:
        """Repeat refund calls that may be lost; returns the reasons of refused ones."""
        refused: dict[str, str] = {}
        for refund in order.pending_refunds:
            if refund.action_id is None and not refund.is_old(now):
                refused |= await self._send_refund(order, refund)
        return refused

    async def _send_refund(self, order: Order, refund: Refund) -> dict[str, str]:
        """Repeat one refund call; returns the reason, by refund id, where the bank refuses."""
        try:
            await self._refunds.send(order, refund, refusal_settles=False)
        except GatewayOutcomeUnknown as unknown:
            return {refund.id: str(unknown.refusal)}
        return {}

    async def _plan_next(self, order: Order, problem: str | None) -> str:
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> str:
            locked = uow.orders.lock(order.id, "")
            if locked is None:  # an unpaid registration, deleted meanwhile
                return order.state
            if locked.check_at is not None:
                locked.checked(now, planned=order.check_at, problem=problem)
                uow.orders.save(locked)
            return locked.state

        return await self._storage.transact(work)
