"""The states of an order and its transition table."""

from __future__ import annotations

import enum

from echodesk_billing.domain.state_machine import Stateful, Transition, fire_event, machine, paths


class OrderState(enum.StrEnum):
    """The state of an order."""

    CREATED = "created"
    PROCESSING = "processing"
    BLOCKED = "blocked"
    COMPLETED = "completed"
    REJECTED = "rejected"
    REFUNDED_PARTIALLY = "refunded_partially"
    REFUNDED = "refunded"


_O = OrderState
ORDER_TRANSITIONS = (
    Transition("begin", _O.CREATED, _O.PROCESSING),
    Transition("authorize", _O.PROCESSING, _O.BLOCKED),
    Transition("complete", _O.PROCESSING, _O.COMPLETED),
    Transition("complete", _O.BLOCKED, _O.COMPLETED),
    Transition("reject", _O.CREATED, _O.REJECTED),
    Transition("reject", _O.PROCESSING, _O.REJECTED),
    Transition("release", _O.BLOCKED, _O.REJECTED),
    Transition("correct", _O.REJECTED, _O.COMPLETED),
    Transition("refund_partially", _O.COMPLETED, _O.REFUNDED_PARTIALLY),
    Transition("refund_partially", _O.REFUNDED_PARTIALLY, _O.REFUNDED_PARTIALLY),
    Transition("refund", _O.COMPLETED, _O.REFUNDED),
    Transition("refund", _O.REFUNDED_PARTIALLY, _O.REFUNDED),
)

_MACHINE = machine(OrderState, ORDER_TRANSITIONS)


def fire(order: Stateful, event: str) -> None:
    """Apply `event` to an order.

    Raises:
        IllegalTransition: the table does not allow it in this state; nothing was changed.
    """
    fire_event(_MACHINE, order, event)


_ORDER_PATHS = paths(ORDER_TRANSITIONS)


def order_path(source: OrderState, target: OrderState) -> tuple[str, ...]:
    """The events that lead from `source` to `target`; empty where there is no path."""
    return _ORDER_PATHS.get((source, target), ())
