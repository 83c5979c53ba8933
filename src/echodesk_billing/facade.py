"""The library as an application that has an event loop sees it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohttp

from echodesk_billing.adapters.handlers import Handler
from echodesk_billing.adapters.jobs.loop import every
from echodesk_billing.adapters.sql.storage import SqliteStorage
from echodesk_billing.application.reconciliation import Reconciled
from echodesk_billing.application.settlement import Settled
from echodesk_billing.application.views import SubscriptionView
from echodesk_billing.container import Container
from echodesk_billing.domain.catalogue import Catalogue
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.order import Order
from echodesk_billing.domain.pricing import Selection
from echodesk_billing.domain.subscription import Subscription
from echodesk_billing.ports.access import Principal, Scope
from echodesk_billing.ports.storage import StorageUnavailable
from echodesk_billing.settings import Settings, load_settings

E = TypeVar("E", bound=Event)

REDELIVER_EVERY_SECONDS = 5.0


@asynccontextmanager
async def open_container(settings: Settings, *, migrate: bool = True) -> AsyncIterator[Container]:
    """Everything that runs, on `settings`, closed at the end.

    Args:
        migrate: bring a SQLite file up to date; a PostgreSQL database is only by `echodesk-billing migrate`, because
            older processes may be working on it.

    Raises:
        StorageUnavailable: the database cannot be used; the message says why.
    """
    timeout = aiohttp.ClientTimeout(total=settings.bank_timeout_seconds, connect=5)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        container = Container(settings=settings, session=session)
        storage = container.storage()
        try:
            if migrate and isinstance(storage, SqliteStorage):
                await storage.migrate()
            yield container
        finally:
            await storage.close()


class Billing:
    """Billing for a program with an event loop.

    Open it with `async with Billing.open(settings) as billing:`; `echodesk_billing.sync.Billing` has the same names
    for programs without.
    """

    def __init__(self, container: Container) -> None:
        self._container = container

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings | Mapping[str, str] | None = None) -> AsyncIterator[Billing]:
        """Billing on `settings`, until the block ends.

        Args:
            settings: an object of `load_settings`, a mapping of the same variables as in the environment, or None
                for `.env` and the environment themselves.

        Raises:
            InvalidSettings: a variable is wrong or missing.
            StorageUnavailable: the database cannot be used; the message says why.
        """
        chosen = settings if isinstance(settings, Settings) else load_settings(settings)
        async with open_container(chosen) as container:
            if problem := await container.storage().problem():
                raise StorageUnavailable(problem)
            redelivery = asyncio.create_task(every(REDELIVER_EVERY_SECONDS, container.relay().run, "relay"))
            try:
                yield cls(container)
            finally:
                redelivery.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await redelivery

    def on(self, kind: type[E], handler: Handler[E]) -> None:
        """Call `handler` with every event of `kind`, at least once each and in order per tenant.

        Args:
            kind: a type of `echodesk_billing.domain.events`; a base type takes all that derive from it.
            handler: a function or coroutine function. What it raises brings the event back later, with the same id.
        """
        self._container.delivery().on(kind, handler)

    async def checkout(
        self,
        *,
        tenant_id: str,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        currency: str = "GEL",
        language: str = "ka",
        save_card: bool = True,
        user_id: str = "",
        full_name: str = "",
        email: str = "",
    ) -> Order:
        """Start a payment for a month of a package, or of a set of features.

        Args:
            tenant_id: who buys, lower case as in its web address.
            tenant_name: on the payment page; the id where empty.
            package_id: from the catalogue; or `features`.
            seats: how many agents.
            currency: `GEL`, `USD`, `EUR` or `GBP`.
            language: of the payment page, `ka` or `en`.
            full_name: of the buyer; the bank sees it masked.
            email: of the buyer; the bank sees it masked.

        Returns:
            The order; send the customer to its `payment_url`.

        Raises:
            InvalidSelection: the catalogue has no such thing.
            GatewayError: the bank gave no payment page; unless it refused, the order is found out later.
        """
        buyer = Principal(
            tenant_id=tenant_id,
            tenant_name=tenant_name or tenant_id,
            user_id=user_id,
            scopes=frozenset({Scope.WRITE}),
            full_name=full_name,
            email=email,
        )
        selection = Selection(package_id=package_id, features=tuple(features), seats=seats)
        try:
            return await self._container.checkout().buy(
                buyer, selection, currency=Currency(currency), language=language, save_card=save_card
            )
        finally:
            await self.deliver_events()

    async def receive_callback(self, raw_body: bytes, signature: str | None) -> Settled:
        """Take a callback of the bank, as your own view received it.

        Args:
            raw_body: the very bytes of the body, never parsed and written again.
            signature: the header `Callback-Signature`.

        Raises:
            CallbackRefused: answer 401.
            MalformedCallback: answer 400.
            CallbackOrderUnknown: answer 404; the bank repeats it.
            GatewayError: answer 503; the bank repeats it.
        """
        settled = await self._container.callbacks().receive(raw_body, signature)
        await self.deliver_events()
        return settled

    async def status(self, order_id: str, *, tenant_id: str) -> Order:
        """The order with this id, ours or the bank's.

        Raises:
            OrderNotFound: there is none, or it is another tenant's.
        """
        return await self._container.views().order(_reader(tenant_id), order_id)

    async def subscription(self, tenant_id: str) -> SubscriptionView:
        """A tenant's subscription as it is now."""
        return await self._container.views().subscription(_reader(tenant_id))

    async def cancel(self, tenant_id: str, *, immediately: bool = False) -> Subscription:
        """Cancel a tenant's subscription, by default when the paid period ends.

        Raises:
            NoActiveSubscription: there is none.
        """
        subscription = await self._container.cancel().cancel(_reader(tenant_id), immediately=immediately)
        await self.deliver_events()
        return subscription

    async def catalogue(self) -> Catalogue:
        """What is on sale."""
        return await self._container.views().catalogue()

    async def load_catalogue(self, catalogue: Catalogue) -> Catalogue:
        """Put a catalogue on sale; returns the version that is on sale now."""
        return await self._container.load_catalogue().load(catalogue)

    async def reconcile(self) -> list[Reconciled]:
        """Ask the bank about every order that is due to be asked about.

        Raises:
            GatewayNotConfigured: there are no credentials.
        """
        found = [reconciled async for reconciled in self._container.reconcile().run()]
        await self.deliver_events()
        return found

    async def deliver_events(self) -> int:
        """Hand over what is recorded to the handlers; returns how many events. Happens by itself as well."""
        return await self._container.relay().run()


def _reader(tenant_id: str) -> Principal:
    return Principal(tenant_id=tenant_id, tenant_name=tenant_id, user_id="", scopes=frozenset({Scope.READ}))
