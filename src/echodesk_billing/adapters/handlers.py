"""Delivery of events to functions of the program that embeds the library."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.events import Event

E = TypeVar("E", bound=Event)
MOST_THREADS = 8
Handler = Callable[[E], Awaitable[None] | None]


class HandlersHang(BillingError):
    """Event handlers block for ever; the process has to be restarted."""


class Handlers:
    """A `Delivery` that calls the handlers registered for the type of an event or one of its base types.

    Args:
        limit_seconds: time limit of a handler for one event; after it the event is delivered again later.
    """

    def __init__(self, limit_seconds: float = 10.0) -> None:
        self._limit_seconds = limit_seconds
        self._busy = 0
        self._handlers: list[tuple[type[Event], Handler[Any]]] = []

    @property
    def is_wanted(self) -> bool:
        """Whether any handler is registered."""
        return bool(self._handlers)

    def on(self, kind: type[E], handler: Handler[E]) -> None:
        """Call `handler` with every event of `kind`; it may be a coroutine function."""
        self._handlers.append((kind, handler))

    async def deliver(self, event: Event) -> None:
        """Call the handlers of this event, in order of registration; plain functions on a thread of their own.

        Raises:
            TimeoutError: a handler takes too long.
            HandlersHang: too many handlers never returned from their threads, which cannot be stopped.
        """
        for kind, handler in self._handlers:
            if isinstance(event, kind):
                await asyncio.wait_for(self._call(handler, event), self._limit_seconds)

    async def _call(self, handler: Handler[Any], event: Event) -> None:
        if inspect.iscoroutinefunction(handler):
            await handler(event)
            return
        result = await self._on_a_thread(handler, event)
        if inspect.isawaitable(result):
            await result

    def _on_a_thread(self, handler: Handler[Any], event: Event) -> asyncio.Future[Any]:
        """Run on a thread of its own, where blocking is harmless and Django allows database access. A daemon thread."""
        if self._busy >= MOST_THREADS:
            raise HandlersHang(f"{MOST_THREADS} event handlers have not returned: restart the process")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            self._busy -= 1
            if answer.cancelled():
                return
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)

        def run() -> None:
            result, failure = None, None
            try:
                result = handler(event)
            except Exception as error:  # noqa: BLE001 - whatever it raises, its event comes again
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(settle, result, failure)

        self._busy += 1
        threading.Thread(target=run, name="billing-handler", daemon=True).start()
        return answer
