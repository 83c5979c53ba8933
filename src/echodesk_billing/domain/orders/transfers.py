"""Payments by bank transfer, which an operator records: the card bank has no part in them.

Source: docs/transfers.md.
"""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from echodesk_billing.domain.events import OrderCompleted, OrderEvent, OrderRefunded
from echodesk_billing.domain.orders import lifecycle
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.refund import Refund, RefundState
from echodesk_billing.domain.orders.report import Source


def take_transfer(order: Order, at: datetime, by: str) -> list[OrderEvent]:
    """Complete an order whose money has arrived by bank transfer.

    Raises:
        IllegalTransition: it was completed or rejected before.
    """
    for event in lifecycle.order_path(order.state, OrderState.COMPLETED):
        order.move(event, Source.REQUEST, at, "bank transfer")
    order.captured, order.check_at = order.amount, None
    return [
        OrderCompleted(
            tenant_id=order.tenant_id, at=at, order_id=order.id, amount=order.amount, captured=order.amount, by=by
        )
    ]


def return_transfer(order: Order, requested: Refund, at: datetime) -> tuple[Refund, list[OrderEvent]]:
    """Complete a refund that was sent back from the seller's bank account.

    Args:
        requested: a refund of this order that was just requested.
    """
    done = evolve(requested, state=RefundState.COMPLETED)
    order.refunds = tuple(done if one.id == done.id else one for one in order.refunds)
    order.move("refund" if order.refunded == order.captured else "refund_partially", Source.REQUEST, at)
    order.check_at = None
    refunded = OrderRefunded(
        tenant_id=order.tenant_id,
        at=at,
        order_id=order.id,
        amount=done.amount,
        refunded=order.refunded,
        by=done.by,
    )
    return done, [refunded]
