"""The async API of the library."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from echodesk_billing.adapters.handlers import Handler
from echodesk_billing.adapters.jobs.loop import end, keep
from echodesk_billing.container import open_ready_container
from echodesk_billing.domain.errors import BillingError, InvalidArgument
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.notifications.heartbeat import Chore
from echodesk_billing.entrypoints.contract import contract
from echodesk_billing.entrypoints.http.contract import Contract
from echodesk_billing.face.accounts import Accounts
from echodesk_billing.face.base import checks_arguments
from echodesk_billing.face.cards import Cards
from echodesk_billing.face.coupons import Coupons
from echodesk_billing.face.gifts import Gifts
from echodesk_billing.face.notifications import Notifications
from echodesk_billing.face.operations import Operations
from echodesk_billing.face.payments import Payments
from echodesk_billing.face.registrations import Registrations
from echodesk_billing.face.subscriptions import Subscriptions
from echodesk_billing.face.tokens import Tokens
from echodesk_billing.face.transfers import Transfers
from echodesk_billing.ports.usage import UsageMeter
from echodesk_billing.settings import Settings, load_settings

E = TypeVar("E", bound=Event)

REDELIVER_EVERY_SECONDS = 5.0
LAST_DELIVERY_SECONDS = 2.0


@checks_arguments
class Billing(
    Payments,
    Subscriptions,
    Gifts,
    Coupons,
    Cards,
    Registrations,
    Accounts,
    Transfers,
    Notifications,
    Operations,
    Tokens,
):
    """Billing for a program with an event loop.

    Open it with `async with Billing.open(settings) as billing:`; `echodesk_billing.sync.Billing` has the same names
    for programs without one.
    """

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings | Mapping[str, str] | None = None, *, usage: UsageMeter | None = None
    ) -> AsyncIterator[Billing]:
        """Open billing with `settings` until the block ends.

        Args:
            settings: an object of `load_settings`, a mapping of the same variables as in the environment, or None
                for `.env` and the environment themselves.
            usage: reports how much of its plan a tenant uses; all figures are zero without it.

        Raises:
            InvalidSettings: a variable is invalid or missing.
            StorageUnavailable: the database cannot be used; the message says why.
        """
        chosen = settings if isinstance(settings, Settings) else load_settings(settings)
        async with open_ready_container(chosen) as container:
            if usage is not None:
                container.usage.override(usage)
            billing = cls(container)
            delivery = asyncio.create_task(keep("delivery", billing._deliver_for_ever))
            try:
                yield billing
            finally:
                await billing._finish_delivery(delivery)

    def on(self, kind: type[E], handler: Handler[E]) -> None:
        """Call `handler` with every event of `kind`, at least once each and in order per tenant.

        Args:
            kind: a type of `echodesk_billing.domain.events`; a base type matches all its subtypes.
            handler: a function or coroutine function. If it raises, the event is delivered again later, same id.

        Raises:
            InvalidArgument: `kind` is not an event type, or `handler` is not callable.
        """
        require_handler(kind, handler)
        self._container.delivery().on(kind, handler)

    def _http_contract(self) -> Contract:
        """The HTTP API on this library, for a server of another kind; call it on the library's event loop."""
        return contract(self._container.use_cases(), self._container.settings())

    async def deliver_events(self) -> int:
        """Deliver recorded events to the handlers and wait for them; returns how many events.

        This runs by itself after every call that records events, in its own task: a call waits a moment for
        it, and no longer, so that a hanging handler does not block callers.
        """
        return await self._container.relay().run()

    async def _deliver_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REDELIVER_EVERY_SECONDS):
                    await self._news.wait()
            self._news.clear()
            await self._container.relay().run()
            if self._container.relay().is_wanted:
                await self._container.watch().beat(Chore.DELIVERY)
            self._is_slow = False
            if not self._news.is_set():
                self._delivered.set()

    async def _finish_delivery(self, delivery: asyncio.Task[None]) -> None:
        """Deliver the events of the last calls, within a time limit, and stop."""
        await end([delivery])
        with contextlib.suppress(TimeoutError, BillingError):
            async with asyncio.timeout(LAST_DELIVERY_SECONDS):
                await self._container.relay().run()


def require_handler(kind: object, handler: object) -> None:
    """Check the arguments of `on`.

    Raises:
        InvalidArgument: `kind` is not an event type, or `handler` is not callable.
    """
    if not (isinstance(kind, type) and issubclass(kind, Event)):
        raise InvalidArgument("kind", f"kind is {kind!r}: give a type of events, such as OrderCompleted")
    if not callable(handler):
        raise InvalidArgument("handler", f"handler is {handler!r}: give a function or coroutine function")
