"""What it costs to merge the bank's report into an order: as the product does it, and the step alone in three ways."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy

from tests.builders import NOW, an_order, report
from transitions import Machine

from benchmarks import machine
from benchmarks.figures import Figure
from echodesk_billing.domain.orders.lifecycle import ORDER_TRANSITIONS, OrderState
from echodesk_billing.domain.orders.report import BankStatus

FRESH = an_order()
PAID = report(BankStatus.COMPLETED)
TABLE = {(row.source, row.event): row.target for row in ORDER_TRANSITIONS}
ROWS = [{"trigger": row.event, "source": row.source, "dest": row.target} for row in ORDER_TRANSITIONS]


class Thing:
    """Something with a state."""

    def __init__(self) -> None:
        self.state = OrderState.CREATED


def observe() -> None:
    """All of it: the step, what was captured, the history, the events."""
    order = copy(FRESH)
    order.steps = []
    order.observe(PAID, NOW)


def by_dictionary() -> None:
    """The least that is possible: two steps and nothing else."""
    thing = Thing()
    thing.state = TABLE[thing.state, "begin"]
    thing.state = TABLE[thing.state, "complete"]


def by_machine_each() -> None:
    """The common use of the library: a machine for every order, two steps and nothing else."""
    thing = Thing()
    Machine(thing, states=list(OrderState), transitions=ROWS, initial=OrderState.CREATED)
    thing.begin()  # type: ignore[attr-defined]
    thing.complete()  # type: ignore[attr-defined]


def seconds(work: Callable[[], None], times: int) -> float:
    """Of doing it once."""
    started = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - started) / times


async def measure(place: machine.Machine) -> list[Figure]:
    """Rounds of each in turn."""
    times = 2_000 if place.quick else 20_000
    rounds = [
        (seconds(observe, times), seconds(by_dictionary, times * 10), seconds(by_machine_each, times // 10))
        for _ in range(place.rounds)
    ]
    place.say("domain: done")
    return [
        Figure(what="a state machine per order, two steps / Order.observe", rounds=[c / a for a, _, c in rounds]),
        Figure(what="Order.observe / a dictionary, two steps", rounds=[a / b for a, b, _ in rounds]),
    ]
