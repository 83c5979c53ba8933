"""What operators look at: the business and what needs attention, everything about one customer, a search."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from echodesk_billing.application.errors import CustomerNotFound
from echodesk_billing.application.statistics import BusinessFigures
from echodesk_billing.application.watching import Watch
from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.accounting.proforma import Proforma
from echodesk_billing.domain.accounting.statistics import Business, Outcomes
from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.notifications.heartbeat import ChoreState
from echodesk_billing.domain.notifications.mail import Mail
from echodesk_billing.domain.notifications.webhook import Endpoint
from echodesk_billing.domain.orders.attention import unknown_outcome
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork

MOST_NEEDING_ATTENTION = 100
MOST_LOOKED_AT = 200
MOST_ENDPOINTS = 100
SHOWN = 20
DAYS = 30
MONTHS = 12
_NUMBER = re.compile(r"([A-Z]{2,4}-\d{4})-(\d{6,9})")


@frozen(kw_only=True)
class Desk:
    """What an operator sees first.

    Args:
        business: figures, a currency at a time.
        days: how payments of the last `DAYS` days ended.
        needs_attention: orders, newest first.
        unknown_outcomes: orders whose outcome is unknown, next check first.
        chores: the background work, and how far behind it is.
        stalled: what to tell where billing has stalled; None where it has not.
        failing: webhook endpoints that fail or are disabled.
    """

    now: datetime
    business: Sequence[Business]
    days: Sequence[Outcomes]
    needs_attention: Sequence[Order]
    unknown_outcomes: Sequence[Order]
    chores: Sequence[ChoreState]
    stalled: str | None
    failing: Sequence[Endpoint]


@frozen(kw_only=True)
class CustomerFile:
    """Everything about a customer, the newest `SHOWN` of each kind."""

    tenant_id: str
    now: datetime
    customer: Customer | None
    subscription: Subscription | None
    cards: Sequence[Card]
    orders: Sequence[Order]
    invoices: Sequence[Invoice]
    credit_notes: Sequence[CreditNote]
    proformas: Sequence[Proforma]
    entries: Sequence[Entry]
    mails: Sequence[Mail]
    events: Sequence[Event]
    endpoints: Sequence[Endpoint]


@frozen(kw_only=True)
class Found:
    """What a search found: an order, or customers."""

    order_id: str = ""
    customers: Sequence[Customer] = ()


class OperatorViews:
    """Reads for operators, across all tenants."""

    def __init__(self, storage: Storage, clock: Clock, figures: BusinessFigures, watch: Watch, time_zone: str) -> None:
        self._storage = storage
        self._clock = clock
        self._figures = figures
        self._watch = watch
        self._time_zone = time_zone

    async def desk(self) -> Desk:
        """The business, what needs attention, and what is late."""
        now = await self._clock.now()
        attention, unknown, failing = await self._storage.read(
            lambda uow: (
                uow.orders.needing_attention(MOST_NEEDING_ATTENTION),
                [one for one in uow.orders.due(now, MOST_LOOKED_AT) if unknown_outcome(one) is not None],
                [one for one in uow.webhooks.listed(None, "", MOST_ENDPOINTS) if one.failing_since or one.disabled_at],
            )
        )
        return Desk(
            now=now,
            business=await self._figures.read(),
            days=await self._figures.days(local_date(now, self._time_zone), DAYS),
            needs_attention=attention,
            unknown_outcomes=unknown,
            chores=await self._watch.states(),
            stalled=await self._watch.stalled(),
            failing=failing,
        )

    async def customer(self, tenant_id: str) -> CustomerFile:
        """Everything about a tenant that paid, or tried to.

        Raises:
            CustomerNotFound: nothing is stored about it.
        """
        now = await self._clock.now()
        found = await self._storage.read(lambda uow: _file(uow, tenant_id, now))
        if found.customer is None and found.subscription is None and not found.orders:
            raise CustomerNotFound
        return found

    async def search(self, text: str) -> Found:
        """An order by our id, the bank's or its invoice's number; or customers by id, name or subdomain."""
        wanted = text.strip()[:200]
        return await self._storage.read(lambda uow: _search(uow, wanted)) if wanted else Found()


def _file(uow: UnitOfWork, tenant_id: str, now: datetime) -> CustomerFile:
    return CustomerFile(
        tenant_id=tenant_id,
        now=now,
        customer=uow.customers.get(tenant_id),
        subscription=uow.subscriptions.get(tenant_id),
        cards=uow.cards.listed(tenant_id, 0, SHOWN),
        orders=uow.orders.listed(tenant_id, None, SHOWN),
        invoices=uow.books.invoices_of(tenant_id, SHOWN),
        credit_notes=uow.books.credit_notes_of(tenant_id, SHOWN),
        proformas=uow.proformas.listed(tenant_id, 0, SHOWN),
        entries=uow.books.latest_of(tenant_id, SHOWN),
        mails=uow.mails.listed(tenant_id, None, SHOWN),
        events=uow.outbox.latest(tenant_id, SHOWN)[::-1],
        endpoints=uow.webhooks.listed(tenant_id, "", SHOWN),
    )


def _search(uow: UnitOfWork, text: str) -> Found:
    if (order := uow.orders.get(text, None)) is not None:
        return Found(order_id=order.id)
    if (number := _NUMBER.fullmatch(text.upper())) is not None:
        document = uow.books.numbered(number[1], int(number[2]))
        if document is not None:
            return Found(order_id=document.order_id)
    return Found(customers=uow.customers.found(text, SHOWN))
