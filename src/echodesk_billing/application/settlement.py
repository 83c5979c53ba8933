"""Settlement: the only place where the bank's reports change orders."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from copy import copy
from datetime import datetime

import structlog
from attrs import evolve

from echodesk_billing.application import coupons
from echodesk_billing.application.customers import customer_of, holder_of
from echodesk_billing.application.errors import OrderNotFound
from echodesk_billing.application.invoicing import Invoicing
from echodesk_billing.application.links import Links, lasting
from echodesk_billing.application.settled import Outcome, Settled
from echodesk_billing.domain.accounting import journal
from echodesk_billing.domain.accounting.invoice import Party, Seller
from echodesk_billing.domain.calendar import Period
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.customers.registration import Registration, RegistrationState
from echodesk_billing.domain.events import (
    Event,
    OrderCompleted,
    OrderContested,
    OrderCorrected,
    OrderMismatch,
    OrderRefunded,
    OrderRejected,
)
from echodesk_billing.domain.orders import attention, refunding
from echodesk_billing.domain.orders.attempt import Attempt
from echodesk_billing.domain.orders.history import CallOutcome
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.report import BankReport, ReportedCard, Source
from echodesk_billing.domain.orders.response_codes import RetryAdvice, response_code
from echodesk_billing.domain.subscriptions import payments, renewals
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import InboxEntry, Storage, StorageUnavailable, UnitOfWork

log = structlog.get_logger()

BUYS_NOTHING = "it was paid after its import and buys nothing here: refund it, or give its days"


class Settlement:
    """Merges the bank's reports into orders, and their effects into subscriptions, cards and books.

    Callback, receipt, the answer to a call, reconciliation: the same code, lock, books and events for all.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        time_zone: str,
        policy: RenewalPolicy,
        seller: Seller | None = None,
        links: Links | None = None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._time_zone = time_zone
        self._policy, self._links = policy, links
        self._invoicing = Invoicing(time_zone=time_zone, seller=seller or Seller())

    async def apply(self, report: BankReport, callback: InboxEntry | None = None) -> Settled:
        """Merge `report`, in one transaction with the record of its callback.

        Returns:
            The result. `UNCONFIRMED` means that the report contradicts a rejection, or that the bank's id is
            not known here: only a check of the order was planned; fetch the receipt and apply
            it. `UNKNOWN_ORDER` means that no order matches: nothing was changed.
        """
        now = await self._clock.now()
        settled = await self._storage.transact(lambda uow: self._settle(uow, report, callback, now))
        _tell(settled, report)
        return settled

    async def refuse(self, order_id: str, reason: str, attempt: Attempt) -> bool:
        """Apply the bank's refusal to create an order: nothing was paid, and nothing will be.

        Args:
            attempt: which attempt was refused.

        Returns:
            False where the refusal settles nothing, because another attempt may have succeeded.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> bool:
            order = uow.orders.lock(order_id, "")
            if order is None:
                return True
            if not attempt.is_settled_by_refusal(uow.orders.history(order_id), now):
                return False
            events = self._follow(uow, order, None, order.refuse(reason, now), now)
            uow.orders.save(order)
            uow.outbox.add(events)
            return True

        return await self._storage.transact(work)

    async def look_soon(self, order_id: str, at: datetime) -> None:
        """Plan a check of an unsettled order at `at`, unless one is planned earlier."""

        def work(uow: UnitOfWork) -> None:
            order = uow.orders.lock(order_id, "")
            if order is not None and order.check_at is not None and order.check_at > at:
                order.check_at = at
                uow.orders.save(order)

        await self._storage.transact(work)

    async def not_found(self, order_id: str) -> None:
        """Mark for attention an automatic charge that the bank does not find and that is too old to repeat."""
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> None:
            order = uow.orders.lock(order_id, "")
            if order is not None and order.state is OrderState.CREATED:
                uow.outbox.add(attention.not_found(order, now))
                uow.orders.save(order)

        await self._storage.transact(work)

    async def resolve(self, who: Principal, order_id: str, note: str) -> Order:
        """Resolve an order that needs attention.

        Args:
            note: what the operator found and did.

        Raises:
            OrderNotFound: no such order is visible to `who`.
            InvalidSelection: the note is empty.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Order:
            found = uow.orders.get(order_id, who.tenant_filter)
            order = uow.orders.lock(found.id, "") if found else None
            if order is None:
                raise OrderNotFound
            events = self._follow(uow, order, None, attention.resolve(order, note, who.name, now), now)
            if events:
                uow.orders.save(order)
                uow.outbox.add(events)
            return order

        order = await self._storage.transact(work)
        log.info("order.resolved", order_id=order.id, tenant_id=order.tenant_id, by=who.name)
        return order

    async def called(
        self,
        order_id: str,
        call: str,
        outcome: CallOutcome,
        detail: str = "",
        by: str = "",
        *,
        is_needed: bool = False,
    ) -> None:
        """Note the result of a call to the bank in the order's history, without changing its state.

        Args:
            is_needed: other decisions depend on the note, so a storage failure is raised.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> None:
            order = uow.orders.lock(order_id, "")
            if order is not None:
                order.called(call, outcome, now, detail, by)
                uow.orders.save(order)

        may_fail = () if is_needed else (StorageUnavailable,)  # only a note; the caller gets the outcome itself
        with contextlib.suppress(*may_fail):
            await self._storage.transact(work)

    def record(self, uow: UnitOfWork, order: Order, events: Sequence[Event], now: datetime, by: str) -> None:
        """Save an order that changed without the bank, with what follows from its events, within a transaction."""
        followed = self._follow(uow, order, None, events, now)
        uow.orders.save(order)
        uow.outbox.add(followed, by)

    def _settle(self, uow: UnitOfWork, report: BankReport, callback: InboxEntry | None, now: datetime) -> Settled:
        order = uow.orders.lock(report.external_order_id, report.bank_order_id)
        if order is None or order.request.transfer is not None:  # the bank has no part in transfers
            return Settled(outcome=Outcome.UNKNOWN_ORDER)
        if order.wants_confirmation(report) or not order.is_known_as(report):
            if order.bank_order_id in (None, report.bank_order_id):
                order.check_at = now  # fetching the receipt may fail; then reconciliation does it
                uow.orders.save(order)
            return Settled(outcome=Outcome.UNCONFIRMED, order=order)
        entry = evolve(callback, order_id=order.id) if callback else None
        before = copy(order)
        events = self._follow(uow, order, report.card, order.observe(report, now), now)
        if order == before:
            is_new = entry is None or uow.inbox.record(entry)
            return Settled(outcome=Outcome.UNCHANGED if is_new else Outcome.DUPLICATE, order=order)
        if entry is not None:
            uow.inbox.add(entry)
        uow.orders.save(order)
        return Settled(outcome=Outcome.APPLIED, order=order, events=uow.outbox.add(lasting(uow, self._links, events)))

    def _follow(
        self, uow: UnitOfWork, order: Order, card: ReportedCard | None, events: Sequence[Event], now: datetime
    ) -> list[Event]:
        """Apply an order's events to books, subscription, card, registration and invoice."""
        all_events: list[Event] = []
        for event in events:
            all_events.append(event)
            match event:
                case OrderCompleted() | OrderCorrected():
                    uow.books.post(journal.payment_entries(event, journal.account_of(order)))
                    buyer = _buyer(uow, order)
                    followed, period = self._on_payment(uow, order, card, now)
                    all_events += followed
                    if order.purpose is not Purpose.CARD:  # its money goes back at once
                        all_events.append(self._invoicing.invoice(uow, order, event, buyer, period))
                case OrderRejected():
                    all_events += self._on_rejection(uow, order, event, now)
                case OrderContested() if self._policy.suspends_contested and order.plan is not None:
                    all_events += self._on_contest(uow, order, now)
                case OrderRefunded():
                    uow.books.post(journal.refund_entries(event, journal.account_of(order)))
                    all_events += self._invoicing.credit_note(uow, order, event)
                    if event.refunded == order.captured and order.purpose is not Purpose.CARD:
                        all_events += _forget_card(uow, order, now)
        return all_events

    def _on_payment(
        self, uow: UnitOfWork, order: Order, reported: ReportedCard | None, now: datetime
    ) -> tuple[Sequence[Event], Period | None]:
        """Apply a payment: what it buys, and the card it saved; gives the period that it pays too."""
        events: list[Event] = []
        period: Period | None = None
        if order.purpose is Purpose.REGISTRATION and (reason := self._prepare_tenant(uow, order)):
            events += payments.give_back(order, reason, now)
        elif (used := coupons.use(uow, order, now)) is None:
            events += payments.give_back(order, f"the coupon {order.request.coupon} was used before", now)
        elif order.plan is not None:
            events += used
            subscription = uow.subscriptions.lock(order.tenant_id)
            catalogue = uow.catalogues.current() if order.purpose is Purpose.UPGRADE else None
            events += payments.take_payment(subscription, order, now, catalogue)
            self._save(uow, subscription, now)
            period = payments.paid_period(subscription, order, now)
        if order.purpose is Purpose.REGISTRATION and not order.is_given_back:
            events += _on_registration(uow, order, now)
        elif order.plan is not None and not order.is_given_back:
            customer_of(uow, order, now)
        elif order.plan is None and order.purpose is not Purpose.CARD:
            events += order.mark(BUYS_NOTHING, Source.REQUEST, now)
        if reported is not None and not order.is_given_back:
            events += self._keep_card(uow, order, reported, now)
        elif reported is not None:  # no card is kept, here or at the bank, from a payment that is refunded
            uow.cards.add(Card.unwanted(order, reported, now))
        if order.purpose is Purpose.CARD:
            refunding.give_back_card_check(order, now)
        return events, period

    def _prepare_tenant(self, uow: UnitOfWork, order: Order) -> str | None:
        """Apply a paid registration: the tenant's subscription exists from now on, under the registered name.

        Returns:
            Why the tenant cannot be created, where the name was taken meanwhile; else None.
        """
        registration = _registration(uow, order)
        uow.registrations.lock_name(order.tenant_id)
        others = (one for one in uow.registrations.of_name(order.tenant_id) if one.order_id != order.id)
        has_subdomain = holder_of(uow, registration.applicant.host_label) is not None
        is_taken = has_subdomain or any(one.state is RegistrationState.REGISTERED for one in others)
        if uow.tokens.listed(order.tenant_id) or is_taken:
            return f"the name {order.tenant_id} was taken before this registration was paid"
        subscription = Subscription(
            tenant_id=order.tenant_id, term=Term(time_zone=self._time_zone), grace=self._policy.grace
        )
        uow.subscriptions.add(subscription)
        return None

    def _on_rejection(self, uow: UnitOfWork, order: Order, event: OrderRejected, now: datetime) -> Sequence[Event]:
        """Retry a declined renewal, or ask the customer; a refusal without a code is not retried."""
        coupons.release(uow, order)
        if order.purpose is not Purpose.RENEWAL:
            return []
        advice = response_code(event.code).advice if event.code else RetryAdvice.CUSTOMER_PRESENT
        subscription = uow.subscriptions.lock(order.tenant_id)
        events = renewals.take_decline(subscription, order, event.code, advice, self._policy, now)
        self._save(uow, subscription, now)
        return events

    def _on_contest(self, uow: UnitOfWork, order: Order, now: datetime) -> Sequence[Event]:
        subscription = uow.subscriptions.lock(order.tenant_id)
        events = payments.take_contest(subscription, order, now)
        self._save(uow, subscription, now)
        return events

    def _save(self, uow: UnitOfWork, subscription: Subscription, now: datetime) -> None:
        renewals.plan_next(subscription, now, self._policy)
        uow.subscriptions.save(subscription)

    def _keep_card(self, uow: UnitOfWork, order: Order, reported: ReportedCard, now: datetime) -> Sequence[Event]:
        """Save the card that paid. Where it paid for the subscription, its older mandates are removed."""
        others = uow.cards.active_of(order.tenant_id)
        is_mandate = order.plan is not None and not order.pending_refunds
        card, saved = Card.save(order, reported, now, is_first=not others, is_mandate=is_mandate)
        card.plan_reminder(self._policy, now)
        events: list[Event] = [saved]
        for other in others:
            if is_mandate and card.is_default and card.is_same_card(other):
                events += other.forget(now)
                uow.cards.save(other)
            elif card.is_default and other.is_default:
                other.is_default = False
                uow.cards.save(other)
        if card.is_unchargeable(order):  # its charges would only be held, as its first payment was
            uow.cards.add(Card.unwanted(order, reported, now))
            return []
        uow.cards.add(card)
        return events


def _buyer(uow: UnitOfWork, order: Order) -> Party:
    """The customer on the invoice of an order; of a registration what its applicant said."""
    customer = uow.customers.get(order.tenant_id) if order.purpose is not Purpose.REGISTRATION else None
    return Party.of(customer, order.request.tenant_name)


def _on_registration(uow: UnitOfWork, order: Order, now: datetime) -> Sequence[Event]:
    """Emit that the tenant is registered."""
    registration = _registration(uow, order)
    events = registration.on_payment(now)
    uow.registrations.save(registration)
    customer_of(uow, order, now, registration.applicant)
    return events


def _registration(uow: UnitOfWork, order: Order) -> Registration:
    registration = uow.registrations.lock(order.id)
    if registration is None:
        raise AssertionError(f"{order.subject} pays for a registration that is gone")
    return registration


def _forget_card(uow: UnitOfWork, order: Order, now: datetime) -> Sequence[Event]:
    """Remove the card saved by a payment that was fully refunded."""
    card = uow.cards.of_order(order.id)
    if card is None:
        return []
    events = card.forget(now)
    uow.cards.save(card)
    return events


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
