"""Making an order: stored here before the bank hears of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from echodesk_billing.domain.events import OrderCreated
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.order import Order, Purpose
from echodesk_billing.domain.payment_request import PaymentRequest
from echodesk_billing.domain.subscription import Purchase
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import UnitOfWork

log = structlog.get_logger()

DOUBLE_CLICK = timedelta(minutes=1)


class Ordering:
    """Adds orders to a unit of work, and knows which were ordered a moment ago."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def add(
        self,
        uow: UnitOfWork,
        who: Principal,
        purchase: Purchase,
        request: PaymentRequest,
        at: datetime,
        *,
        ask: str | None = None,
    ) -> Order:
        """Store an order for a period of a plan.

        Args:
            ask: why the customer has to come and pay it, where nobody is waiting for its page.
        """
        return self._add(
            uow,
            Order.create(
                order_id=self._ids.order_id(purchase.purpose),
                idempotency_key=self._ids.idempotency_key(),
                tenant_id=who.tenant_id,
                purpose=purchase.purpose,
                amount=purchase.plan.price,
                plan=purchase.plan,
                period=purchase.period,
                request=request,
                ask=ask,
                at=at,
            ),
        )

    def add_card_check(
        self, uow: UnitOfWork, who: Principal, amount: Money, request: PaymentRequest, at: datetime
    ) -> Order:
        """Store an order that is paid only to save a card."""
        return self._add(
            uow,
            Order.create(
                order_id=self._ids.order_id(Purpose.CARD),
                idempotency_key=self._ids.idempotency_key(),
                tenant_id=who.tenant_id,
                purpose=Purpose.CARD,
                amount=amount,
                request=request,
                at=at,
            ),
        )

    def once(
        self,
        uow: UnitOfWork,
        who: Principal,
        purchase: Purchase,
        request: PaymentRequest,
        at: datetime,
        *,
        distinct: bool = False,
    ) -> Order:
        """Store an order, or give the equal one of a moment ago, so that a double click makes one order.

        An order that has no payment page yet is always taken up again: nobody can have paid it (docs/adr/0006).

        Args:
            distinct: the caller tells repeated requests by itself, with an idempotency key.
        """
        wanted = (purchase.purpose, purchase.plan, purchase.period, request)
        for earlier in uow.orders.open_of(who.tenant_id):
            fresh = not distinct and at - earlier.created_at < DOUBLE_CLICK
            same = (earlier.purpose, earlier.plan, earlier.period, earlier.request) == wanted
            if same and (earlier.payment_url is None or fresh):
                return earlier
        return self.add(uow, who, purchase, request, at)

    def _add(self, uow: UnitOfWork, made: tuple[Order, OrderCreated]) -> Order:
        order, created = made
        uow.orders.add(order)
        uow.outbox.add([created])
        return order


def tell_created(order: Order) -> None:
    """Log an order once its transaction is committed."""
    log.info("order.created", order_id=order.id, tenant_id=order.tenant_id, amount=str(order.amount), state=order.state)
