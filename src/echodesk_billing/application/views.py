"""Looking: what a tenant may see of its payments and its subscription."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from attrs import frozen

from echodesk_billing.application.errors import OrderNotFound
from echodesk_billing.domain.catalogue import Catalogue
from echodesk_billing.domain.invoice import Invoice
from echodesk_billing.domain.order import Order, Step
from echodesk_billing.domain.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import InboxEntry, Storage
from echodesk_billing.ports.usage import Usage, UsageMeter

log = structlog.get_logger()

MOST_INVOICES = 500


@frozen(kw_only=True)
class SubscriptionView:
    """A tenant's subscription at one moment; `subscription` is None before the first order."""

    subscription: Subscription | None
    catalogue: Catalogue
    usage: Usage
    now: datetime


@frozen(kw_only=True)
class OrderTimeline:
    """An order, its steps and the callbacks that spoke of it, oldest first."""

    order: Order
    history: Sequence[Step]
    callbacks: Sequence[InboxEntry]


class Views:
    """Reads, each filtered by tenant in its query."""

    def __init__(self, storage: Storage, clock: Clock, usage: UsageMeter) -> None:
        self._storage = storage
        self._clock = clock
        self._usage = usage

    async def order(self, who: Principal, order_id: str) -> Order:
        """One order, by our id or the bank's.

        Raises:
            OrderNotFound: there is none, or it is another tenant's.
        """
        order = await self._storage.read(lambda uow: uow.orders.get(order_id, who.tenant_filter))
        if order is None:
            raise OrderNotFound
        log.info("status.asked", order_id=order.id, tenant_id=order.tenant_id, state=order.state)
        return order

    async def timeline(self, who: Principal, order_id: str) -> OrderTimeline:
        """One order with everything that happened to it.

        Raises:
            OrderNotFound: there is none, or it is another tenant's.
        """
        order = await self.order(who, order_id)
        history, callbacks = await self._storage.read(
            lambda uow: (uow.orders.history(order.id), uow.inbox.of_order(order.id))
        )
        return OrderTimeline(order=order, history=history, callbacks=callbacks)

    async def invoices(self, who: Principal) -> Sequence[Invoice]:
        """The tenant's invoices, newest first."""
        return await self._storage.read(lambda uow: uow.books.invoices_of(who.tenant_id, MOST_INVOICES))

    async def catalogue(self) -> Catalogue:
        """What is sold now."""
        return await self._storage.read(lambda uow: uow.catalogues.current())

    async def subscription(self, who: Principal) -> SubscriptionView:
        """The tenant's own subscription, with what it uses of it."""
        now = await self._clock.now()
        subscription, catalogue = await self._storage.read(
            lambda uow: (uow.subscriptions.get(who.tenant_id), uow.catalogues.current())
        )
        usage = await self._usage.usage(who.tenant_id)
        return SubscriptionView(subscription=subscription, catalogue=catalogue, usage=usage, now=now)
