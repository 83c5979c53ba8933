"""Placing an order at the bank: the network half of every purchase, after the order is committed here."""

from __future__ import annotations

import structlog
from attrs import evolve

from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.order import Order
from echodesk_billing.domain.payment_request import SaveCard
from echodesk_billing.domain.report import BankStatus
from echodesk_billing.ports.gateway import Gateway, GatewayError, GatewayRefused

log = structlog.get_logger()


class Placement:
    """Creates a stored order at the bank. May be repeated: the order's idempotency key makes it one order there."""

    def __init__(self, gateway: Gateway, settlement: Settlement) -> None:
        self._gateway = gateway
        self._settlement = settlement

    async def place(self, order: Order, wallet_token: str = "") -> Order:
        """Ask the bank for a payment page, or for a charge, and store its answer.

        Where the card is to be kept, that is switched on before anybody can pay. If it cannot be, the payment goes
        on, and the order says so.

        Args:
            wallet_token: of Google Pay; not stored.

        Returns:
            The order as it is now: with the address of the payment page, or, where a callback was faster, further.

        Raises:
            GatewayRefused: the bank said no; the order is rejected.
            GatewayError: the outcome is unknown or nothing was done; the order stays `created` and is asked for
                again by reconciliation.
        """
        bound = log.bind(order_id=order.id, tenant_id=order.tenant_id)
        try:
            report = await self._gateway.create_order(order, wallet_token)
        except GatewayRefused as refusal:
            reason = str(refusal)
            await self._settlement.refuse(order.id, reason)
            bound.error("order.refused_by_bank", reason=reason)
            raise
        except GatewayError as error:
            bound.error("order.in_doubt", error=type(error).__name__, reason=str(error))
            await self._settlement.called(order.id, "create", "in_doubt", str(error))
            raise
        if order.request.save_card is not SaveCard.NO and report.status is BankStatus.CREATED:
            report = evolve(report, saves_card=await self._save_card(order, report.bank_order_id))
        settled = await self._settlement.apply(report)
        return settled.order or order

    async def _save_card(self, order: Order, bank_order_id: str) -> bool:
        key = derived_key(order.idempotency_key, "save card")
        try:
            await self._gateway.save_card(bank_order_id, order.request.save_card, key)
        except GatewayError as error:
            log.warning("card.not_saved", order_id=order.id, tenant_id=order.tenant_id, reason=str(error))
            return False
        return True
