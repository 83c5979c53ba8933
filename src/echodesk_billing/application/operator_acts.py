"""What an operator may do about payments: retry a charge now, refund and cancel in one step."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import structlog
from attrs import evolve

from echodesk_billing.application.cards import default_card
from echodesk_billing.application.charging import Charge, ChargeSavedCard
from echodesk_billing.application.on_subscription import OnSubscription, lock
from echodesk_billing.application.refunds import RefundPayment
from echodesk_billing.domain.customers.card import Card, obstacle
from echodesk_billing.domain.errors import ChangeRefused, NoActiveSubscription
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.refund import Refund
from echodesk_billing.domain.orders.report import Source
from echodesk_billing.domain.subscriptions import offers
from echodesk_billing.domain.subscriptions.cancellation import cancel
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.purchase import Purchase
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, require_configured
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()


class OperatorActs:
    """Acts of an operator, each recorded with who did it."""

    def __init__(
        self,
        storage: Storage,
        gateway: Gateway,
        clock: Clock,
        charging: ChargeSavedCard,
        refunds: RefundPayment,
        subscriptions: OnSubscription,
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._charging = charging
        self._refunds = refunds
        self._subscriptions = subscriptions

    async def refund(
        self,
        by: Principal,
        order_id: str,
        amount: Decimal | None = None,
        reason: str = "",
        *,
        refund_id: str | None = None,
        cancel_subscription: bool = False,
    ) -> tuple[Order, Refund]:
        """Refund a payment, and, where that is asked for, end the tenant's subscription once the bank has taken it on.

        Where the outcome of the refund is unknown, nothing is cancelled yet: repeat it with the same `refund_id`.

        Args:
            amount: in the order's currency; everything left where None.
            reason: why, for the history.
            refund_id: a UUID v4 chosen by the caller; repeating it refunds once.

        Raises:
            as `RefundPayment.refund`.
        """
        order, refund = await self._refunds.refund(by, order_id, amount, reason, refund_id=refund_id)
        if cancel_subscription:
            await self._cancel(by, order.tenant_id)
        return order, refund

    async def _cancel(self, by: Principal, tenant_id: str) -> None:
        """End a subscription now, unless it has ended."""

        def end(subscription: Subscription, now: datetime) -> Sequence[Event]:
            if subscription.state in (SubscriptionState.INCOMPLETE, SubscriptionState.ENDED):
                return []
            return cancel(subscription, now, immediately=True)

        with contextlib.suppress(NoActiveSubscription):
            await self._subscriptions.change(tenant_id, end, by.name)
            log.info("subscription.cancelled", tenant_id=tenant_id, immediately=True, by=by.name)

    async def preview_retry(self, tenant_id: str) -> tuple[Money, Card]:
        """What `retry` would charge, and to which card.

        Raises:
            NoActiveSubscription: nothing renews.
            ChangeRefused: nothing is owed, or the card cannot be charged; the message says why.
        """
        now = await self._clock.now()

        def look(uow: UnitOfWork) -> tuple[Money, Card]:
            subscription = uow.subscriptions.get(tenant_id)
            if subscription is None:
                raise NoActiveSubscription
            owed, card = _owed(subscription, now), default_card(uow, tenant_id)
            hindrance = obstacle(card, owed.plan.price, now)
            if card is None or hindrance:
                raise ChangeRefused(f"The card cannot be charged: {hindrance}")
            return owed.plan.price, card

        return await self._storage.read(look)

    async def retry(self, by: Principal, tenant_id: str, reason: str = "") -> Order:
        """Charge the saved card for the owed period now, instead of at the next planned try.

        Repeating it while the bank has not answered returns the same order.

        Args:
            reason: for the order's history.

        Raises:
            NoActiveSubscription: nothing renews.
            ChangeRefused: nothing is owed, or the card cannot be charged; the message says why.
            GatewayError: the bank did not confirm the charge; reconciliation settles the order.
        """
        require_configured(self._gateway)
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Charge:
            subscription = lock(uow, tenant_id)
            owed = _owed(subscription, now)
            if hindrance := obstacle(default_card(uow, tenant_id), owed.plan.price, now):
                raise ChangeRefused(f"The card cannot be charged: {hindrance}")
            charge, events = self._charging.start(uow, by.acting_for(tenant_id), subscription, owed, now)
            if charge.is_new:
                charge.order.note("retry_requested", Source.REQUEST, now, reason, by=by.name)
                uow.orders.save(charge.order)
            self._subscriptions.save(uow, subscription, events, now, by.name)
            return charge

        charge = await self._storage.transact(work)
        log.info("charge.retried", tenant_id=tenant_id, order_id=charge.order.id, by=by.name)
        return await self._charging.submit_order(charge)


def _owed(subscription: Subscription, now: datetime) -> Purchase:
    """The period that is owed now.

    Raises:
        NoActiveSubscription: nothing renews.
        ChangeRefused: nothing is owed.
    """
    owed = evolve(offers.renewal(subscription, now), purpose=Purpose.RENEWAL)
    if now < subscription.term.end:
        raise ChangeRefused(f"Nothing is owed: it is paid until {subscription.term.end:%Y-%m-%d}")
    return owed
