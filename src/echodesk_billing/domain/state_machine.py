"""State machines from tables of transitions.

A table is data: it drives one shared machine per kind of entity, the exhaustive tests and the diagrams in the
docs (docs/adr/0002).
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from attrs import frozen
from transitions import Machine, MachineError

from echodesk_billing.domain.errors import IllegalTransition


@frozen
class Transition:
    """One row of a table: `event` moves `source` to `target`."""

    event: str
    source: enum.StrEnum
    target: enum.StrEnum


class Stateful(Protocol):
    """An entity whose `state` moves by a table."""

    @property
    def state(self) -> enum.StrEnum:
        """The state; set by the machine."""
        ...

    @property
    def subject(self) -> str:
        """Its name in error messages."""


def machine(states: type[enum.StrEnum], table: Iterable[Transition]) -> Machine:
    """One machine per kind of entity: it holds the table and no entity."""
    return Machine(
        model=None,
        states=list(states),
        transitions=[{"trigger": row.event, "source": row.source, "dest": row.target} for row in table],
        initial=None,
        auto_transitions=False,
    )


def fire_event(shared: Machine, entity: Stateful, event: str) -> None:
    """Apply `event` to `entity`.

    Args:
        shared: the machine of its kind.

    Raises:
        IllegalTransition: the table does not allow it in this state; nothing was changed.
    """
    known = shared.events.get(event)
    try:
        if known is None or not known.trigger(entity):
            raise IllegalTransition(entity.subject, event, entity.state)
    except MachineError:
        raise IllegalTransition(entity.subject, event, entity.state) from None


def paths(table: tuple[Transition, ...]) -> dict[tuple[enum.StrEnum, enum.StrEnum], tuple[str, ...]]:
    """The shortest path between every two states, as events; earlier rows win ties.

    `correct` occurs only as the first event: a payment is not rejected on its path to completed.
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


def mermaid(table: tuple[Transition, ...]) -> str:
    """A table as a Mermaid state diagram, the one in the docs."""
    starts = f"    [*] --> {table[0].source}"
    rows = [f"    {row.source} --> {row.target}: {row.event}" for row in table]
    return "\n".join(["stateDiagram-v2", starts, *rows])
