"""Pre-authorisations: capture and release."""

from __future__ import annotations

from collections.abc import Awaitable
from decimal import Decimal

import structlog

from echodesk_billing.application.errors import OrderNotFound
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders import holds
from echodesk_billing.domain.orders.history import CallOutcome
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.gateway import Gateway, GatewayError, GatewayRefused
from echodesk_billing.ports.storage import Storage

log = structlog.get_logger()


class Preauthorisation:
    """Captures and releases. The bank allows only one of them; its receipt shows which, also after a crash."""

    def __init__(self, storage: Storage, gateway: Gateway, settlement: Settlement) -> None:
        self._storage = storage
        self._gateway = gateway
        self._settlement = settlement

    async def capture(self, who: Principal, order_id: str, amount: Decimal | None = None) -> Order:
        """Capture a held payment: all, or `amount` of it, and the bank releases the rest.

        Raises:
            OrderNotFound: no such order is visible to `who`.
            IllegalTransition: no money is held.
            AmountTooLarge: `amount` is more than the order's amount.
            GatewayError: the bank refused, or did not answer; the receipt shows the outcome.
        """
        order = await self._found(who, order_id)
        wanted = None if amount is None else Money(amount, order.amount.currency)
        if holds.was_captured(order, wanted):
            return order
        holds.require_held(order, "capture", wanted)
        key = derived_key(order.idempotency_key, f"capture {wanted or 'all'}")
        await self._ask(who, order, "capture", self._gateway.capture(order, wanted, key))
        after = await self._outcome(order)
        log.info("payment.captured", order_id=after.id, tenant_id=after.tenant_id, captured=str(after.captured))
        return after

    async def release(self, who: Principal, order_id: str) -> Order:
        """Release a held payment; this rejects the order.

        Raises:
            OrderNotFound: no such order is visible to `who`.
            IllegalTransition: no money is held.
            GatewayError: the bank refused, or did not answer; the receipt shows the outcome.
        """
        order = await self._found(who, order_id)
        if holds.was_released(order):
            return order
        holds.require_held(order, "release")
        key = derived_key(order.idempotency_key, "release")
        await self._ask(who, order, "release", self._gateway.release(order, key))
        after = await self._outcome(order)
        log.info("payment.released", order_id=after.id, tenant_id=after.tenant_id)
        return after

    async def _found(self, who: Principal, order_id: str) -> Order:
        order = await self._storage.read(lambda uow: uow.orders.get(order_id, who.tenant_filter))
        if order is None:
            raise OrderNotFound
        return order

    async def _ask(self, who: Principal, order: Order, name: str, call: Awaitable[None]) -> None:
        """Call the bank and note the result in the order's history."""
        try:
            await call
        except GatewayError as error:
            outcome: CallOutcome = "refused" if isinstance(error, GatewayRefused) else "in_doubt"
            await self._settlement.called(order.id, name, outcome, str(error), by=who.name)
            raise
        await self._settlement.called(order.id, name, "accepted", by=who.name)

    async def _outcome(self, order: Order) -> Order:
        """Fetch the receipt and merge it through `Settlement`."""
        settled = await self._settlement.apply(await self._gateway.receipt(order.bank_order_id or ""))
        return settled.order or order
