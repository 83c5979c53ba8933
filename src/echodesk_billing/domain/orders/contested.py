"""Payments contested at the bank: refunded without a request from here, or disputed by the holder of the card.

Source: docs/refunds.md, "Refunds and disputes that come from the bank".
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from echodesk_billing.domain.events import OrderContested, OrderEvent
from echodesk_billing.domain.orders import refund
from echodesk_billing.domain.orders.refund import Refund
from echodesk_billing.domain.orders.report import Source

if TYPE_CHECKING:
    from echodesk_billing.domain.orders.order import Order

REFUNDED_OUTSIDE = "refunded at the bank"
DISPUTED = "the bank reports a dispute"


def refunded_outside(order: Order, known: tuple[Refund, ...], source: Source, at: datetime) -> list[OrderEvent]:
    """Mark an order for attention when more of it was refunded that nobody here asked for.

    One reason names the whole sum, so that reports in any order end with the same one.

    Args:
        order: with the refunds of the bank's report.
        known: its refunds before the report.
    """
    currency = order.amount.currency
    now, before = refund.made_outside(order.refunds, currency), refund.made_outside(known, currency)
    if now <= before:
        return []
    order.attention = tuple(reason for reason in order.attention if not reason.startswith(REFUNDED_OUTSIDE))
    return _contest(order, f"{REFUNDED_OUTSIDE}: {now}, which nobody here asked for", source, at)


def disputed(order: Order, source: Source, at: datetime) -> list[OrderEvent]:
    """Mark an order for attention because the holder of the card disputes it."""
    return _contest(order, f"{DISPUTED}: answer it in the bank's business manager", source, at)


def _contest(order: Order, reason: str, source: Source, at: datetime) -> list[OrderEvent]:
    marked = order.mark(reason, source, at)
    if not marked:
        return []
    return [*marked, OrderContested(tenant_id=order.tenant_id, at=at, order_id=order.id, reason=reason)]
