"""Charging the next period to the saved card, or asking the customer to come where the card may not be charged."""

from __future__ import annotations

from datetime import datetime

import structlog
from attrs import frozen

from echodesk_billing.application.placement import Placement
from echodesk_billing.application.shop import Shop, Terms
from echodesk_billing.domain import pricing
from echodesk_billing.domain.card import Card, obstacle
from echodesk_billing.domain.errors import NoActiveSubscription
from echodesk_billing.domain.events import PaymentActionRequired
from echodesk_billing.domain.order import Order, Purpose
from echodesk_billing.domain.pricing import Plan, Selection
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, GatewayNotConfigured
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()


@frozen(kw_only=True)
class Charge:
    """A charge that was started.

    Args:
        order: its outcome comes by callback; with `obstacle`, the customer pays at its `payment_url`.
        obstacle: why the card was not charged; None where it was.
    """

    order: Order
    obstacle: str | None = None


class ChargeSavedCard:
    """Pays the next period of a subscription without the customer, where the mandate allows exactly that."""

    def __init__(
        self,
        storage: Storage,
        gateway: Gateway,
        clock: Clock,
        ids: Ids,
        placement: Placement,
        shop: Shop,
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._ids = ids
        self._placement = placement
        self._shop = shop

    async def charge(self, who: Principal, selection: Selection | None = None) -> Charge:
        """Charge the next unpaid period, once however often this is called.

        Args:
            selection: what the next period is to be, at today's prices; what runs, at its price, where None.

        Raises:
            NoActiveSubscription: there is nothing to charge for.
            InvalidSelection: the catalogue has no such thing.
            GatewayError: the bank did not take it up; the order is found out by reconciliation.

        Source: domain.md, Subscription, "A mandate is for one exact amount".
        """
        if not self._gateway.is_configured:
            raise GatewayNotConfigured
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Charge:
            period, plan = _next_period(uow, who, now)
            if selection is not None:
                plan = pricing.plan(uow.catalogues.current(), selection, plan.price.currency)
            if (running := uow.orders.open_renewal(who.tenant_id, period)) is not None:
                return Charge(order=running)
            card = next(iter(uow.cards.active_of(who.tenant_id)), None)
            hindrance = obstacle(card, plan.price, now)
            chargeable = None if hindrance else card
            for earlier in uow.orders.open_of(who.tenant_id):
                if hindrance and (earlier.purpose, earlier.plan, earlier.period) == (Purpose.MANUAL, plan, period):
                    return Charge(order=earlier, obstacle=hindrance)
            return Charge(order=self._order(uow, who, plan, period, chargeable, now), obstacle=hindrance)

        charge = await self._storage.transact(work)
        order, is_new = charge.order, charge.order.bank_order_id is None
        log.info("charge.started", order_id=order.id, tenant_id=order.tenant_id, obstacle=charge.obstacle)
        if is_new:
            order = await self._placement.place(order)
        if is_new and charge.obstacle is not None:
            await self._ask_the_customer(order, charge.obstacle)
        return Charge(order=order, obstacle=charge.obstacle)

    def _order(
        self, uow: UnitOfWork, who: Principal, plan: Plan, period: int, card: Card | None, now: datetime
    ) -> Order:
        """A stored order for the period: charged to `card`, or with a payment page."""
        purpose = Purpose.RENEWAL if card else Purpose.MANUAL
        order, created = Order.create(
            order_id=self._ids.order_id(purpose),
            idempotency_key=self._ids.idempotency_key(),
            tenant_id=who.tenant_id,
            purpose=purpose,
            amount=plan.price,
            plan=plan,
            period=period,
            request=self._shop.request(who, plan, Terms(), card),
            at=now,
        )
        uow.orders.add(order)
        uow.outbox.add([created])
        return order

    async def _ask_the_customer(self, order: Order, reason: str) -> None:
        now = await self._clock.now()
        event = PaymentActionRequired(
            tenant_id=order.tenant_id, at=now, order_id=order.id, payment_url=order.payment_url or "", reason=reason
        )
        await self._storage.transact(lambda uow: uow.outbox.add([event]))


def _next_period(uow: UnitOfWork, who: Principal, now: datetime) -> tuple[int, Plan]:
    """The period to charge and the plan that runs, of the subscription, which is locked."""
    if uow.subscriptions.get(who.tenant_id) is None:
        raise NoActiveSubscription
    subscription = uow.subscriptions.lock(who.tenant_id)
    period = subscription.period_to_renew(now)
    if subscription.plan is None:
        raise NoActiveSubscription
    return period, subscription.plan
