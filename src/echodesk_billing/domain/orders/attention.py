"""Orders that need attention: marking and resolving them."""

from __future__ import annotations

from datetime import datetime

from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.events import OrderAttentionResolved, OrderEvent
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import MOST_ATTENTION_REASONS, NO_ANSWER, Order
from echodesk_billing.domain.orders.report import Source


def resolve(order: Order, note: str, by: str, at: datetime) -> list[OrderEvent]:
    """Resolve an order that needs attention. Idempotent.

    This rejects an automatic charge that the bank did not answer and does not find: the
    operator has checked with the bank. If the bank reports a payment later, it is merged as usual.

    Args:
        note: what the operator found and did.
        by: who resolves it.

    Raises:
        InvalidSelection: the note is empty.
    """
    if not note.strip():
        raise InvalidSelection("note", "Describe what you found and did")
    if not order.attention:
        return []
    reasons, order.attention = order.attention, ()
    order.resolved = (*order.resolved, *reasons)[-MOST_ATTENTION_REASONS:]
    order.note("resolved", Source.REQUEST, at, note, by=by)
    told = OrderAttentionResolved(
        tenant_id=order.tenant_id, at=at, order_id=order.id, reasons=reasons, by=by, note=note
    )
    closed: list[OrderEvent] = []
    if order.state is OrderState.CREATED and order.is_old(at):
        closed = order.refuse(f"resolved by {by}: {note}", at)
    return [told, *closed]


def not_found(order: Order, at: datetime) -> list[OrderEvent]:
    """Mark an automatic charge that the bank does not find and whose key is too old to repeat."""
    since = f"{order.created_at:%Y-%m-%d %H:%M} UTC"
    return order.mark(
        f"{NO_ANSWER} since {since}, and the bank does not find it by our id: "
        "look for it in the bank's business manager, then resolve this order",
        Source.RECEIPT,
        at,
    )


def unknown_outcome(order: Order) -> str | None:
    """The unknown outcome, for operators; None where there is none, or the order only awaits its customer."""
    if order.state is OrderState.CREATED:
        return "the bank's answer to its creation is not known"
    if any(one.action_id is None for one in order.pending_refunds):
        return "a refund may not have reached the bank"
    if order.pending_refunds:
        return "the bank has not finished a refund"
    if order.state is OrderState.PROCESSING and order.request.is_automatic:
        return "the charge of the saved card has no answer"
    if order.state is OrderState.REJECTED and order.check_at is not None:
        return "the bank took its rejection back, and its receipt is not read yet"
    return None
