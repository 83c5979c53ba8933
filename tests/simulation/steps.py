"""Running coroutines by hand, one step at a time, so that a seed decides who goes on and who dies.

The use cases await nothing but their ports. The ports of a simulation await `Pause`, where control comes back to the
scheduler: no event loop, no threads, no real time, and the same seed does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

from attrs import define, field, frozen

from echodesk_billing.domain.errors import BillingError

T = TypeVar("T")


class Killed(BillingError):
    """What a client sees of a process that died."""


@frozen
class Pause:
    """A place where others may go on, or the process may die."""

    where: str

    def __await__(self) -> Generator[Pause, None, None]:
        yield self


@define(eq=False)
class Task:
    """One use case under way in a process."""

    name: str
    process: str
    coroutine: Coroutine[Any, Any, Any]
    on_end: Callable[[Any, BaseException | None], None]
    at: str = "start"
    steps: int = field(default=0)

    def step(self) -> bool:
        """Go on to the next pause; returns whether there is one."""
        self.steps += 1
        try:
            self.at = self.coroutine.send(None).where
        except StopIteration as end:
            self.on_end(end.value, None)
            return False
        except Exception as error:  # noqa: BLE001 - what a use case raises is its answer
            self.on_end(None, error)
            return False
        return True

    def kill(self) -> None:
        """The process died here: nothing further is done, and whoever waits sees the connection break."""
        self.coroutine.close()
        self.on_end(None, Killed())


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that nobody can interrupt."""
    while True:
        try:
            coroutine.send(None)
        except StopIteration as end:
            result: T = end.value
            return result
