"""The personal data of a customer: exported, and erased with the books intact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
from attrs import frozen

from echodesk_billing.application.cards import SavedCards
from echodesk_billing.application.errors import CustomerNotFound
from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.accounting.proforma import Proforma
from echodesk_billing.domain.customers.card import Card, CardState
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.customers.erasure import (
    erase_card,
    erase_customer,
    erase_order,
    erase_registration,
    require_erasable,
)
from echodesk_billing.domain.customers.registration import Applicant
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.events import CustomerErased, Event
from echodesk_billing.domain.notifications.mail import Mail
from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

T = TypeVar("T")
BATCH = 200
MOST = 100_000


@frozen(kw_only=True)
class ExportedOrder:
    """An order with its history."""

    order: Order
    history: Sequence[Step]


@frozen(kw_only=True)
class ExportedCustomer:
    """Everything that is stored about a customer.

    Args:
        users: owners of its tokens; the tokens themselves are not known here.
        webhook_urls: addresses of its endpoints.
    """

    customer: Customer | None
    applicants: Sequence[Applicant]
    subscription: Subscription | None
    orders: Sequence[ExportedOrder]
    cards: Sequence[Card]
    invoices: Sequence[Invoice]
    credit_notes: Sequence[CreditNote]
    proformas: Sequence[Proforma]
    entries: Sequence[Entry]
    events: Sequence[Event]
    mails: Sequence[Mail]
    users: Sequence[Principal]
    webhook_urls: Sequence[str]


@frozen(kw_only=True)
class Erased:
    """How much was erased.

    Args:
        rows: mails, addresses, tokens, webhook endpoints and unpaid proformas that were deleted.
    """

    tenant_id: str
    orders: int
    cards: int
    registrations: int
    rows: int


class ManagePersonalData:
    """Exports and erases the personal data of a customer."""

    def __init__(self, storage: Storage, clock: Clock, cards: SavedCards) -> None:
        self._storage = storage
        self._clock = clock
        self._cards = cards

    async def export(self, by: Principal, tenant_id: str) -> ExportedCustomer:
        """Everything that is stored about a customer.

        Raises:
            CustomerNotFound: nothing is.
        """
        found = await self._storage.read(lambda uow: _everything(uow, tenant_id))
        if found.customer is None and not (found.orders or found.applicants):
            raise CustomerNotFound
        log.info("customer.exported", tenant_id=tenant_id, by=by.name)
        return found

    async def erase(self, by: Principal, tenant_id: str, reason: str) -> Erased:
        """Erase the personal data of a customer whose subscription has ended and whose orders are settled.

        Its saved cards are removed, at the bank too. Its id stays, and with it orders, invoices, credit notes and the
        journal. Repeating it erases what an interrupted run left.

        Args:
            reason: who asked for it, for the record.

        Raises:
            CustomerNotFound: nothing is stored about it.
            ChangeRefused: its subscription has not ended, or an order is not settled.
            InvalidSelection: there is no reason.
        """
        if not reason.strip():
            raise InvalidSelection("reason", "Give the reason of the erasure")
        orders = await self._storage.read(lambda uow: _orders(uow, tenant_id))
        subscription, cards, is_known = await self._storage.read(
            lambda uow: (uow.subscriptions.get(tenant_id), _cards(uow, tenant_id), _is_known(uow, tenant_id))
        )
        if not orders and not is_known:
            raise CustomerNotFound
        require_erasable(subscription, orders)
        for card in cards:
            if card.state is CardState.ACTIVE:
                await self._cards.forget(by.acting_for(tenant_id), card.id)
        is_named = any(order.request.tenant_name for order in orders)
        erased = await self._erase_rows(by, tenant_id, reason.strip(), is_named=is_named)
        changed = 0
        for start in range(0, len(orders), BATCH):
            ids = [order.id for order in orders[start : start + BATCH]]
            changed += await self._storage.transact(lambda uow, ids=ids: _erase_orders(uow, ids))  # type: ignore[misc]
        log.info("customer.erased", tenant_id=tenant_id, orders=changed, by=by.name)
        return Erased(tenant_id=tenant_id, orders=changed, cards=erased[0], registrations=erased[1], rows=erased[2])

    async def _erase_rows(self, by: Principal, tenant_id: str, reason: str, *, is_named: bool) -> tuple[int, int, int]:
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> tuple[int, int, int]:
            subscription = uow.subscriptions.get(tenant_id)
            if subscription is not None:
                subscription = uow.subscriptions.lock(tenant_id)  # no order can be made meanwhile
            require_erasable(subscription, uow.orders.open_of(tenant_id))
            customer = uow.customers.lock(tenant_id)
            if customer is not None and (events := erase_customer(customer, reason, now)):
                uow.customers.save(customer)
                uow.outbox.add(events, by.name)
            elif customer is None and is_named:  # it tried to pay, and never did
                uow.outbox.add([CustomerErased(tenant_id=tenant_id, at=now, reason=reason)], by.name)
            cards = [card for card in _cards(uow, tenant_id) if erase_card(card)]
            for card in cards:
                uow.cards.save(card)
            registrations = [one for one in uow.registrations.of_name(tenant_id) if erase_registration(one)]
            for one in registrations:
                uow.registrations.save(one)
            uow.personal_data.blank(tenant_id)
            return len(cards), len(registrations), uow.personal_data.delete(tenant_id)

        return await self._storage.transact(work)


def _erase_orders(uow: UnitOfWork, ids: Sequence[str]) -> int:
    changed = 0
    for order_id in ids:
        order = uow.orders.lock(order_id, "")
        if order is not None and erase_order(order):
            uow.orders.save(order)
            changed += 1
    return changed


def _is_known(uow: UnitOfWork, tenant_id: str) -> bool:
    return uow.customers.get(tenant_id) is not None or bool(uow.registrations.of_name(tenant_id))


def _orders(uow: UnitOfWork, tenant_id: str) -> list[Order]:
    return _all(
        lambda last: uow.orders.listed(tenant_id, None, BATCH, before=last.id if last else ""),
    )


def _cards(uow: UnitOfWork, tenant_id: str) -> list[Card]:
    return _all(lambda last: uow.cards.listed(tenant_id, last.id if last else 0, BATCH))


def _everything(uow: UnitOfWork, tenant_id: str) -> ExportedCustomer:
    return ExportedCustomer(
        customer=uow.customers.get(tenant_id),
        applicants=[one.applicant for one in uow.registrations.of_name(tenant_id)],
        subscription=uow.subscriptions.get(tenant_id),
        orders=[ExportedOrder(order=order, history=uow.orders.history(order.id)) for order in _orders(uow, tenant_id)],
        cards=_cards(uow, tenant_id),
        invoices=_all(lambda last: uow.books.invoices_of(tenant_id, BATCH, before=last.id if last else 0)),
        credit_notes=_all(lambda last: uow.books.credit_notes_of(tenant_id, BATCH, before=last.id if last else 0)),
        proformas=_all(lambda last: uow.proformas.listed(tenant_id, last.id if last else 0, BATCH)),
        entries=uow.books.of_tenant(tenant_id, MOST),
        events=uow.outbox.latest(tenant_id, MOST),
        mails=_all(lambda last: uow.mails.listed(tenant_id, None, BATCH, before=last.id if last else "")),
        users=list(dict.fromkeys(one.principal for one in uow.tokens.listed(tenant_id))),
        webhook_urls=[one.url for one in uow.webhooks.listed(tenant_id, "", BATCH)],
    )


def _all(page: Callable[[T | None], Sequence[T]]) -> list[T]:
    """All pages of a list.

    Args:
        page: the one after an item; the first for None.
    """
    found: list[T] = []
    while batch := page(found[-1] if found else None):
        found += batch
        if len(batch) < BATCH:
            break
    return found
