"""Events handed to functions of the program that embeds the library."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from echodesk_billing.domain.events import Event

E = TypeVar("E", bound=Event)
Handler = Callable[[E], Awaitable[None] | None]


class Handlers:
    """A `Delivery` that calls what was registered for the type of an event, or for a type it derives from."""

    def __init__(self) -> None:
        self._handlers: list[tuple[type[Event], Handler[Any]]] = []

    @property
    def is_wanted(self) -> bool:
        """Whether anything was registered."""
        return bool(self._handlers)

    def on(self, kind: type[E], handler: Handler[E]) -> None:
        """Call `handler` with every event of `kind`; it may be a coroutine function."""
        self._handlers.append((kind, handler))

    async def deliver(self, event: Event) -> None:
        """Call the handlers of this event, in order of registration."""
        for kind, handler in self._handlers:
            if isinstance(event, kind):
                result = handler(event)
                if inspect.isawaitable(result):
                    await result
