"""The library for programs without an event loop: Django views, management commands, Celery tasks."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from attrs import define

from echodesk_billing import facade
from echodesk_billing.adapters.handlers import Handler
from echodesk_billing.domain.events import Event
from echodesk_billing.ports.usage import UsageMeter
from echodesk_billing.settings import Settings, load_settings

T = TypeVar("T")
P = ParamSpec("P")
E = TypeVar("E", bound=Event)


@define
class _Running:
    """An event loop on a thread of its own, with billing open on it."""

    process_id: int
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    billing: facade.Billing
    stack: contextlib.AsyncExitStack


def _blocking(
    method: Callable[Concatenate[facade.Billing, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Billing, P], T]:
    """A method of the async face as one that waits; `help()` shows the signature and text of the original."""

    @functools.wraps(method)
    def call(self: Billing, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._call(lambda billing: method(billing, *args, **kwargs))

    return call


class Billing:
    """Billing for a program without an event loop, safe to call from many threads.

    The first call starts one thread with an event loop; after a fork, as web servers do it, the child starts its own.
    Use it as `with Billing.open(settings) as billing:`, or keep one for the life of the process.
    """

    def __init__(self, settings: Settings, usage: UsageMeter | None = None) -> None:
        self._settings = settings
        self._usage = usage
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._handlers: list[tuple[type[Event], Handler[Any]]] = []

    @classmethod
    def open(cls, settings: Settings | Mapping[str, str] | None = None, *, usage: UsageMeter | None = None) -> Self:
        """As `echodesk_billing.Billing.open`.

        Raises:
            InvalidSettings: a variable is wrong or missing.
        """
        return cls(settings if isinstance(settings, Settings) else load_settings(settings), usage)

    def __enter__(self) -> Self:
        self._here()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and end the thread."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None and running.process_id == os.getpid():
            asyncio.run_coroutine_threadsafe(running.stack.aclose(), running.loop).result()
            running.loop.call_soon_threadsafe(running.loop.stop)
            running.thread.join()
            running.loop.close()

    def on(self, kind: type[E], handler: Handler[E]) -> None:
        """As `echodesk_billing.Billing.on`. The handler runs on a thread without an event loop.

        Raises:
            InvalidArgument: `kind` is no type of events, or `handler` cannot be called.
        """
        facade.require_handler(kind, handler)
        with self._lock:
            self._handlers.append((kind, handler))
            if self._running is not None:
                self._running.billing.on(kind, handler)

    checkout = _blocking(facade.Billing.checkout)
    receive_callback = _blocking(facade.Billing.receive_callback)
    status = _blocking(facade.Billing.status)
    subscription = _blocking(facade.Billing.subscription)
    cancel = _blocking(facade.Billing.cancel)
    resume = _blocking(facade.Billing.resume)
    start_trial = _blocking(facade.Billing.start_trial)
    pay_now = _blocking(facade.Billing.pay_now)
    reactivate = _blocking(facade.Billing.reactivate)
    preview_change = _blocking(facade.Billing.preview_change)
    change_plan = _blocking(facade.Billing.change_plan)
    drop_scheduled_change = _blocking(facade.Billing.drop_scheduled_change)
    register = _blocking(facade.Billing.register)
    registration_payload = _blocking(facade.Billing.registration_payload)
    renew = _blocking(facade.Billing.renew)
    due = _blocking(facade.Billing.due)
    invoices = _blocking(facade.Billing.invoices)
    invoice_pdf = _blocking(facade.Billing.invoice_pdf)
    statement = _blocking(facade.Billing.statement)
    reconciliation_report = _blocking(facade.Billing.reconciliation_report)
    complete_apple_pay = _blocking(facade.Billing.complete_apple_pay)
    refund = _blocking(facade.Billing.refund)
    capture = _blocking(facade.Billing.capture)
    release = _blocking(facade.Billing.release)
    resolve = _blocking(facade.Billing.resolve)
    cards = _blocking(facade.Billing.cards)
    forget_card = _blocking(facade.Billing.forget_card)
    charge = _blocking(facade.Billing.charge)
    catalogue = _blocking(facade.Billing.catalogue)
    load_catalogue = _blocking(facade.Billing.load_catalogue)
    reconcile = _blocking(facade.Billing.reconcile)
    deliver_events = _blocking(facade.Billing.deliver_events)

    def _call(self, work: Callable[[facade.Billing], Coroutine[Any, Any, T]]) -> T:
        running = self._here()
        return asyncio.run_coroutine_threadsafe(work(running.billing), running.loop).result()

    def _here(self) -> _Running:
        """What runs in this very process."""
        with self._lock:
            if self._running is None or self._running.process_id != os.getpid():
                self._running = self._start()
            return self._running

    def _start(self) -> _Running:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="echodesk-billing", daemon=True)
        thread.start()
        stack = contextlib.AsyncExitStack()
        opening = stack.enter_async_context(facade.Billing.open(self._settings, usage=self._usage))
        try:
            billing = asyncio.run_coroutine_threadsafe(opening, loop).result()
        except BaseException:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
            raise
        for kind, handler in self._handlers:
            billing.on(kind, handler)
        return _Running(os.getpid(), loop, thread, billing, stack)
