"""The library for programs without an event loop: Django views, management commands, Celery tasks."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from attrs import define

from echodesk_billing import billing
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
    face: billing.Billing
    stack: contextlib.AsyncExitStack


def _blocking(
    method: Callable[Concatenate[billing.Billing, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Billing, P], T]:
    """A blocking version of an async method; `help()` shows its signature and docstring."""

    @functools.wraps(method)
    def call(self: Billing, /, *args: P.args, **kwargs: P.kwargs) -> T:
        self._before(method.__name__)
        return self._call(lambda face: method(face, *args, **kwargs))

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
        _open.add(self)
        self._handlers: list[tuple[type[Event], Handler[Any]]] = []

    @classmethod
    def open(cls, settings: Settings | Mapping[str, str] | None = None, *, usage: UsageMeter | None = None) -> Self:
        """As `echodesk_billing.Billing.open`.

        Raises:
            InvalidSettings: a variable is invalid or missing.
        """
        return cls(settings if isinstance(settings, Settings) else load_settings(settings), usage)

    def __enter__(self) -> Self:
        self._here()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and stop the thread."""
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
            InvalidArgument: `kind` is not an event type, or `handler` is not callable.
        """
        billing.require_handler(kind, handler)
        with self._lock:
            self._handlers.append((kind, handler))
            if self._running is not None:
                self._running.face.on(kind, handler)

    checkout = _blocking(billing.Billing.checkout)
    receive_callback = _blocking(billing.Billing.receive_callback)
    status = _blocking(billing.Billing.status)
    pay_now = _blocking(billing.Billing.pay_now)
    reactivate = _blocking(billing.Billing.reactivate)
    charge = _blocking(billing.Billing.charge)
    complete_apple_pay = _blocking(billing.Billing.complete_apple_pay)
    subscription = _blocking(billing.Billing.subscription)
    cancel = _blocking(billing.Billing.cancel)
    resume = _blocking(billing.Billing.resume)
    start_trial = _blocking(billing.Billing.start_trial)
    preview_change = _blocking(billing.Billing.preview_change)
    change_plan = _blocking(billing.Billing.change_plan)
    drop_scheduled_change = _blocking(billing.Billing.drop_scheduled_change)
    cards = _blocking(billing.Billing.cards)
    forget_card = _blocking(billing.Billing.forget_card)
    register = _blocking(billing.Billing.register)
    registration_payload = _blocking(billing.Billing.registration_payload)
    invoices = _blocking(billing.Billing.invoices)
    invoice_pdf = _blocking(billing.Billing.invoice_pdf)
    credit_notes = _blocking(billing.Billing.credit_notes)
    credit_note_pdf = _blocking(billing.Billing.credit_note_pdf)
    customer = _blocking(billing.Billing.customer)
    change_billing_profile = _blocking(billing.Billing.change_billing_profile)
    set_customer = _blocking(billing.Billing.set_customer)
    statement = _blocking(billing.Billing.statement)
    reconciliation_report = _blocking(billing.Billing.reconciliation_report)
    refund = _blocking(billing.Billing.refund)
    capture = _blocking(billing.Billing.capture)
    release = _blocking(billing.Billing.release)
    resolve = _blocking(billing.Billing.resolve)
    give_days = _blocking(billing.Billing.give_days)
    make_complimentary = _blocking(billing.Billing.make_complimentary)
    pause = _blocking(billing.Billing.pause)
    statistics = _blocking(billing.Billing.statistics)
    create_coupon = _blocking(billing.Billing.create_coupon)
    coupons = _blocking(billing.Billing.coupons)
    disable_coupon = _blocking(billing.Billing.disable_coupon)
    create_proforma = _blocking(billing.Billing.create_proforma)
    proformas = _blocking(billing.Billing.proformas)
    proforma_pdf = _blocking(billing.Billing.proforma_pdf)
    record_transfer = _blocking(billing.Billing.record_transfer)
    create_webhook = _blocking(billing.Billing.create_webhook)
    webhooks = _blocking(billing.Billing.webhooks)
    rotate_webhook_secret = _blocking(billing.Billing.rotate_webhook_secret)
    enable_webhook = _blocking(billing.Billing.enable_webhook)
    disable_webhook = _blocking(billing.Billing.disable_webhook)
    test_webhook = _blocking(billing.Billing.test_webhook)
    replay_webhooks = _blocking(billing.Billing.replay_webhooks)
    webhook_deliveries = _blocking(billing.Billing.webhook_deliveries)
    send_notifications = _blocking(billing.Billing.send_notifications)
    portal_link = _blocking(billing.Billing.portal_link)
    retry_charge = _blocking(billing.Billing.retry_charge)
    renew = _blocking(billing.Billing.renew)
    due = _blocking(billing.Billing.due)
    reconcile = _blocking(billing.Billing.reconcile)
    catalogue = _blocking(billing.Billing.catalogue)
    load_catalogue = _blocking(billing.Billing.load_catalogue)
    add_feature = _blocking(billing.Billing.add_feature)
    remove_feature = _blocking(billing.Billing.remove_feature)
    events = _blocking(billing.Billing.events)
    add_card = _blocking(billing.Billing.add_card)
    set_default_card = _blocking(billing.Billing.set_default_card)
    timeline = _blocking(billing.Billing.timeline)
    issue_token = _blocking(billing.Billing.issue_token)
    tokens = _blocking(billing.Billing.tokens)
    revoke_tokens = _blocking(billing.Billing.revoke_tokens)
    deliver_events = _blocking(billing.Billing.deliver_events)

    def _submit(self, work: Callable[[billing.Billing], Coroutine[Any, Any, T]]) -> Future[T]:
        """Start work on the event loop of billing, without waiting for it."""
        running = self._here()
        return asyncio.run_coroutine_threadsafe(work(running.face), running.loop)

    def _before(self, name: str) -> None:
        """Called with the name of each method before it runs."""

    def _call(self, work: Callable[[billing.Billing], Coroutine[Any, Any, T]]) -> T:
        return self._submit(work).result()

    def _here(self) -> _Running:
        """The state of this process."""
        with self._lock:
            if self._running is None or self._running.process_id != os.getpid():
                self._running = self._start()
            return self._running

    def _start(self) -> _Running:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="echodesk-billing", daemon=True)
        thread.start()
        stack = contextlib.AsyncExitStack()
        opening = stack.enter_async_context(billing.Billing.open(self._settings, usage=self._usage))
        try:
            face = asyncio.run_coroutine_threadsafe(opening, loop).result()
        except BaseException:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
            raise
        for kind, handler in self._handlers:
            face.on(kind, handler)
        return _Running(os.getpid(), loop, thread, face, stack)


_open: weakref.WeakSet[Billing] = weakref.WeakSet()


def _after_fork() -> None:
    """In the child: a lock that a thread of the parent held is nobody's now."""
    for one in _open:
        one._lock = threading.Lock()  # noqa: SLF001 - ours


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
