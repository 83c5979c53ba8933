"""Refunds of an order: requesting them and applying the bank's answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from attrs import evolve

from echodesk_billing.domain.errors import AmountTooLarge, IllegalTransition, InvalidSelection
from echodesk_billing.domain.events import OrderEvent
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.money import Money, positive
from echodesk_billing.domain.orders import contested, lifecycle, refund
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import DOUBLE_CLICK, FIRST_CHECK_AFTER, REFUND_FAILED, Order
from echodesk_billing.domain.orders.refund import Refund, RefundState, give_back_id
from echodesk_billing.domain.orders.report import Source

REPEATED_WITHIN = timedelta(hours=1)
"""The longest `Retry-After` that callers get."""
REFUSAL_SETTLES_AFTER = timedelta(hours=1)


def repeated_refund(order: Order, amount: Money | None, at: datetime) -> Refund | None:
    """The refund that a request for `amount` without an id repeats; None for a new one.

    It is one that may not have reached the bank, one requested within the last minute, or one whose caller got
    an unknown outcome within the last hour.

    Args:
        amount: everything left where None.
    """
    asked_for_all = amount is None and order.captured is not None and not _left(order, order.captured)
    for one in reversed(order.refunds):
        age = at - one.asked_at if one.asked_at else None
        is_recent = age is not None and age < (REPEATED_WITHIN if one.unanswered else DOUBLE_CLICK)
        is_lost = one.state is RefundState.REQUESTED and one.action_id is None
        is_alive = one.state is not RefundState.FAILED
        is_all = asked_for_all and (one.unanswered or one.state is RefundState.REQUESTED)
        if is_alive and (is_lost or is_recent) and (is_all or amount == one.amount):
            return one
    return None


def note_unknown_outcome(order: Order, refund_id: str, reason: str, at: datetime) -> None:
    """Note that the caller of a refund got an unknown outcome."""
    _change(order, refund_id, unanswered=True)
    order.called("refund", "in_doubt", at, reason)


def _left(order: Order, captured: Money) -> Money:
    """The amount that can still be refunded."""
    return captured - refund.total(order.refunds, captured.currency, RefundState.REQUESTED, RefundState.COMPLETED)


def request_refund(
    order: Order, amount: Money | None, *, refund_id: str, reason: str, at: datetime, by: str = ""
) -> Refund:
    """Request a refund; commit it before it is sent to the bank.

    Args:
        amount: of the refund; everything left where None.
        refund_id: UUID v4, the refund's idempotency key; repeating it refunds once.
        reason: why, for the history.
        by: who asks.

    Raises:
        IllegalTransition: the order is not paid, or fully refunded.
        AmountTooLarge: requested and completed refunds would exceed the paid amount.
        CurrencyMismatch: the amount is in another currency.
        InvalidSelection: the refund id was used for another amount.
    """
    for one in order.refunds:
        if one.id == refund_id:
            if amount not in (None, one.amount):
                raise InvalidSelection("refund_id", f"This refund was asked for {one.amount}, not {amount}")
            return one
    if order.captured is None or not lifecycle.order_path(order.state, OrderState.REFUNDED):
        raise IllegalTransition(order.subject, "refund", order.state)
    left = _left(order, order.captured)
    wanted = left if amount is None else positive(amount, "the amount of a refund")
    if not left or wanted > left:
        raise AmountTooLarge(order.id, "to refund", str(amount or order.captured), str(left))
    asked = Refund(id=refund_id, amount=wanted, state=RefundState.REQUESTED, reason=reason, by=by, asked_at=at)
    order.refunds = (*order.refunds, asked)
    order.note("refund_requested", Source.REQUEST, at, f"{wanted} {reason}".strip(), by=by)
    order.check_at = at + FIRST_CHECK_AFTER
    return asked


def give_back(order: Order, reason: str, at: datetime) -> None:
    """Request the refund of a payment that buys nothing; reconciliation sends it to the bank.

    The order no longer counts as payment of its period, so that the period can be charged.
    """
    _request_rest(order, give_back_id(order.idempotency_key), reason, at)
    order.period = None


def give_back_card_check(order: Order, at: datetime) -> None:
    """Request the refund of an order that only saved a card; reconciliation sends it to the bank."""
    _request_rest(order, derived_key(order.idempotency_key, "card check"), "card check", at)


def _request_rest(order: Order, refund_id: str, reason: str, at: datetime) -> None:
    """Request the refund of what is left; where the bank gave all back already, note that nothing was."""
    if order.captured is not None and not _left(order, order.captured):
        nothing = Money.zero(order.captured.currency)
        done = Refund(id=refund_id, amount=nothing, state=RefundState.COMPLETED, reason=reason, asked_at=at)
        order.refunds = (*order.refunds, done)
        return
    request_refund(order, None, refund_id=refund_id, reason=reason, at=at)
    order.check_at = at


def refund_accepted(order: Order, refund_id: str, action_id: str, at: datetime) -> list[OrderEvent]:
    """The bank accepted a refund under its own id; the outcome arrives later.

    Where a report came first and the action was matched with another refund of the same amount, the two swap
    places: the other one may not have reached the bank yet.
    """
    events: list[OrderEvent] = []
    known = order.refunds
    mine = next(one for one in order.refunds if one.id == refund_id)
    holder = next((one for one in order.refunds if one.action_id == action_id), None)
    if holder is mine:
        return []
    if holder is None and mine.action_id is None:  # the bank may have refused another attempt at it before
        _change(order, refund_id, action_id=action_id, state=RefundState.REQUESTED, failure="")
        failed = f"{REFUND_FAILED}{refund_id} of "
        events = order.clear(lambda reason: reason.startswith(failed), "the bank accepted it", at)
        order.check_at = order.check_at or at + FIRST_CHECK_AFTER
    elif holder is None:  # its data belongs to another refund, which the bank did not answer
        _change(order, refund_id, action_id=action_id, state=RefundState.REQUESTED, failure="")
        order.refunds = refund.adopted(order.refunds, mine)
        events = contested.refunded_outside(order, known, Source.ANSWER, at)
    else:
        _change(order, holder.id, action_id=mine.action_id, state=mine.state, failure=mine.failure)
        _change(order, refund_id, action_id=action_id, state=holder.state, failure=holder.failure)
    order.note("refund_accepted", Source.ANSWER, at, action_id)
    return events


def refund_not_listed(order: Order, refund_id: str, refused: str, at: datetime) -> list[OrderEvent]:
    """Settle a refund that the bank refused after an attempt with unknown outcome and that its receipt does not list.

    It fails once the bank has had its time to list it.

    Args:
        refused: the bank's reason.
    """
    waiting = next((one for one in order.pending_refunds if one.id == refund_id and one.action_id is None), None)
    if waiting is None or at - (waiting.asked_at or at) < REFUSAL_SETTLES_AFTER:
        return []
    return refund_refused(order, refund_id, refused, at)


def refund_refused(order: Order, refund_id: str, reason: str, at: datetime) -> list[OrderEvent]:
    """Fail a refund that the bank refused, and mark the order for attention.

    The bank is asked for another day: a repetition of it from another process may have arrived later. No effect where
    the bank accepted the same refund from another process.
    """
    waiting = [one for one in order.pending_refunds if one.id == refund_id and one.action_id is None]
    if not waiting:
        return []
    _change(order, refund_id, state=RefundState.FAILED, failure=reason)
    order.check_at = order.check_at or at + FIRST_CHECK_AFTER
    return order.mark(f"refund {refund_id} of {waiting[0].amount} failed: {reason}", Source.ANSWER, at)


def _change(order: Order, refund_id: str, **changes: Any) -> None:  # noqa: ANN401 - fields of a refund
    order.refunds = tuple(evolve(one, **changes) if one.id == refund_id else one for one in order.refunds)
