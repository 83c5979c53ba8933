"""Lists for operators, a page at a time, each found by an index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from attrs import frozen

from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.notifications.mail import Mail, MailState
from echodesk_billing.domain.notifications.webhook import Delivery, Endpoint
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.storage import InboxEntry, Storage, UnitOfWork

T = TypeVar("T")

PAGE = 50


@frozen
class ListPage(Generic[T]):
    """A page of a list.

    Args:
        next: what to pass for the next page; None at the end.
    """

    items: Sequence[T]
    next: str | None = None


class Lists:
    """Lists across all tenants."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def customers(self, after: str = "") -> ListPage[Customer]:
        """Customers by id."""
        return await self._page(lambda uow: uow.customers.listed(after, PAGE + 1), lambda one: one.tenant_id)

    async def subscriptions(self, state: SubscriptionState | None = None, after: str = "") -> ListPage[Subscription]:
        """Subscriptions by tenant, of one state where it is given."""
        return await self._page(lambda uow: uow.subscriptions.listed(after, state, PAGE + 1), lambda one: one.tenant_id)

    async def orders(
        self,
        tenant_id: str | None = None,
        *,
        state: OrderState | None = None,
        attention: bool = False,
        before: str = "",
    ) -> ListPage[Order]:
        """Orders, newest first; of one tenant or state, or only those that need attention."""
        return await self._page(
            lambda uow: uow.orders.listed(tenant_id, state, PAGE + 1, before=before, attention=attention),
            lambda one: one.id,
        )

    async def invoices(self, tenant_id: str | None = None, before: int = 0) -> ListPage[Invoice]:
        """Invoices, newest first."""
        return await self._page(
            lambda uow: uow.books.invoices_of(tenant_id, PAGE + 1, before=before), lambda one: str(one.id)
        )

    async def cards(self, tenant_id: str | None = None, before: int = 0) -> ListPage[Card]:
        """Cards in any state, newest first."""
        return await self._page(lambda uow: uow.cards.listed(tenant_id, before, PAGE + 1), lambda one: str(one.id))

    async def callbacks(self, before: datetime | None = None) -> ListPage[InboxEntry]:
        """Callbacks that changed nothing, newest first; those that did are in the history of their order."""
        return await self._page(lambda uow: uow.inbox.unapplied(before, PAGE + 1), lambda one: one.at.isoformat())

    async def credit_notes(self, tenant_id: str | None = None, before: int = 0) -> ListPage[CreditNote]:
        """Credit notes, newest first."""
        return await self._page(
            lambda uow: uow.books.credit_notes_of(tenant_id, PAGE + 1, before=before), lambda one: str(one.id)
        )

    async def mails(
        self, tenant_id: str | None = None, state: MailState | None = None, before: str = ""
    ) -> ListPage[Mail]:
        """Mails, newest first; of one tenant or state."""
        return await self._page(
            lambda uow: uow.mails.listed(tenant_id, state, PAGE + 1, before=before), lambda one: one.id
        )

    async def endpoints(self, after: str = "") -> ListPage[Endpoint]:
        """Webhook endpoints by id."""
        return await self._page(lambda uow: uow.webhooks.listed(None, after, PAGE + 1), lambda one: one.id)

    async def deliveries(self, endpoint_id: str, before: int = 0) -> ListPage[Delivery]:
        """Deliveries of a webhook endpoint, newest first."""
        return await self._page(
            lambda uow: uow.webhooks.deliveries(endpoint_id, PAGE + 1, before), lambda one: str(one.number)
        )

    async def acts(self, by: str = "", before: str = "") -> ListPage[Event]:
        """What people did, newest first; what one person did, where one is given."""
        return await self._page(lambda uow: uow.outbox.acts(by, before, PAGE + 1), lambda one: one.id)

    async def _page(self, find: Callable[[UnitOfWork], Sequence[T]], cursor: Callable[[T], str]) -> ListPage[T]:
        found = await self._storage.read(find)
        items = found[:PAGE]
        return ListPage(items, cursor(items[-1]) if len(found) > PAGE else None)
