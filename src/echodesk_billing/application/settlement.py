"""The one door for everything the bank says about an order."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime

import structlog
from attrs import evolve, frozen

from echodesk_billing.domain import books, invoice
from echodesk_billing.domain.card import Card
from echodesk_billing.domain.events import Event, InvoiceIssued, OrderCompleted, OrderCorrected, OrderMismatch
from echodesk_billing.domain.invoice import Invoice
from echodesk_billing.domain.order import Order, Purpose
from echodesk_billing.domain.report import BankReport
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import InboxEntry, Storage, UnitOfWork

log = structlog.get_logger()


class Outcome(enum.StrEnum):
    """What a report led to."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    UNCONFIRMED = "unconfirmed"
    UNKNOWN_ORDER = "unknown order"


@frozen(kw_only=True)
class Settled:
    """What became of a report.

    Args:
        outcome: what it led to.
        order: the order as it is now; None where there is none.
        events: what happened by it.
    """

    outcome: Outcome
    order: Order | None = None
    events: Sequence[Event] = ()


class Settlement:
    """Merges reports of the bank into orders, and payments into subscriptions.

    Callback, receipt, the answer to a call, reconciliation: the same code, lock, books and events for all.
    """

    def __init__(self, storage: Storage, clock: Clock, time_zone: str) -> None:
        self._storage = storage
        self._clock = clock
        self._time_zone = time_zone

    async def apply(self, report: BankReport, callback: InboxEntry | None = None) -> Settled:
        """Merge `report`, in one transaction with the record of the callback that brought it.

        Returns:
            What became of it. `UNCONFIRMED` says that the report contradicts a rejection: nothing was changed,
            read the receipt and apply that. `UNKNOWN_ORDER` says that no order fits: nothing was changed.
        """
        now = await self._clock.now()
        series = invoice.series_of(now, self._time_zone)
        settled = await self._storage.transact(lambda uow: _settle(uow, report, callback, now, series))
        _tell(settled, report)
        return settled


def _settle(uow: UnitOfWork, report: BankReport, callback: InboxEntry | None, now: datetime, series: str) -> Settled:
    order = uow.orders.lock(report.external_order_id, report.bank_order_id)
    if order is None:
        return Settled(outcome=Outcome.UNKNOWN_ORDER)
    if order.wants_confirmation(report):
        return Settled(outcome=Outcome.UNCONFIRMED, order=order)
    if callback and not uow.inbox.record(evolve(callback, order_id=order.id)):
        return Settled(outcome=Outcome.DUPLICATE, order=order)
    before = evolve(order)
    events: list[Event] = list(order.observe(report, now))
    for event in tuple(events):
        uow.books.post(books.entries(event))
        if isinstance(event, OrderCompleted | OrderCorrected):
            events += _on_payment(uow, order, report, now)
            events.append(_issue_invoice(uow, order, event, series))
    if order == before:
        return Settled(outcome=Outcome.UNCHANGED, order=order)
    uow.orders.save(order)
    return Settled(outcome=Outcome.APPLIED, order=order, events=uow.outbox.add(events))


def _on_payment(uow: UnitOfWork, order: Order, report: BankReport, now: datetime) -> Sequence[Event]:
    """What a payment buys, and the card it saved."""
    events: list[Event] = []
    if order.plan is not None:
        subscription = uow.subscriptions.lock(order.tenant_id)
        events += subscription.on_payment(order, now)
        uow.subscriptions.save(subscription)
    if report.card is not None:
        others = uow.cards.active_of(order.tenant_id)
        card, saved = Card.save(order, report.card, now, is_first=not others)
        for other in others:
            if card.is_default and other.is_default:
                other.is_default = False
                uow.cards.save(other)
        uow.cards.add(card)
        events.append(saved)
    if order.purpose is Purpose.CARD:
        order.give_back_card_check(now)
    return events


def _issue_invoice(uow: UnitOfWork, order: Order, paid: OrderCompleted | OrderCorrected, series: str) -> InvoiceIssued:
    serial = uow.books.next_serial(series)
    issued = Invoice.of(order, paid.captured, paid.at, series=series, serial=serial)
    uow.books.issue(issued)
    return InvoiceIssued(
        tenant_id=order.tenant_id, at=paid.at, order_id=order.id, number=issued.number, amount=issued.amount
    )


def _tell(settled: Settled, report: BankReport) -> None:
    order = settled.order
    bound = log.bind(
        order_id=order.id if order else report.external_order_id,
        tenant_id=order.tenant_id if order else None,
        bank_order_id=report.bank_order_id,
        source=report.source,
        bank_status=report.status,
        code=report.code,
    )
    bound.info("report." + settled.outcome.replace(" ", "_"), state=order.state if order else None)
    for event in settled.events:
        if isinstance(event, OrderMismatch):
            bound.warning("order.mismatch", reason=event.reason)
