"""Refunds: each one a record, committed before it is sent to the bank."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from decimal import Decimal
from uuid import UUID

import structlog

from echodesk_billing.application.errors import OrderNotFound
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders import refunding, transfers
from echodesk_billing.domain.orders.attempt import is_alone, repetitions
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.refund import Refund, RefundState
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import (
    Gateway,
    GatewayError,
    GatewayOutcomeUnknown,
    GatewayRefused,
    require_configured,
)
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Storage, StorageUnavailable, UnitOfWork

log = structlog.get_logger()


class RefundPayment:
    """Refunds an order, fully or partly, and sends refunds to the bank."""

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
        """Request a refund. The bank executes it later: the outcome arrives by callback or receipt.

        Of a payment by bank transfer, it is only recorded: send the money back from your bank account.

        Args:
            amount: in the order's currency; everything left where None.
            reason: why, for the history.
            refund_id: a UUID v4 chosen by the caller; repeating it refunds once. Without it, an equal
                refund of the last minute, or one that may not have reached the bank, is resumed.

        Raises:
            OrderNotFound: no such order is visible to `who`.
            IllegalTransition: it is not paid, or fully refunded.
            AmountTooLarge: less than that is left.
            InvalidSelection: the refund id was used for another amount, or is not a UUID.
            GatewayRefused: the bank refused; the refund has failed.
            GatewayError: the outcome is unknown; reconciliation retries under the same key.
        """
        require_configured(self._gateway)
        now = await self._clock.now()
        _require_uuid(refund_id)

        def work(uow: UnitOfWork) -> tuple[Order, Refund, bool]:
            found = uow.orders.get(order_id, who.tenant_filter)
            order = uow.orders.lock(found.id, "") if found else None
            if order is None:
                raise OrderNotFound
            named = derived_key(refund_id, order.id) if refund_id else None  # the same id on two orders is two refunds
            wanted = None if amount is None else Money(amount, order.amount.currency)
            repeated = refunding.repeated_refund(order, wanted, now) if named is None else None
            chosen_id = repeated.id if repeated else named or self._ids.idempotency_key()
            known = {one.id for one in order.refunds}
            refund = refunding.request_refund(
                order, repeated.amount if repeated else wanted, refund_id=chosen_id, reason=reason, at=now, by=who.name
            )
            is_new = refund.id not in known
            if is_new and order.request.transfer is not None:
                refund, events = transfers.return_transfer(order, refund, now)
                self._settlement.record(uow, order, events, now, who.name)
            elif is_new:
                uow.orders.save(order)
            return order, refund, is_new

        order, refund, is_new = await self._storage.transact(work)
        if refund.action_id is not None or refund.state is not RefundState.REQUESTED:
            return order, refund
        log.info(
            "refund.requested", order_id=order.id, tenant_id=order.tenant_id, amount=str(refund.amount), by=who.name
        )
        return await self.send(order, refund, refusal_settles=is_new), refund

    async def preview(self, who: Principal, order_id: str, amount: Decimal | None = None) -> Money:
        """How much `refund` would refund; it raises the same errors as far as they are known beforehand."""
        now = await self._clock.now()
        order = deepcopy(await self._storage.read(lambda uow: uow.orders.get(order_id, who.tenant_filter)))
        if order is None:
            raise OrderNotFound
        wanted = None if amount is None else Money(amount, order.amount.currency)
        chosen_id = self._ids.idempotency_key()
        return refunding.request_refund(order, wanted, refund_id=chosen_id, reason="", at=now, by=who.name).amount

    async def send(self, order: Order, refund: Refund, *, refusal_settles: bool) -> Order:
        """Send a stored refund to the bank. Safe to repeat: its id is its idempotency key.

        Args:
            refusal_settles: there was no earlier attempt, so that a refusal means that nothing was
                done, unless another process is trying too.

        Raises:
            GatewayError: as `refund`.
        """
        bound = log.bind(order_id=order.id, tenant_id=order.tenant_id, refund_id=refund.id)
        if not refusal_settles:
            await self._settlement.called(order.id, "refund", "repeated", refund.id, is_needed=True)
        try:
            action_id = await self._gateway.refund(order, refund)
        except GatewayRefused as refusal:
            if not refusal_settles or not await self._refuse(order.id, refund.id, str(refusal)):
                await self._note(order.id, refund.id, unknown_because=str(refusal))
                raise GatewayOutcomeUnknown(refusal) from refusal
            bound.error("refund.refused", reason=str(refusal))
            raise
        except GatewayError as error:
            bound.error("refund.outcome_unknown", error=type(error).__name__, reason=str(error))
            with contextlib.suppress(StorageUnavailable):  # only a note; the caller gets the outcome itself
                await self._note(order.id, refund.id, unknown_because=str(error))
            raise
        return await self._note(order.id, refund.id, action_id=action_id)

    async def settle_refused(self, order: Order, refund: Refund, reason: str) -> None:
        """Settle a refund that the bank refused again and that its receipt, merged since, does not list.

        Not while another process is trying too.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> None:
            locked = _locked(uow, order.id)
            if not is_alone(uow.orders.history(order.id), "refund", refund.id, now):
                return
            if events := refunding.refund_not_listed(locked, refund.id, reason, now):
                uow.outbox.add(events)
                uow.orders.save(locked)

        await self._storage.transact(work)

    async def _refuse(self, order_id: str, refund_id: str, reason: str) -> bool:
        """Settle a refund that the bank refused, unless another process tried too."""
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> bool:
            order = _locked(uow, order_id)
            if repetitions(uow.orders.history(order_id), "refund", refund_id):
                return False
            uow.outbox.add(refunding.refund_refused(order, refund_id, reason, now))
            uow.orders.save(order)
            return True

        return await self._storage.transact(work)

    async def _note(self, order_id: str, refund_id: str, *, action_id: str = "", unknown_because: str = "") -> Order:
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Order:
            order = _locked(uow, order_id)
            if unknown_because:
                refunding.note_unknown_outcome(order, refund_id, unknown_because, now)
            else:
                uow.outbox.add(refunding.refund_accepted(order, refund_id, action_id, now))
            uow.orders.save(order)
            return order

        return await self._storage.transact(work)


def _locked(uow: UnitOfWork, order_id: str) -> Order:
    """The order of a stored refund, which pruning never deletes."""
    order = uow.orders.lock(order_id, "")
    if order is None:
        raise AssertionError(f"order {order_id} had a refund and is gone")
    return order


def _require_uuid(refund_id: str | None) -> None:
    """Check a refund id chosen by the caller.

    Raises:
        InvalidSelection: it is not a UUID.
    """
    try:
        UUID(refund_id or "00000000-0000-4000-8000-000000000000")
    except ValueError:
        raise InvalidSelection("refund_id", f"{(refund_id or '')[:40]!r} is not a UUID") from None
