"""What one step of an order costs: the shared machine, a dictionary, a machine per order."""

from __future__ import annotations

import time
from collections.abc import Callable

from transitions import Machine

from echodesk_billing.domain.lifecycle import ORDER_TRANSITIONS, OrderState, fire


class Thing:
    """Something with a state."""

    subject = "a thing"

    def __init__(self) -> None:
        self.state = OrderState.CREATED


TABLE = {(row.source, row.event): row.target for row in ORDER_TRANSITIONS}


def by_dictionary() -> None:
    """The least that is possible."""
    thing = Thing()
    thing.state = OrderState(TABLE[thing.state, "begin"])
    thing.state = OrderState(TABLE[thing.state, "complete"])


def by_shared_machine() -> None:
    """As the product does it."""
    thing = Thing()
    fire(thing, "begin")
    fire(thing, "complete")


def by_machine_each() -> None:
    """The usual way with the library."""
    thing = Thing()
    Machine(
        thing,
        states=list(OrderState),
        transitions=[{"trigger": row.event, "source": row.source, "dest": row.target} for row in ORDER_TRANSITIONS],
        initial=OrderState.CREATED,
    )
    thing.begin()  # type: ignore[attr-defined]
    thing.complete()  # type: ignore[attr-defined]


def seconds(work: Callable[[], None], times: int) -> float:
    """Of doing it so often."""
    started = time.perf_counter()
    for _ in range(times):
        work()
    return time.perf_counter() - started


def ratios(rounds: int, times: int) -> dict[str, list[float]]:
    """How often cheaper the shared machine is than a machine each, and dearer than a dictionary, by round."""
    found: dict[str, list[float]] = {"machine each / shared": [], "shared / dictionary": []}
    for _ in range(rounds):
        shared = seconds(by_shared_machine, times) / times
        found["machine each / shared"].append(seconds(by_machine_each, times // 10) / (times // 10) / shared)
        found["shared / dictionary"].append(shared / (seconds(by_dictionary, times) / times))
    return found
