"""What an operator may do: give days, retry a charge now, refund and cancel in one step."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from attrs import evolve

from echodesk_billing.application.cards import default_card
from echodesk_billing.application.charging import Charge, ChargeSavedCard
from echodesk_billing.application.refunds import RefundPayment
from echodesk_billing.domain.customers.card import obstacle
from echodesk_billing.domain.errors import ChangeRefused, NoActiveSubscription
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.refund import Refund
from echodesk_billing.domain.subscriptions import gifts, offers, renewals
from echodesk_billing.domain.subscriptions.cancellation import cancel
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, require_configured
from echodesk_billing.ports.storage import Answer, Storage, UnitOfWork

log = structlog.get_logger()

KEY_KEPT = timedelta(hours=24)


class OperatorActs:
    """Acts of an operator, each recorded with who did it."""

    def __init__(
        self,
        storage: Storage,
        gateway: Gateway,
        clock: Clock,
        charging: ChargeSavedCard,
        refunds: RefundPayment,
        policy: RenewalPolicy,
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._charging = charging
        self._refunds = refunds
        self._policy = policy

    async def give_days(
        self, by: Principal, tenant_id: str, days: int, reason: str, *, key: str | None = None
    ) -> Subscription:
        """Give days of access.

        Args:
            key: of this gift; repeating it within a day gives nothing more.

        Raises:
            NoActiveSubscription: the tenant has none that was ever paid or tried.
            InvalidSelection: the number of days is not possible, or the reason is empty.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Subscription:
            subscription = _lock(uow, tenant_id)
            if key is not None and not _is_first(uow, tenant_id, key, now):
                return subscription
            events = gifts.give_days(subscription, days, reason, by.name, now)
            renewals.plan_next(subscription, now, self._policy)
            uow.subscriptions.save(subscription)
            uow.outbox.add(events, by.name)
            return subscription

        subscription = await self._storage.transact(work)
        log.info("subscription.days_given", tenant_id=tenant_id, days=days, by=by.name)
        return subscription

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
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> None:
            if uow.subscriptions.get(tenant_id) is None:
                return
            subscription = uow.subscriptions.lock(tenant_id)
            if subscription.state in (SubscriptionState.INCOMPLETE, SubscriptionState.ENDED):
                return
            events = cancel(subscription, now, immediately=True)
            renewals.plan_next(subscription, now, self._policy)
            uow.subscriptions.save(subscription)
            uow.outbox.add(events, by.name)

        await self._storage.transact(work)
        log.info("subscription.cancelled", tenant_id=tenant_id, immediately=True, by=by.name)

    async def retry(self, by: Principal, tenant_id: str) -> Order:
        """Charge the saved card for the owed period now, instead of at the next planned try.

        Repeating it while the bank has not answered returns the same order.

        Raises:
            NoActiveSubscription: nothing renews.
            ChangeRefused: nothing is owed, or the card cannot be charged; the message says why.
            GatewayError: the bank did not confirm the charge; reconciliation settles the order.
        """
        require_configured(self._gateway)
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Charge:
            subscription = _lock(uow, tenant_id)
            owed = evolve(offers.renewal(subscription, now), purpose=Purpose.RENEWAL)
            if now < subscription.term.end:
                raise ChangeRefused(f"Nothing is owed: it is paid until {subscription.term.end:%Y-%m-%d}")
            if hindrance := obstacle(default_card(uow, tenant_id), owed.plan.price, now):
                raise ChangeRefused(f"The card cannot be charged: {hindrance}")
            who = Principal(tenant_id=tenant_id, tenant_name="", user_id=by.name, scopes=by.scopes)
            charge, events = self._charging.start(uow, who, subscription, owed, now)
            renewals.plan_next(subscription, now, self._policy)
            uow.subscriptions.save(subscription)
            uow.outbox.add(events, by.name)
            return charge

        charge = await self._storage.transact(work)
        log.info("charge.retried", tenant_id=tenant_id, order_id=charge.order.id, by=by.name)
        return await self._charging.submit_order(charge)


def _lock(uow: UnitOfWork, tenant_id: str) -> Subscription:
    if uow.subscriptions.get(tenant_id) is None:
        raise NoActiveSubscription
    return uow.subscriptions.lock(tenant_id)


def _is_first(uow: UnitOfWork, tenant_id: str, key: str, now: datetime) -> bool:
    """Whether a gift is given under a key for the first time."""
    identity = derived_key(f"{tenant_id} {key}", "gift")
    claim = Answer(owner=f"gift {tenant_id}", key=key, identity=identity, request_digest="", created_at=now)
    return uow.answers.claim(evolve(claim, claimed_at=now), now - KEY_KEPT, now - KEY_KEPT)[1]
