"""Submitting an order to the bank: the network part of every purchase, after the order is committed here."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from attrs import evolve

from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.customers.card import CardState
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.orders.attempt import Attempt
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.ports.gateway import Gateway, GatewayError, GatewayOutcomeUnknown, GatewayRefused
from echodesk_billing.ports.storage import Storage

log = structlog.get_logger()


class OrderSubmission:
    """Creates a stored order at the bank. Safe to repeat: the order's idempotency key makes it one order there."""

    def __init__(self, storage: Storage, gateway: Gateway, settlement: Settlement) -> None:
        self._storage = storage
        self._gateway = gateway
        self._settlement = settlement

    async def submit(self, order: Order, wallet_token: str = "", *, attempt: Attempt) -> Order:
        """Ask the bank for a payment page, or for a charge, and store its answer.

        Saving the card is enabled before the customer can pay. If that fails, the payment goes
        on, and the order says so.

        Args:
            wallet_token: of Google Pay; never stored.
            attempt: which attempt it is.

        Returns:
            The current order: with the URL of the payment page, or, where a callback was faster, in a later state.

        Raises:
            GatewayRefused: the bank refused; the order is rejected.
            GatewayError: the outcome is unknown or the call had no effect; the order stays `created` and is submitted
                again by reconciliation.
        """
        bound = log.bind(order_id=order.id, tenant_id=order.tenant_id)
        if attempt is not Attempt.FIRST:
            await self._settlement.called(order.id, "create", "repeated", is_needed=True)
        try:
            await self._require_card(order)
            report = await self._gateway.create_order(order, wallet_token)
        except GatewayRefused as refusal:
            reason = str(refusal)
            if not await self._settlement.refuse(order.id, reason, attempt):
                bound.warning("order.outcome_unknown", error="GatewayRefused", reason=reason)
                await self._settlement.called(order.id, "create", "in_doubt", reason)
                raise GatewayOutcomeUnknown(refusal) from refusal
            bound.error("order.refused_by_bank", reason=reason)
            raise
        except GatewayError as error:
            bound.error("order.outcome_unknown", error=type(error).__name__, reason=str(error))
            await self._settlement.called(order.id, "create", "in_doubt", str(error))
            raise
        if order.request.save_card is not SaveCard.NO and report.status is BankStatus.CREATED:
            report = evolve(report, saves_card=await self._save_card(order, report.bank_order_id))
        settled = await self._settlement.apply(report)
        return settled.order or order

    async def _require_card(self, order: Order) -> None:
        """Check that the owner of the card has not asked for its removal meanwhile.

        Raises:
            GatewayRefused: the owner has, and the bank may not have deleted it yet. Once it has, asking is safe: the
                bank answers with the earlier attempt and cannot charge the card.
        """
        parent = order.request.parent_order_id
        if parent is None or not order.request.is_automatic:
            return
        card = await self._storage.read(lambda uow: uow.cards.of_parent(parent, order.tenant_id))
        if card is not None and card.state is CardState.FORGETTING:
            raise GatewayRefused(404, "the saved card was removed by its owner")

    async def _save_card(self, order: Order, bank_order_id: str) -> bool:
        key = derived_key(order.idempotency_key, "save card")
        try:
            await self._gateway.save_card(bank_order_id, order.request.save_card, key)
        except GatewayError as error:
            log.warning("card.not_saved", order_id=order.id, tenant_id=order.tenant_id, reason=str(error))
            return False
        return True


async def submit_order(submission: OrderSubmission, order: Order, wallet_token: str = "", *, is_new: bool) -> Order:
    """Submit an order that was just requested, new or resumed, unless the bank has it.

    Args:
        is_new: it was stored for this request, so that no earlier attempt can exist.

    Raises:
        GatewayError: see `OrderSubmission.submit`; `GatewayRefused` also where the bank refused it before.
    """
    if order.state is OrderState.REJECTED and order.bank_order_id is None:
        raise GatewayRefused(HTTPStatus.BAD_REQUEST, order.reject_reason or "refused before")
    if order.payment_url or order.bank_order_id or order.state is not OrderState.CREATED:
        return order
    return await submission.submit(order, wallet_token, attempt=Attempt.FIRST if is_new else Attempt.AGAIN)
