"""The states of orders and subscriptions, with the only ways from one to another.

Each table is data: it drives one shared state machine, the exhaustive tests and the diagrams in the docs.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from attrs import frozen
from transitions import Machine, MachineError

from echodesk_billing.domain.errors import IllegalTransition


class OrderState(enum.StrEnum):
    """Where one attempt to move money stands."""

    CREATED = "created"
    PROCESSING = "processing"
    BLOCKED = "blocked"
    COMPLETED = "completed"
    REJECTED = "rejected"
    REFUNDED_PARTIALLY = "refunded_partially"
    REFUNDED = "refunded"


class SubscriptionState(enum.StrEnum):
    """Where a tenant's subscription stands."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"
    ENDED = "ended"


@frozen
class Transition:
    """One row of a table: `event` moves `source` to `target`."""

    event: str
    source: enum.StrEnum
    target: enum.StrEnum


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

_S = SubscriptionState
SUBSCRIPTION_TRANSITIONS = (
    Transition("start_trial", _S.INCOMPLETE, _S.TRIALING),
    Transition("activate", _S.INCOMPLETE, _S.ACTIVE),
    Transition("activate", _S.TRIALING, _S.ACTIVE),
    Transition("activate", _S.ENDED, _S.ACTIVE),
    Transition("fall_due", _S.ACTIVE, _S.PAST_DUE),
    Transition("recover", _S.PAST_DUE, _S.ACTIVE),
    Transition("recover", _S.SUSPENDED, _S.ACTIVE),
    Transition("suspend", _S.PAST_DUE, _S.SUSPENDED),
    Transition("suspend", _S.TRIALING, _S.SUSPENDED),
    Transition("cancel", _S.TRIALING, _S.CANCELLED),
    Transition("cancel", _S.ACTIVE, _S.CANCELLED),
    Transition("cancel", _S.PAST_DUE, _S.CANCELLED),
    Transition("cancel", _S.SUSPENDED, _S.CANCELLED),
    Transition("resume", _S.CANCELLED, _S.ACTIVE),
    Transition("resume_trial", _S.CANCELLED, _S.TRIALING),
    Transition("end", _S.CANCELLED, _S.ENDED),
)


class Stateful(Protocol):
    """An entity whose `state` moves by a table."""

    @property
    def state(self) -> OrderState | SubscriptionState:
        """Where it stands; the machine sets it."""
        ...

    @property
    def subject(self) -> str:
        """What error messages call it."""


def machine(states: type[enum.StrEnum], table: Iterable[Transition]) -> Machine:
    """One machine for every entity of a kind: it holds the table and no entity (docs/adr/0002)."""
    return Machine(
        model=None,
        states=list(states),
        transitions=[{"trigger": row.event, "source": row.source, "dest": row.target} for row in table],
        initial=None,
        auto_transitions=False,
    )


_MACHINES = {
    OrderState: machine(OrderState, ORDER_TRANSITIONS),
    SubscriptionState: machine(SubscriptionState, SUBSCRIPTION_TRANSITIONS),
}


def fire(entity: Stateful, event: str) -> None:
    """Move `entity` by `event`.

    Raises:
        IllegalTransition: the table has no such row for its state; nothing was changed.
    """
    known = _MACHINES[type(entity.state)].events.get(event)
    try:
        if known is None or not known.trigger(entity):
            raise IllegalTransition(entity.subject, event, entity.state)
    except MachineError:
        raise IllegalTransition(entity.subject, event, entity.state) from None


def paths(table: tuple[Transition, ...]) -> dict[tuple[enum.StrEnum, enum.StrEnum], tuple[str, ...]]:
    """The shortest way between every two states, as events; earlier rows win ties.

    `correct` starts a way and never lies within one: a payment is not rejected on its way to being completed.
    """
    found: dict[tuple[enum.StrEnum, enum.StrEnum], tuple[str, ...]] = {}
    for start in {row.source for row in table}:
        queue: deque[tuple[enum.StrEnum, tuple[str, ...]]] = deque([(start, ())])
        while queue:
            at, events = queue.popleft()
            for row in table:
                passes_rejection = row.event == "correct" and at is not start
                if row.source is at and (start, row.target) not in found and not passes_rejection:
                    found[start, row.target] = (*events, row.event)
                    queue.append((row.target, (*events, row.event)))
    return found


_ORDER_PATHS = paths(ORDER_TRANSITIONS)


def order_path(source: OrderState, target: OrderState) -> tuple[str, ...]:
    """The events that lead an order from `source` to `target`; empty where the table has no way."""
    return _ORDER_PATHS.get((source, target), ())


def mermaid(table: tuple[Transition, ...]) -> str:
    """A table as a Mermaid state diagram, the one in the docs."""
    starts = f"    [*] --> {table[0].source}"
    rows = [f"    {row.source} --> {row.target}: {row.event}" for row in table]
    return "\n".join(["stateDiagram-v2", starts, *rows])
