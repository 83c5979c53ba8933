"""Pre-authorisations: whether a payment may be captured or released."""

from __future__ import annotations

from echodesk_billing.domain.errors import AmountTooLarge, IllegalTransition
from echodesk_billing.domain.money import Money, positive
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import Capture


def was_captured(order: Order, amount: Money | None) -> bool:
    """Whether this amount was already captured, so that the request is a repetition."""
    manual = order.request.capture is Capture.MANUAL
    return manual and order.captured is not None and order.captured == (amount or order.amount)


def was_released(order: Order) -> bool:
    """Whether its hold was released."""
    released = order.state is OrderState.REJECTED and order.request.capture is Capture.MANUAL
    return released and order.response_code is None and order.bank_order_id is not None


def require_held(order: Order, event: str, amount: Money | None = None) -> None:
    """Check that money is held, before a `capture` or `release`.

    Raises:
        IllegalTransition: no money is held.
        AmountTooLarge: `amount` is more than the order's.
    """
    if order.state is not OrderState.BLOCKED:
        raise IllegalTransition(order.subject, event, order.state)
    if amount is not None and positive(amount, f"the amount to {event}") > order.amount:
        raise AmountTooLarge(order.id, f"to {event}", str(amount), str(order.amount))
