"""The library for programs without an event loop: Django views, management commands, Celery tasks."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Self, TypeVar

from attrs import define

from echodesk_billing import facade
from echodesk_billing.adapters.handlers import Handler
from echodesk_billing.application.changes import Changed, When
from echodesk_billing.application.charging import Charge
from echodesk_billing.application.reconciliation import Reconciled
from echodesk_billing.application.renewals import Renewed
from echodesk_billing.application.settlement import Settled
from echodesk_billing.application.views import SubscriptionView
from echodesk_billing.domain.audit import Comparison
from echodesk_billing.domain.books import Entry
from echodesk_billing.domain.card import Card
from echodesk_billing.domain.catalogue import Catalogue
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.invoice import Invoice
from echodesk_billing.domain.order import Order
from echodesk_billing.domain.payment_request import Capture, PaymentOptions, SaveCard, Wallet
from echodesk_billing.domain.registration import Applicant
from echodesk_billing.domain.subscription import Subscription
from echodesk_billing.ports.usage import UsageMeter
from echodesk_billing.settings import Settings, load_settings

T = TypeVar("T")
E = TypeVar("E", bound=Event)


@define
class _Running:
    """An event loop on a thread of its own, with billing open on it."""

    process_id: int
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    billing: facade.Billing
    stack: contextlib.AsyncExitStack


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
        """As `echodesk_billing.Billing.on`. The handler runs on a thread without an event loop."""
        with self._lock:
            self._handlers.append((kind, handler))
            if self._running is not None:
                self._running.billing.on(kind, _on_a_thread(handler))

    def checkout(
        self,
        *,
        tenant_id: str,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        currency: str = "GEL",
        language: str = "ka",
        save_card: SaveCard | str = SaveCard.AUTOMATIC,
        capture: Capture | str = Capture.AUTOMATIC,
        wallet: Wallet | str = Wallet.NONE,
        wallet_token: str = "",
        card_id: int | None = None,
        options: PaymentOptions | None = None,
        user_id: str = "",
        full_name: str = "",
        email: str = "",
    ) -> Order:
        """As `echodesk_billing.Billing.checkout`."""
        return self._call(
            lambda billing: billing.checkout(
                tenant_id=tenant_id,
                tenant_name=tenant_name,
                package_id=package_id,
                features=features,
                seats=seats,
                currency=currency,
                language=language,
                save_card=save_card,
                capture=capture,
                wallet=wallet,
                wallet_token=wallet_token,
                card_id=card_id,
                options=options,
                user_id=user_id,
                full_name=full_name,
                email=email,
            )
        )

    def receive_callback(self, raw_body: bytes, signature: str | None) -> Settled:
        """As `echodesk_billing.Billing.receive_callback`."""
        return self._call(lambda billing: billing.receive_callback(raw_body, signature))

    def status(self, order_id: str, *, tenant_id: str) -> Order:
        """As `echodesk_billing.Billing.status`."""
        return self._call(lambda billing: billing.status(order_id, tenant_id=tenant_id))

    def subscription(self, tenant_id: str) -> SubscriptionView:
        """As `echodesk_billing.Billing.subscription`."""
        return self._call(lambda billing: billing.subscription(tenant_id))

    def cancel(self, tenant_id: str, *, immediately: bool = False) -> Subscription:
        """As `echodesk_billing.Billing.cancel`."""
        return self._call(lambda billing: billing.cancel(tenant_id, immediately=immediately))

    def resume(self, tenant_id: str) -> Subscription:
        """As `echodesk_billing.Billing.resume`."""
        return self._call(lambda billing: billing.resume(tenant_id))

    def start_trial(
        self,
        tenant_id: str,
        *,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        currency: str = "GEL",
    ) -> Subscription:
        """As `echodesk_billing.Billing.start_trial`."""
        return self._call(
            lambda billing: billing.start_trial(
                tenant_id,
                tenant_name=tenant_name,
                package_id=package_id,
                features=features,
                seats=seats,
                currency=currency,
            )
        )

    def pay_now(self, tenant_id: str, *, tenant_name: str = "") -> Order:
        """As `echodesk_billing.Billing.pay_now`."""
        return self._call(lambda billing: billing.pay_now(tenant_id, tenant_name=tenant_name))

    def reactivate(self, tenant_id: str, *, tenant_name: str = "") -> Order:
        """As `echodesk_billing.Billing.reactivate`."""
        return self._call(lambda billing: billing.reactivate(tenant_id, tenant_name=tenant_name))

    def preview_change(
        self, tenant_id: str, *, package_id: int | None = None, features: Sequence[str] = (), seats: int | None = None
    ) -> Changed:
        """As `echodesk_billing.Billing.preview_change`."""
        return self._call(
            lambda billing: billing.preview_change(tenant_id, package_id=package_id, features=features, seats=seats)
        )

    def change_plan(
        self,
        tenant_id: str,
        when: When | str = When.NOW_IF_DEARER,
        *,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int | None = None,
        effective: date | None = None,
    ) -> Changed:
        """As `echodesk_billing.Billing.change_plan`."""
        return self._call(
            lambda billing: billing.change_plan(
                tenant_id,
                when,
                tenant_name=tenant_name,
                package_id=package_id,
                features=features,
                seats=seats,
                effective=effective,
            )
        )

    def drop_scheduled_change(self, tenant_id: str) -> Subscription:
        """As `echodesk_billing.Billing.drop_scheduled_change`."""
        return self._call(lambda billing: billing.drop_scheduled_change(tenant_id))

    def register(
        self,
        applicant: Applicant,
        *,
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        currency: str = "GEL",
        payload: bytes = b"",
    ) -> Order:
        """As `echodesk_billing.Billing.register`."""
        return self._call(
            lambda billing: billing.register(
                applicant,
                package_id=package_id,
                features=features,
                seats=seats,
                currency=currency,
                payload=payload,
            )
        )

    def registration_payload(self, order_id: str) -> bytes:
        """As `echodesk_billing.Billing.registration_payload`."""
        return self._call(lambda billing: billing.registration_payload(order_id))

    def renew(self) -> list[Renewed]:
        """As `echodesk_billing.Billing.renew`."""
        return self._call(lambda billing: billing.renew())

    def due(self, limit: int = 1000) -> Sequence[Renewed]:
        """As `echodesk_billing.Billing.due`."""
        return self._call(lambda billing: billing.due(limit))

    def invoices(self, tenant_id: str) -> Sequence[Invoice]:
        """As `echodesk_billing.Billing.invoices`."""
        return self._call(lambda billing: billing.invoices(tenant_id))

    def invoice_pdf(self, tenant_id: str, invoice_id: int, *, language: str = "ka") -> bytes:
        """As `echodesk_billing.Billing.invoice_pdf`."""
        return self._call(lambda billing: billing.invoice_pdf(tenant_id, invoice_id, language=language))

    def statement(self, tenant_id: str) -> Sequence[Entry]:
        """As `echodesk_billing.Billing.statement`."""
        return self._call(lambda billing: billing.statement(tenant_id))

    def reconciliation_report(self, day: date | None = None) -> list[Comparison]:
        """As `echodesk_billing.Billing.reconciliation_report`."""
        return self._call(lambda billing: billing.reconciliation_report(day))

    def complete_apple_pay(self, order_id: str, wallet_token: str, *, tenant_id: str) -> Order:
        """As `echodesk_billing.Billing.complete_apple_pay`."""
        return self._call(lambda billing: billing.complete_apple_pay(order_id, wallet_token, tenant_id=tenant_id))

    def refund(self, order_id: str, amount: Decimal | None = None, *, reason: str = "") -> Order:
        """As `echodesk_billing.Billing.refund`."""
        return self._call(lambda billing: billing.refund(order_id, amount, reason=reason))

    def capture(self, order_id: str, amount: Decimal | None = None) -> Order:
        """As `echodesk_billing.Billing.capture`."""
        return self._call(lambda billing: billing.capture(order_id, amount))

    def release(self, order_id: str) -> Order:
        """As `echodesk_billing.Billing.release`."""
        return self._call(lambda billing: billing.release(order_id))

    def cards(self, tenant_id: str) -> Sequence[Card]:
        """As `echodesk_billing.Billing.cards`."""
        return self._call(lambda billing: billing.cards(tenant_id))

    def forget_card(self, tenant_id: str, card_id: int | None = None) -> Card:
        """As `echodesk_billing.Billing.forget_card`."""
        return self._call(lambda billing: billing.forget_card(tenant_id, card_id))

    def charge(
        self,
        tenant_id: str,
        *,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
    ) -> Charge:
        """As `echodesk_billing.Billing.charge`."""
        return self._call(
            lambda billing: billing.charge(
                tenant_id, tenant_name=tenant_name, package_id=package_id, features=features, seats=seats
            )
        )

    def catalogue(self) -> Catalogue:
        """As `echodesk_billing.Billing.catalogue`."""
        return self._call(lambda billing: billing.catalogue())

    def load_catalogue(self, catalogue: Catalogue) -> Catalogue:
        """As `echodesk_billing.Billing.load_catalogue`."""
        return self._call(lambda billing: billing.load_catalogue(catalogue))

    def reconcile(self, *, older_than: timedelta | None = None) -> list[Reconciled]:
        """As `echodesk_billing.Billing.reconcile`."""
        return self._call(lambda billing: billing.reconcile(older_than=older_than))

    def deliver_events(self) -> int:
        """As `echodesk_billing.Billing.deliver_events`."""
        return self._call(lambda billing: billing.deliver_events())

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
            billing.on(kind, _on_a_thread(handler))
        return _Running(os.getpid(), loop, thread, billing, stack)


def _on_a_thread(handler: Handler[E]) -> Handler[E]:
    """`handler`, called where blocking is no harm and where Django allows its database."""
    if inspect.iscoroutinefunction(handler):
        return handler

    async def call(event: E) -> None:
        await asyncio.to_thread(handler, event)

    return call
