"""The library as an application that has an event loop sees it."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import ParamSpec, TypeVar, get_type_hints

import aiohttp
from attrs import evolve

from echodesk_billing.adapters.handlers import Handler
from echodesk_billing.adapters.jobs.loop import keep
from echodesk_billing.adapters.sql.storage import SqliteStorage
from echodesk_billing.application.changes import Changed, Wanted, When
from echodesk_billing.application.charging import Charge
from echodesk_billing.application.errors import CardNotFound, InvoiceNotFound
from echodesk_billing.application.reconciliation import Reconciled
from echodesk_billing.application.renewals import Renewed
from echodesk_billing.application.settlement import Settled
from echodesk_billing.application.shop import Terms
from echodesk_billing.application.views import SubscriptionView
from echodesk_billing.container import Container
from echodesk_billing.domain.accounting.audit import Comparison
from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.arguments import require
from echodesk_billing.domain.catalogue.catalogue import LARGEST_ID, Catalogue
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.customers.registration import Applicant
from echodesk_billing.domain.customers.tenant import tenant_id as check_tenant_id
from echodesk_billing.domain.errors import BillingError, InvalidArgument, InvalidSelection
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import Capture, PaymentOptions, SaveCard, Wallet
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal, Scope
from echodesk_billing.ports.gateway import require_configured
from echodesk_billing.ports.storage import StorageUnavailable
from echodesk_billing.ports.usage import UsageMeter
from echodesk_billing.settings import Settings, load_settings

C = TypeVar("C", bound=enum.StrEnum)
E = TypeVar("E", bound=Event)
P = ParamSpec("P")
T = TypeVar("T")

REDELIVER_EVERY_SECONDS = 5.0
LAST_DELIVERY_SECONDS = 2.0
COURTESY_SECONDS = 0.25
LIBRARY = "library"


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


def _checked(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """A method that refuses arguments of a wrong type."""
    signature = inspect.signature(method)

    @functools.cache
    def hints() -> dict[str, object]:
        return get_type_hints(method)

    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name not in ("self", "tenant_id"):  # an id is checked by its own rules
                require(name, value, hints()[name])
        return await method(*args, **kwargs)

    return call


def _checks_arguments(cls: type[T]) -> type[T]:
    """A class whose public coroutine methods refuse arguments of a wrong type."""
    for name, method in list(vars(cls).items()):
        if inspect.iscoroutinefunction(method) and not name.startswith("_"):
            setattr(cls, name, _checked(method))
    return cls


@_checks_arguments
class Billing:
    """Billing for a program with an event loop.

    Open it with `async with Billing.open(settings) as billing:`; `echodesk_billing.sync.Billing` has the same names
    for programs without.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._news, self._delivered = asyncio.Event(), asyncio.Event()
        self._is_slow = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings | Mapping[str, str] | None = None, *, usage: UsageMeter | None = None
    ) -> AsyncIterator[Billing]:
        """Billing on `settings`, until the block ends.

        Args:
            settings: an object of `load_settings`, a mapping of the same variables as in the environment, or None
                for `.env` and the environment themselves.
            usage: tells how much of its plan a tenant uses; all figures are zero without it.

        Raises:
            InvalidSettings: a variable is wrong or missing.
            StorageUnavailable: the database cannot be used; the message says why.
        """
        chosen = settings if isinstance(settings, Settings) else load_settings(settings)
        async with open_container(chosen) as container:
            if usage is not None:
                container.usage.override(usage)
            if problem := await container.storage().problem():
                raise StorageUnavailable(problem)
            billing = cls(container)
            delivery = asyncio.create_task(keep("delivery", billing._deliver_for_ever))
            try:
                yield billing
            finally:
                await billing._finish_delivery(delivery)

    def on(self, kind: type[E], handler: Handler[E]) -> None:
        """Call `handler` with every event of `kind`, at least once each and in order per tenant.

        Args:
            kind: a type of `echodesk_billing.domain.events`; a base type takes all that derive from it.
            handler: a function or coroutine function. What it raises brings the event back later, with the same id.

        Raises:
            InvalidArgument: `kind` is no type of events, or `handler` cannot be called.
        """
        require_handler(kind, handler)
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
        save_card: SaveCard | str | None = None,
        capture: Capture | str = Capture.AUTOMATIC,
        wallet: Wallet | str = Wallet.NONE,
        wallet_token: str = "",
        card_id: int | None = None,
        options: PaymentOptions | None = None,
        user_id: str = "",
        full_name: str = "",
        email: str = "",
        idempotency_key: str | None = None,
    ) -> Order:
        """Start a payment for a month of a package, or of a set of features.

        Args:
            tenant_id: who buys, lower case as in its web address.
            tenant_name: on the payment page; the id where empty.
            package_id: from the catalogue; or `features`.
            seats: how many agents.
            currency: `GEL`, `USD`, `EUR` or `GBP`.
            language: of the payment page, `ka` or `en`.
            save_card: `no`, `recurrent` (the customer is present later), `automatic` (this very amount is repeated).
                Where None: `automatic`, and `no` for a pre-authorisation.
            capture: `automatic`, or `manual` to hold the money until `capture`.
            wallet: `google_pay` or `apple_pay` where the card was collected on your own page.
            wallet_token: of Google Pay; it is passed on and not stored.
            card_id: of a saved recurrent card to pay with.
            options: methods, theme, basket, split and more of `PaymentOptions`.
            full_name: of the buyer; the bank sees it masked.
            email: of the buyer; the bank sees it masked.
            idempotency_key: your own name for this call. Calling again under it, after whatever happened, gives the
                same order and never makes another.

        Returns:
            The order; send the customer to its `payment_url`.

        Raises:
            InvalidSelection: the catalogue has no such thing.
            GatewayError: the bank gave no payment page; unless it refused, the order is found out later.
        """
        buyer = evolve(
            self._writer(tenant_id, tenant_name), user_id=user_id or LIBRARY, full_name=full_name, email=email
        )
        selection = Selection(package_id=package_id, features=features, seats=seats)
        terms = Terms(
            language=language,
            save_card=None if save_card is None else _choice(SaveCard, save_card, "save_card"),
            capture=_choice(Capture, capture, "capture"),
            wallet=_choice(Wallet, wallet, "wallet"),
            card_id=_card_id(card_id),
            options=options or PaymentOptions(),
        )
        try:
            return await self._container.checkout().buy(
                buyer,
                selection,
                currency=_choice(Currency, currency, "currency"),
                terms=terms,
                wallet_token=wallet_token,
                key=idempotency_key,
            )
        finally:
            await self._announce()

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
        await self._announce()
        return settled

    async def status(self, order_id: str, *, tenant_id: str) -> Order:
        """The order with this id, ours or the bank's.

        Raises:
            OrderNotFound: there is none, or it is another tenant's.
        """
        return await self._container.views().order(self._reader(tenant_id), order_id)

    async def subscription(self, tenant_id: str) -> SubscriptionView:
        """A tenant's subscription as it is now."""
        return await self._container.views().subscription(self._reader(tenant_id))

    async def cancel(self, tenant_id: str, *, immediately: bool = False, by: str = LIBRARY) -> Subscription:
        """Cancel a tenant's subscription, by default when the paid period ends.

        Args:
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: there is none.
        """
        subscription = await self._container.cancel().cancel(self._writer(tenant_id, "", by), immediately=immediately)
        await self._announce()
        return subscription

    async def resume(self, tenant_id: str, *, by: str = LIBRARY) -> Subscription:
        """Take a cancellation back, until the paid time ends.

        Args:
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: there is none, or it has ended.
            IllegalTransition: it is not cancelled.
        """
        subscription = await self._container.cancel().resume(self._writer(tenant_id, "", by))
        await self._announce()
        return subscription

    async def start_trial(
        self,
        tenant_id: str,
        *,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        currency: str = "GEL",
        by: str = LIBRARY,
    ) -> Subscription:
        """Give a tenant access for nothing, once, for as long as `BILLING_TRIAL_DAYS` says.

        Args:
            by: who asks, for the record.

        Raises:
            InvalidSelection: the catalogue has no such thing.
            TrialRefused: there are no trials, or the tenant had its own or a subscription.
        """
        selection = Selection(package_id=package_id, features=features, seats=seats)
        subscription = await self._container.start_trial().start(
            self._writer(tenant_id, tenant_name, by), selection, currency=_choice(Currency, currency, "currency")
        )
        await self._announce()
        return subscription

    async def pay_now(
        self, tenant_id: str, *, tenant_name: str = "", idempotency_key: str | None = None, by: str = LIBRARY
    ) -> Order:
        """Pay the next period by hand; send the customer to the order's `payment_url`.

        Args:
            idempotency_key: your own name for this call. Calling again under it, after whatever happened, gives the
                same order and never makes another.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: nothing runs on.
            GatewayError: the bank gave no payment page.
        """
        order = await self._container.checkout().pay_now(self._writer(tenant_id, tenant_name, by), key=idempotency_key)
        await self._announce()
        return order

    async def reactivate(
        self, tenant_id: str, *, tenant_name: str = "", idempotency_key: str | None = None, by: str = LIBRARY
    ) -> Order:
        """Pay for a suspended or ended subscription to run again.

        Args:
            idempotency_key: your own name for this call. Calling again under it, after whatever happened, gives the
                same order and never makes another.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: there never was one.
            IllegalTransition: it is neither suspended nor ended.
            GatewayError: the bank gave no payment page.
        """
        order = await self._container.checkout().reactivate(
            self._writer(tenant_id, tenant_name, by), key=idempotency_key
        )
        await self._announce()
        return order

    async def preview_change(
        self, tenant_id: str, *, package_id: int | None = None, features: Sequence[str] = (), seats: int | None = None
    ) -> Changed:
        """What a change of plan would do, to the tetri and the day.

        Args:
            package_id: the new package, or `features`; what runs where neither is given.
            seats: how many agents; as many as now where None.

        Raises:
            NoActiveSubscription: nothing runs.
            InvalidSelection: the catalogue has no such thing.
            ChangeRefused: it is what runs.
        """
        return await self._container.change_plan().preview(
            self._reader(tenant_id), _wanted(package_id, features, seats)
        )

    async def change_plan(
        self,
        tenant_id: str,
        when: When | str = When.NOW_IF_DEARER,
        *,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int | None = None,
        effective: date | None = None,
        idempotency_key: str | None = None,
        by: str = LIBRARY,
    ) -> Changed:
        """Change the plan: now, which has to be paid at `order.payment_url`, or from the next period.

        Args:
            when: `now`, `later`, or `now if dearer`.
            package_id: the new package, or `features`; what runs where neither is given.
            seats: how many agents; as many as now where None.
            effective: not before this day, where it is scheduled.
            idempotency_key: your own name for this call. Calling again under it, after whatever happened, gives the
                same order and never makes another.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: nothing runs.
            InvalidSelection: the catalogue has no such thing.
            ChangeRefused: it is what runs, or is no upgrade.
            GatewayError: the bank gave no payment page.
        """
        wanted = _wanted(package_id, features, seats)
        changed = await self._container.change_plan().change(
            self._writer(tenant_id, tenant_name, by),
            wanted,
            _choice(When, when, "when"),
            effective=effective,
            key=idempotency_key,
        )
        await self._announce()
        return changed

    async def drop_scheduled_change(self, tenant_id: str, *, by: str = LIBRARY) -> Subscription:
        """Forget what is scheduled.

        Args:
            by: who asks, for the record.

        Raises:
            NothingScheduled: nothing is.
        """
        return await self._container.change_plan().drop_schedule(self._writer(tenant_id, "", by))

    async def register(
        self,
        applicant: Applicant,
        *,
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        currency: str = "GEL",
        payload: bytes = b"",
        idempotency_key: str | None = None,
    ) -> Order:
        """Start the payment that brings a tenant to life; `TenantRegistered` tells when it has.

        Args:
            applicant: who registers; the schema's name becomes the tenant's id.
            payload: what you need to create the tenant; kept encrypted, given back by `registration_payload`.
            idempotency_key: your own name for this call. Calling again under it, after whatever happened, gives the
                same order and never makes another.

        Raises:
            NameTaken: the name is used or reserved.
            VaultClosed: there is a payload, and `BILLING_ENCRYPTION_KEYS` is not set.
            GatewayError: the bank gave no payment page.
        """
        selection = Selection(package_id=package_id, features=features, seats=seats)
        order = await self._container.register().register(
            applicant, selection, currency=_choice(Currency, currency, "currency"), payload=payload, key=idempotency_key
        )
        await self._announce()
        return order

    async def registration_payload(self, order_id: str) -> bytes:
        """What was passed along with a registration; empty once it was erased.

        Raises:
            OrderNotFound: the order is of no registration.
        """
        return await self._container.register().payload(order_id)

    async def renew(self) -> list[Renewed]:
        """Charge what is due, ask where the card may not be charged, end what has run out: once, now.

        For programs without a worker, which call it from a timer.

        Raises:
            GatewayNotConfigured: there are no credentials.
        """
        require_configured(self._container.gateway())
        found = [renewed async for renewed in self._container.chores().renew_due()]
        await self._container.chores().tidy()
        await self._announce()
        return found

    async def due(self, limit: int = 1000) -> Sequence[Renewed]:
        """What `renew` would do; nothing is changed.

        Args:
            limit: how many at most, up to `LARGEST_ID`.
        """
        return await self._container.renew().due(min(max(limit, 0), LARGEST_ID))

    async def invoices(self, tenant_id: str) -> Sequence[Invoice]:
        """A tenant's invoices, newest first."""
        return await self._container.views().invoices(self._reader(tenant_id))

    async def invoice_pdf(self, tenant_id: str, invoice_id: int, *, language: str = "ka") -> bytes:
        """One invoice as a PDF, in Georgian (`ka`) or English (`en`).

        Raises:
            InvoiceNotFound: there is none, or the extra [pdf] is not installed.
        """
        if not 0 < invoice_id <= LARGEST_ID:
            raise InvoiceNotFound
        _, pdf = await self._container.views().invoice_pdf(self._reader(tenant_id), invoice_id, language)
        return pdf

    async def statement(self, tenant_id: str) -> Sequence[Entry]:
        """Every movement of a tenant's account in the books, oldest first."""
        return await self._container.audit().statement(self._reader(tenant_id).tenant_id)

    async def reconciliation_report(self, day: date | None = None) -> list[Comparison]:
        """Every order that changed on a day, compared with the bank's receipt and the books.

        Args:
            day: by the calendar of `BILLING_TIME_ZONE`; yesterday where None.

        Raises:
            GatewayError: the bank did not give a receipt.
        """
        audit = self._container.audit()
        return [one async for one in audit.report(await audit.day(day))]

    async def complete_apple_pay(self, order_id: str, wallet_token: str, *, tenant_id: str) -> Order:
        """The second step of Apple Pay on your own page, with the token that Apple gave.

        Raises:
            OrderNotFound: there is no such order, or it was not started for Apple Pay.
            GatewayError: the bank did not answer, or refused.
        """
        order = await self._container.checkout().complete_apple_pay(self._reader(tenant_id), order_id, wallet_token)
        await self._announce()
        return order

    async def refund(
        self,
        order_id: str,
        amount: Decimal | None = None,
        *,
        reason: str = "",
        refund_id: str | None = None,
        by: str = LIBRARY,
    ) -> Order:
        """Refund a payment; the money goes later, and the outcome comes by callback.

        Args:
            amount: in the order's currency; all that is left where None.
            refund_id: a UUID of your own for this refund: asking again with it, after whatever happened, is asking
                once. Without it an equal refund that may not have reached the bank is taken up again.
            by: who asks, for the record.

        Raises:
            OrderNotFound: there is no such order.
            IllegalTransition: it is not paid, or all has gone back.
            AmountTooLarge: not that much is left.
            GatewayError: the bank refused, or the outcome is unknown and found out later.
        """
        order, _ = await self._container.refunds().refund(_operator(by), order_id, amount, reason, refund_id=refund_id)
        await self._announce()
        return order

    async def capture(self, order_id: str, amount: Decimal | None = None, *, by: str = LIBRARY) -> Order:
        """Take what a pre-authorisation holds: all, or an amount, and the rest is let go. Twice is once.

        Args:
            amount: in the order's currency; all of it where None.
            by: who asks, for the record.

        Raises:
            OrderNotFound: there is no such order.
            IllegalTransition: nothing is held.
            AmountTooLarge: more was asked than the order's amount.
            GatewayError: the bank refused, or did not answer.
        """
        order = await self._container.preauthorisation().capture(_operator(by), order_id, amount)
        await self._announce()
        return order

    async def release(self, order_id: str, *, by: str = LIBRARY) -> Order:
        """Let go of what a pre-authorisation holds. Twice is once.

        Args:
            by: who asks, for the record.

        Raises:
            OrderNotFound: there is no such order.
            IllegalTransition: nothing is held.
            GatewayError: the bank refused, or did not answer.
        """
        order = await self._container.preauthorisation().release(_operator(by), order_id)
        await self._announce()
        return order

    async def resolve(self, order_id: str, note: str, *, by: str = LIBRARY) -> Order:
        """Say that what an order needed attention for is dealt with. Twice is once.

        Args:
            note: what was found and done.
            by: who says so, for the record.

        Raises:
            OrderNotFound: there is no such order.
            InvalidSelection: there is no note.
        """
        order = await self._container.settlement().resolve(_operator(by), order_id, note)
        await self._announce()
        return order

    async def cards(self, tenant_id: str) -> Sequence[Card]:
        """A tenant's saved cards, the default first."""
        return await self._container.cards().listed(self._reader(tenant_id))

    async def forget_card(self, tenant_id: str, card_id: int | None = None, *, by: str = LIBRARY) -> Card:
        """Forget a saved card, the default one where none is named: here at once, at the bank as soon as it answers.

        Twice is once: it never takes another card.

        Args:
            by: who asks, for the record.

        Raises:
            CardNotFound: the tenant has no such card.
        """
        card = await self._container.cards().forget(self._writer(tenant_id, "", by), _card_id(card_id))
        await self._announce()
        return card

    async def charge(
        self,
        tenant_id: str,
        *,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        idempotency_key: str | None = None,
        by: str = LIBRARY,
    ) -> Charge:
        """Charge the next period to the saved card, or get a payment page where the card may not be charged.

        Args:
            package_id: with `features` and `seats`, what the next period is to be; what runs where neither is given.
            idempotency_key: your own name for this charge. Calling again under it never charges a further period.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: there is nothing to charge for.
            GatewayError: the bank did not take it up; it is found out later.
        """
        changed = package_id is not None or bool(features)
        selection = Selection(package_id=package_id, features=features, seats=seats) if changed else None
        try:
            return await self._container.charging().charge(
                self._writer(tenant_id, tenant_name, by), selection, key=idempotency_key
            )
        finally:
            await self._announce()

    async def catalogue(self) -> Catalogue:
        """What is on sale."""
        return await self._container.views().catalogue()

    async def load_catalogue(self, catalogue: Catalogue, *, by: str = LIBRARY) -> Catalogue:
        """Put a catalogue on sale; returns the version that is on sale now.

        Args:
            by: who does, for the record.
        """
        return await self._container.load_catalogue().load(catalogue, by=by)

    async def reconcile(self, *, older_than: timedelta | None = None) -> list[Reconciled]:
        """Ask the bank about orders in doubt.

        Args:
            older_than: take every unsettled order of at least this age, instead of those that are due.

        Raises:
            GatewayNotConfigured: there are no credentials.
        """
        found = [reconciled async for reconciled in self._container.reconcile().run(older_than=older_than)]
        await self._announce()
        return found

    async def deliver_events(self) -> int:
        """Hand over what is recorded to the handlers and wait for them; returns how many events.

        It happens by itself right after every call that records some, in a task of its own: a call waits a moment for
        it, and no longer, so that a handler that hangs stops nobody.
        """
        return await self._container.relay().run()

    async def _announce(self) -> None:
        """Have events delivered now. Wait a moment, so that handlers have usually run when a call returns."""
        self._delivered.clear()
        self._news.set()
        if self._is_slow:
            return
        try:
            async with asyncio.timeout(COURTESY_SECONDS):
                await self._delivered.wait()
        except TimeoutError:
            self._is_slow = True

    def _writer(self, tenant_id: str, tenant_name: str, by: str = LIBRARY) -> Principal:
        checked = check_tenant_id(tenant_id, self._container.settings().reserved_tenants)
        return Principal(
            tenant_id=checked,
            tenant_name=tenant_name or checked,
            user_id=by or LIBRARY,
            scopes=frozenset({Scope.READ, Scope.WRITE}),
        )

    def _reader(self, tenant_id: str) -> Principal:
        return evolve(self._writer(tenant_id, ""), scopes=frozenset({Scope.READ}))

    async def _deliver_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REDELIVER_EVERY_SECONDS):
                    await self._news.wait()
            self._news.clear()
            await self._container.relay().run()
            self._is_slow = False
            if not self._news.is_set():
                self._delivered.set()

    async def _finish_delivery(self, delivery: asyncio.Task[None]) -> None:
        """Hand over what the last calls recorded, unless that takes long, and stop."""
        delivery.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await delivery
        with contextlib.suppress(TimeoutError, BillingError):
            async with asyncio.timeout(LAST_DELIVERY_SECONDS):
                await self._container.relay().run()


def _operator(by: str) -> Principal:
    return Principal(tenant_id="", tenant_name="", user_id=by or LIBRARY, scopes=frozenset({Scope.OPERATOR}))


def _choice(kind: type[C], value: C | str, field: str) -> C:
    """The member of an enumeration that a caller named.

    Raises:
        InvalidSelection: there is none of that name.
    """
    try:
        return kind(value)
    except ValueError:
        raise InvalidSelection(field, f"{field} is {value!r}: choose one of {', '.join(kind)}") from None


def require_handler(kind: object, handler: object) -> None:
    """Check what `on` is given.

    Raises:
        InvalidArgument: `kind` is no type of events, or `handler` cannot be called.
    """
    if not (isinstance(kind, type) and issubclass(kind, Event)):
        raise InvalidArgument("kind", f"kind is {kind!r}: give a type of events, such as OrderCompleted")
    if not callable(handler):
        raise InvalidArgument("handler", f"handler is {handler!r}: give a function or coroutine function")


def _card_id(card_id: int | None) -> int | None:
    if card_id is not None and not 0 < card_id <= LARGEST_ID:
        raise CardNotFound
    return card_id


def _wanted(package_id: int | None, features: Sequence[str], seats: int | None) -> Wanted:
    def wanted(has: Selection) -> Selection:
        chosen = package_id is not None or bool(features)
        return Selection(
            package_id=package_id if chosen else has.package_id,
            features=features if chosen else has.features,
            seats=has.seats if seats is None else seats,
        )

    return wanted
