"""Finding out what became of orders that nothing was heard of."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import structlog
from attrs import frozen

from echodesk_billing.application.cards import SavedCards
from echodesk_billing.application.placement import Placement
from echodesk_billing.application.refunds import RefundPayment
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.order import Order
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, GatewayError, GatewayRefused, require_configured
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

BATCH = 100
FAR_FUTURE = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)


@frozen(kw_only=True)
class Reconciled:
    """What was found out about one order.

    Args:
        doubt: what was not known of it; None where only its customer was awaited.
        since: when it was made.
        before: its state before.
        after: and after.
        problem: why the bank could not say.
    """

    order_id: str
    tenant_id: str
    doubt: str | None
    since: datetime
    before: str
    after: str
    problem: str | None = None


class Reconcile:
    """Asks the bank about orders in doubt: again with the same key where it may not know them, else by receipt."""

    def __init__(
        self,
        storage: Storage,
        gateway: Gateway,
        clock: Clock,
        placement: Placement,
        settlement: Settlement,
        refunds: RefundPayment,
        cards: SavedCards,
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._placement = placement
        self._settlement = settlement
        self._refunds = refunds
        self._cards = cards

    async def run(self, *, older_than: timedelta | None = None) -> AsyncIterator[Reconciled]:
        """Reconcile orders, one after the other: those whose check is due, or all that are old enough.

        Args:
            older_than: instead of what is due, take every unsettled order that is at least this old.

        Raises:
            GatewayNotConfigured: the bank cannot be asked.
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
        await self._finish_forgetting()

    async def _finish_forgetting(self) -> None:
        try:
            await self._cards.finish_forgetting()
        except GatewayError as error:
            log.error("reconcile.failed", error=type(error).__name__, reason=str(error))

    async def _due(self, due: datetime, limit: int) -> list[Order]:
        return list(await self._storage.read(lambda uow: uow.orders.due(due, limit)))

    async def _reconcile(self, order: Order) -> Reconciled:
        problem = None
        bound = log.bind(order_id=order.id, tenant_id=order.tenant_id)
        try:
            await self._find_out(order)
        except GatewayError as error:
            problem = str(error)
            bound.error("reconcile.failed", error=type(error).__name__, reason=problem)
        after = await self._plan_next(order.id, problem)
        bound.info("reconcile.done", before=order.state, after=after)
        return Reconciled(
            order_id=order.id,
            tenant_id=order.tenant_id,
            doubt=order.doubt,
            since=order.created_at,
            before=order.state,
            after=after,
            problem=problem,
        )

    async def _find_out(self, order: Order) -> None:
        """What the bank knows of an order: first by asking again what it may not have heard."""
        if order.bank_order_id is None:
            with contextlib.suppress(GatewayRefused):  # then it is known: the order was rejected
                await self._placement.place(order)
            return
        for refund in order.pending_refunds:
            if refund.action_id is None:
                await self._refunds.ask(order, refund)
        await self._settlement.apply(await self._gateway.receipt(order.bank_order_id))

    async def _plan_next(self, order_id: str, problem: str | None) -> str:
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> str:
            order = uow.orders.lock(order_id, "")
            if order is None:
                raise AssertionError(f"order {order_id} was due and is gone")
            if order.check_at is not None:
                order.checked(now, problem=problem)
                uow.orders.save(order)
            return order.state

        return await self._storage.transact(work)
