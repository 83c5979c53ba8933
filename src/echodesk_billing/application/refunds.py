"""Giving money back: each refund a record of its own, committed before the bank hears of it."""

from __future__ import annotations

from decimal import Decimal

import structlog

from echodesk_billing.application.errors import OrderNotFound
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.order import Order
from echodesk_billing.domain.refund import Refund
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, GatewayError, GatewayRefused, require_configured
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()


class RefundPayment:
    """Refunds an order, wholly or in part, and carries refunds to the bank that it may not have heard of."""

    def __init__(self, storage: Storage, gateway: Gateway, clock: Clock, ids: Ids, settlement: Settlement) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._ids = ids
        self._settlement = settlement

    async def refund(
        self,
        who: Principal,
        order_id: str,
        amount: Decimal | None = None,
        reason: str = "",
        *,
        refund_id: str | None = None,
    ) -> tuple[Order, Refund]:
        """Ask the bank to give money back. It goes later: the outcome comes by callback or receipt.

        Args:
            amount: in the order's currency; all that is left where None.
            reason: why, for the history.
            refund_id: a UUID v4 of the caller's; asking again with the same one is asking once.

        Raises:
            OrderNotFound: there is none that `who` may see.
            IllegalTransition: it is not paid, or all has gone back.
            AmountTooLarge: not that much is left.
            GatewayRefused: the bank said no; the refund has failed.
            GatewayError: the outcome is unknown; reconciliation asks again under the same key.
        """
        require_configured(self._gateway)
        now = await self._clock.now()
        chosen_id = refund_id or self._ids.idempotency_key()

        def work(uow: UnitOfWork) -> tuple[Order, Refund]:
            found = uow.orders.get(order_id, who.tenant_filter)
            order = uow.orders.lock(found.id, "") if found else None
            if order is None:
                raise OrderNotFound
            wanted = None if amount is None else Money(amount, order.amount.currency)
            refund = order.request_refund(wanted, refund_id=chosen_id, reason=reason, at=now)
            uow.orders.save(order)
            return order, refund

        order, refund = await self._storage.transact(work)
        log.info("refund.requested", order_id=order.id, tenant_id=order.tenant_id, amount=str(refund.amount))
        return await self.ask(order, refund), refund

    async def ask(self, order: Order, refund: Refund) -> Order:
        """Carry a stored refund to the bank. May be repeated: its id is its idempotency key.

        Raises:
            GatewayError: as `refund`.
        """
        bound = log.bind(order_id=order.id, tenant_id=order.tenant_id, refund_id=refund.id)
        try:
            action_id = await self._gateway.refund(order, refund)
        except GatewayRefused as refusal:
            await self._note(order.id, refund.id, refused=str(refusal))
            bound.error("refund.refused", reason=str(refusal))
            raise
        except GatewayError as error:
            bound.error("refund.in_doubt", error=type(error).__name__, reason=str(error))
            await self._settlement.called(order.id, "refund", "in_doubt", str(error))
            raise
        return await self._note(order.id, refund.id, action_id=action_id)

    async def _note(self, order_id: str, refund_id: str, *, action_id: str = "", refused: str = "") -> Order:
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Order:
            order = uow.orders.lock(order_id, "")
            if order is None:
                raise AssertionError(f"order {order_id} had a refund and is gone")
            if refused:
                uow.outbox.add(order.refund_refused(refund_id, refused, now))
            else:
                order.refund_accepted(refund_id, action_id, now)
            uow.orders.save(order)
            return order

        return await self._storage.transact(work)
