"""Queries: payments, subscriptions, invoices, events and the overview."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from attrs import frozen

from echodesk_billing.application.errors import InvoiceNotFound, LinkExpired, OrderNotFound
from echodesk_billing.application.reconciliation import FAR_FUTURE
from echodesk_billing.domain.accounting import journal as books
from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.attention import unknown_outcome
from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.printer import InvoicePrinter
from echodesk_billing.ports.storage import InboxEntry, Storage, UnitOfWork
from echodesk_billing.ports.usage import Usage, UsageMeter
from echodesk_billing.ports.vault import Vault, VaultClosed

log = structlog.get_logger()

INVOICE, CREDIT_NOTE = "invoice", "credit note"
MOST_INVOICES = 500
MOST_EVENTS = 100
MOST_DUE = 1000
MOST_UNKNOWN_OUTCOMES = 1000
MOST_NEEDING_ATTENTION = 100
LINK_LIFETIME = timedelta(minutes=15)
LONGEST_WAIT = timedelta(seconds=30)
LOOK_AGAIN_SECONDS = 0.25
LOOK_AGAIN_AT_MOST_SECONDS = 1.0


@frozen(kw_only=True)
class SubscriptionView:
    """A tenant's subscription at one moment; `subscription` is None before the first order."""

    subscription: Subscription | None
    catalogue: Catalogue
    usage: Usage
    now: datetime

    @property
    def plan(self) -> Plan | None:
        """The tenant's plan; None before the first payment and after the end."""
        return self.subscription.plan_at(self.now) if self.subscription else None

    @property
    def last_plan(self) -> Plan | None:
        """The tenant's plan, or the last one it had; None before the first payment."""
        return self.plan or (self.subscription.plan if self.subscription else None)


@frozen(kw_only=True)
class OrderTimeline:
    """An order with its steps, callbacks, journal entries and events, oldest first."""

    order: Order
    history: Sequence[Step]
    callbacks: Sequence[InboxEntry]
    entries: Sequence[Entry]
    events: Sequence[Event]


@frozen(kw_only=True)
class Overview:
    """An overview for operators.

    Args:
        orders: how many are in each state.
        subscriptions: the same.
        subscriptions_due: how many are due now; `MOST_DUE` means that or more.
        bank_balance: the bank's balance in the journal, per currency.
        never_due: tenants whose active subscription has no due date; there should be none.
        unknown_outcomes: orders with an unknown outcome, next check first.
        needs_attention: orders that need attention, newest first.
    """

    orders: dict[str, int]
    subscriptions: dict[str, int]
    subscriptions_due: int
    bank_balance: Sequence[Money]
    never_due: Sequence[str]
    unknown_outcomes: Sequence[Order]
    needs_attention: Sequence[Order]


class Views:
    """Reads, each filtered by tenant in its query."""

    def __init__(
        self, storage: Storage, clock: Clock, usage: UsageMeter, printer: InvoicePrinter, links: Vault
    ) -> None:
        self._links = links
        self._storage = storage
        self._clock = clock
        self._usage = usage
        self._printer = printer

    async def order(self, who: Principal, order_id: str) -> Order:
        """One order, by our id or the bank's.

        Raises:
            OrderNotFound: it does not exist or belongs to another tenant.
        """
        order = await self._storage.read(lambda uow: uow.orders.get(order_id, who.tenant_filter))
        if order is None:
            raise OrderNotFound
        log.info("status.requested", order_id=order.id, tenant_id=order.tenant_id, state=order.state)
        return order

    async def timeline(self, who: Principal, order_id: str) -> OrderTimeline:
        """One order with its full history.

        Raises:
            OrderNotFound: it does not exist or belongs to another tenant.
        """
        order = await self.order(who, order_id)
        history, callbacks, entries, events = await self._storage.read(
            lambda uow: (
                uow.orders.history(order.id),
                uow.inbox.of_order(order.id),
                uow.books.of_order(order.id),
                uow.outbox.of_order(order.tenant_id, order.id),
            )
        )
        return OrderTimeline(order=order, history=history, callbacks=callbacks, entries=entries, events=events)

    async def overview(self) -> Overview:
        """An overview: orders and subscriptions of all tenants, unknown outcomes, and what needs attention."""
        now = await self._clock.now()
        return await self._storage.read(
            lambda uow: Overview(
                orders=uow.orders.count_by_state(),
                subscriptions=uow.subscriptions.count_by_state(),
                subscriptions_due=len(uow.subscriptions.due(now, MOST_DUE)),
                bank_balance=tuple(uow.books.balance(books.BANK).values()),
                never_due=uow.subscriptions.never_due(MOST_NEEDING_ATTENTION),
                unknown_outcomes=[
                    one for one in uow.orders.due(FAR_FUTURE, MOST_UNKNOWN_OUTCOMES) if unknown_outcome(one) is not None
                ],
                needs_attention=uow.orders.needing_attention(MOST_NEEDING_ATTENTION),
            )
        )

    async def invoices(self, who: Principal) -> Sequence[Invoice]:
        """The tenant's invoices, newest first."""
        return await self._storage.read(lambda uow: uow.books.invoices_of(who.tenant_id, MOST_INVOICES))

    async def credit_notes(self, who: Principal) -> Sequence[CreditNote]:
        """The tenant's credit notes, newest first."""
        return await self._storage.read(lambda uow: uow.books.credit_notes_of(who.tenant_id, MOST_INVOICES))

    async def refunds(self, invoices: Sequence[Invoice]) -> dict[str, Money]:
        """How much of each invoice was refunded, by its order; those without a refund are left out."""
        return await self._storage.read(lambda uow: _refunds(uow, invoices))

    async def invoice_link(self, document: Invoice | CreditNote) -> str | None:
        """A token that opens one document without signing in, for `LINK_LIFETIME`; None where none can be made."""
        if not (self._links.is_open and self._printer.is_available):
            return None
        until = await self._clock.now() + LINK_LIFETIME
        return self._links.seal(json.dumps([_kind(document), document.id, until.timestamp()]).encode()).decode()

    async def linked_invoice_pdf(self, link: str, language: str) -> tuple[Invoice | CreditNote, bytes]:
        """The invoice or credit note that a token opens, as a PDF.

        Raises:
            InvoiceNotFound: the token was not made here.
            LinkExpired: it is too old.
        """
        try:
            kind, invoice_id, until = json.loads(self._links.open(link.encode()))
        except (VaultClosed, ValueError, TypeError):
            raise InvoiceNotFound from None
        if kind not in (INVOICE, CREDIT_NOTE):
            raise InvoiceNotFound
        if (await self._clock.now()).timestamp() >= until:
            raise LinkExpired
        return await self._print(None, kind, invoice_id, language)

    @property
    def prints_invoices(self) -> bool:
        """Whether invoices are available as PDF."""
        return self._printer.is_available

    async def invoice_pdf(self, who: Principal, invoice_id: int, language: str) -> tuple[Invoice | CreditNote, bytes]:
        """One invoice of the tenant as a PDF.

        Raises:
            InvoiceNotFound: it does not exist, belongs to another tenant, or PDFs are not available.
        """
        return await self._print(who.tenant_filter, INVOICE, invoice_id, language)

    async def credit_note_pdf(self, who: Principal, note_id: int, language: str) -> tuple[Invoice | CreditNote, bytes]:
        """One credit note of the tenant as a PDF.

        Raises:
            InvoiceNotFound: it does not exist, belongs to another tenant, or PDFs are not available.
        """
        return await self._print(who.tenant_filter, CREDIT_NOTE, note_id, language)

    async def _print(
        self, tenant_id: str | None, kind: str, number: int, language: str
    ) -> tuple[Invoice | CreditNote, bytes]:
        document, customer = await self._storage.read(lambda uow: _billed(uow, tenant_id, kind, number))
        if document is None or not self._printer.is_available:
            raise InvoiceNotFound
        buyer = document.buyer or (customer.name if customer else document.tenant_id)
        pdf = await asyncio.to_thread(self._printer.print, document, buyer, language)
        return document, pdf

    async def events(
        self, who: Principal, after: str | None, wait: timedelta, is_gone: Callable[[], bool] = lambda: False
    ) -> Sequence[Event]:
        """The tenant's events after `after`, oldest first; waits for new ones where there are none.

        Args:
            wait: how long to wait for an event, at most `LONGEST_WAIT`.
            is_gone: whether the client has disconnected.
        """
        asked_until = asyncio.get_running_loop().time() + min(wait, LONGEST_WAIT).total_seconds()
        pause = LOOK_AGAIN_SECONDS
        while True:
            if await self._storage.read(lambda uow: uow.outbox.has_news(who.tenant_id, after)):
                return await self._storage.transact(lambda uow: uow.outbox.feed(who.tenant_id, after, MOST_EVENTS))
            if asyncio.get_running_loop().time() >= asked_until or is_gone():
                return []
            await asyncio.sleep(pause)
            pause = min(2 * pause, LOOK_AGAIN_AT_MOST_SECONDS)

    async def catalogue(self) -> Catalogue:
        """The current catalogue."""
        return await self._storage.read(lambda uow: uow.catalogues.current())

    async def subscription(self, who: Principal) -> SubscriptionView:
        """The tenant's subscription and usage."""
        now = await self._clock.now()
        subscription, catalogue = await self._storage.read(
            lambda uow: (uow.subscriptions.get(who.tenant_id), uow.catalogues.current())
        )
        usage = await self._usage.usage(who.tenant_id)
        return SubscriptionView(subscription=subscription, catalogue=catalogue, usage=usage, now=now)


def _refunds(uow: UnitOfWork, invoices: Sequence[Invoice]) -> dict[str, Money]:
    """By the journal; of imported payments, whose earlier refunds are not in it, by their orders."""
    found = uow.books.refunded([one.order_id for one in invoices])
    for one in invoices:
        order = uow.orders.get(one.order_id, one.tenant_id) if one.external_number else None
        if order is not None and order.refunded:
            found[one.order_id] = order.refunded
    return found


def _kind(document: Invoice | CreditNote) -> str:
    return INVOICE if isinstance(document, Invoice) else CREDIT_NOTE


def _billed(
    uow: UnitOfWork, tenant_id: str | None, kind: str, number: int
) -> tuple[Invoice | CreditNote | None, Customer | None]:
    find = uow.books.invoice if kind == INVOICE else uow.books.credit_note
    document = find(number, tenant_id)
    return document, uow.customers.get(document.tenant_id) if document else None
