"""The states of an order, and the only ways from one to another."""

from __future__ import annotations

import enum

from echodesk_billing.domain.state_machine import Stateful, Transition, fire_event, machine, paths


class OrderState(enum.StrEnum):
    """Where one attempt to move money stands."""

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
    """Move an order by `event`.

    Raises:
        IllegalTransition: the table has no such row for its state; nothing was changed.
    """
    fire_event(_MACHINE, order, event)


_ORDER_PATHS = paths(ORDER_TRANSITIONS)


def order_path(source: OrderState, target: OrderState) -> tuple[str, ...]:
    """The events that lead an order from `source` to `target`; empty where the table has no way."""
    return _ORDER_PATHS.get((source, target), ())
