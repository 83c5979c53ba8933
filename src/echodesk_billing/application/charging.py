"""Charging the next period to the saved card, or asking the customer to pay where the card may not be charged."""

from __future__ import annotations

from datetime import datetime

import structlog
from attrs import evolve, frozen

from echodesk_billing.application.cards import default_card
from echodesk_billing.application.customers import with_names
from echodesk_billing.application.order_factory import OrderFactory
from echodesk_billing.application.order_submission import OrderSubmission, submit_order
from echodesk_billing.application.payment_requests import CUSTOMER_ASKED, PaymentRequestBuilder, Terms
from echodesk_billing.domain.catalogue import pricing
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.card import obstacle
from echodesk_billing.domain.errors import NoActiveSubscription
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions import offers, renewals
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.purchase import Purchase
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, require_configured
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

DECLINED = "the last charge of the saved card was declined"


@frozen(kw_only=True)
class Charge:
    """A charge that was started.

    Args:
        order: its outcome arrives by callback; with `obstacle`, the customer pays at its `payment_url`.
        obstacle: why the card was not charged; None where it was.
        is_new: whether the order was stored for this very charge.
    """

    order: Order
    obstacle: str | None = None
    is_new: bool = False


class ChargeSavedCard:
    """Pays the next period without the customer, where the mandate allows exactly that."""

    def __init__(
        self,
        storage: Storage,
        gateway: Gateway,
        clock: Clock,
        order_factory: OrderFactory,
        submission: OrderSubmission,
        requests: PaymentRequestBuilder,
        policy: RenewalPolicy,
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._order_factory = order_factory
        self._submission = submission
        self._requests = requests
        self._policy = policy

    async def charge(self, who: Principal, selection: Selection | None = None, *, key: str | None = None) -> Charge:
        """Charge the next unpaid period, once per key.

        Args:
            selection: of the next period; the current one where None. Items the tenant has keep their unit prices.
            key: the caller's idempotency key; repeating it never charges another period.

        Raises:
            NoActiveSubscription: there is no period to charge.
            InvalidSelection: it is not in the catalogue.
            GatewayError: the bank did not confirm the charge; reconciliation settles the order.

        Source: docs/saved-cards.md.
        """
        require_configured(self._gateway)
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Charge:
            if uow.subscriptions.get(who.tenant_id) is None:
                raise NoActiveSubscription
            subscription = uow.subscriptions.lock(who.tenant_id)
            if (known := self._order_factory.known(uow, who, key)) is not None:
                return Charge(order=known, obstacle=known.action_reason)
            owed = offers.renewal(subscription, now)
            if selection is not None:
                catalogue = uow.catalogues.current()
                plan = pricing.plan(
                    catalogue, selection, owed.plan.price.currency, offers.kept_plans(subscription, now)
                )
                owed = evolve(owed, plan=plan)
            charge, events = self.start(uow, who, subscription, evolve(owed, purpose=Purpose.RENEWAL), now, key)
            renewals.plan_next(subscription, now, self._policy)
            uow.subscriptions.save(subscription)
            uow.outbox.add(events, who.name)
            return charge

        charge = await self._storage.transact(work)
        return evolve(charge, order=await self.submit_order(charge))

    def start(
        self,
        uow: UnitOfWork,
        who: Principal,
        subscription: Subscription,
        owed: Purchase,
        now: datetime,
        key: str | None = None,
    ) -> tuple[Charge, list[Event]]:
        """Store the order that charges the owed period, or that the customer is asked to pay, unless it exists.

        Args:
            subscription: locked; to be saved by the caller.
            owed: `RENEWAL` where the card may be tried, `MANUAL` where it may not.
        """
        who = with_names(uow, who)
        if (running := uow.orders.open_renewal(who.tenant_id, owed.period)) is not None:
            renewals.start_charge(subscription, owed.period)
            return Charge(order=running), []
        card = default_card(uow, who.tenant_id)
        hindrance = obstacle(card, owed.plan.price, now) if owed.purpose is Purpose.RENEWAL else DECLINED
        if hindrance is None:
            renewals.start_charge(subscription, owed.period)
            request = self._requests.request(who, owed.plan, Terms(), card)
            return Charge(order=self._order_factory.add(uow, who, owed, request, now, key=key), is_new=True), []
        asked = evolve(owed, purpose=Purpose.MANUAL)
        is_what_runs = owed.plan == subscription.plan_of(owed.period)
        events = renewals.ask_customer(subscription, owed.period, now) if is_what_runs else []
        for earlier in uow.orders.open_of(who.tenant_id):
            if (earlier.purpose, earlier.plan, earlier.period) == (asked.purpose, asked.plan, asked.period):
                return Charge(order=earlier, obstacle=hindrance), events
        request = self._requests.request(who, owed.plan, CUSTOMER_ASKED)
        order = self._order_factory.add(uow, who, asked, request, now, action_reason=hindrance, key=key)
        return Charge(order=order, obstacle=hindrance, is_new=True), events

    async def submit_order(self, charge: Charge) -> Order:
        """Send a stored charge to the bank, unless it was sent.

        Raises:
            GatewayError: the bank did not confirm the charge; reconciliation settles the order.
        """
        order = charge.order
        log.info("charge.started", order_id=order.id, tenant_id=order.tenant_id, obstacle=charge.obstacle)
        return await submit_order(self._submission, order, is_new=charge.is_new)
