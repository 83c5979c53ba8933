"""Renewals: everything due for a subscription, found in the database, not in a queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import structlog
from attrs import frozen

from echodesk_billing.application.cards import default_card
from echodesk_billing.application.charging import DECLINED, Charge, ChargeSavedCard
from echodesk_billing.domain.customers.card import obstacle
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions import renewals
from echodesk_billing.domain.subscriptions.passing import on_time
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal, Scope
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import GatewayError
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

BATCH = 100
CLAIM = timedelta(minutes=5)
TEND = "tend"


@frozen(kw_only=True)
class Renewed:
    """The result of processing one subscription.

    Args:
        order_id: of the charge, or of the order the customer was asked to pay; None where there was none.
        amount: of that order.
        obstacle: why the customer was asked to pay.
        state: of the subscription now.
        problem: why the bank did not confirm it; reconciliation retries.
    """

    tenant_id: str
    state: str
    order_id: str | None = None
    amount: Money | None = None
    obstacle: str | None = None
    problem: str | None = None


class Renew:
    """Charges due periods, asks the customer where it may not charge, reminds, suspends, ends."""

    def __init__(self, storage: Storage, clock: Clock, charging: ChargeSavedCard, policy: RenewalPolicy) -> None:
        self._storage = storage
        self._clock = clock
        self._charging = charging
        self._policy = policy

    async def run(self) -> AsyncIterator[Renewed]:
        """Process due subscriptions one by one."""
        while batch := await self.claim(BATCH):
            for tenant_id in batch:
                yield await self.tend(tenant_id)
        await self.remind_of_cards()

    async def claim(self, limit: int) -> Sequence[str]:
        """Claim tenants with a due subscription for some minutes."""
        now = await self._clock.now()
        return await self._storage.transact(lambda uow: uow.subscriptions.claim_due(now, now + CLAIM, limit))

    async def enqueue(self, limit: int) -> int:
        """As `claim`, and enqueue a job for each in the same transaction; returns how many."""
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> int:
            tenants = uow.subscriptions.claim_due(now, now + CLAIM, limit)
            uow.queue.put(TEND, tenants)
            return len(tenants)

        return await self._storage.transact(work)

    async def due(self, limit: int) -> Sequence[Renewed]:
        """What `run` would charge or ask for now; changes nothing."""
        now = await self._clock.now()

        def look(uow: UnitOfWork) -> list[Renewed]:
            return [self._foresee(uow, one, now) for one in uow.subscriptions.due(now, limit)]

        return await self._storage.read(look)

    async def tend(self, tenant_id: str) -> Renewed:
        """Process one due subscription. Idempotent, also across processes.

        Source: docs/subscriptions.md; the period's order is unique in the database.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> tuple[Subscription, Charge | None]:
            subscription = uow.subscriptions.lock(tenant_id)
            chargeable = _hindrance(uow, subscription, now) is None
            events = on_time(subscription, now, self._policy, chargeable=chargeable)
            charge, more = self._start(uow, subscription, now, chargeable=chargeable)
            renewals.plan_next(subscription, now, self._policy)
            uow.subscriptions.save(subscription)
            uow.outbox.add([*events, *more])
            return subscription, charge

        subscription, charge = await self._storage.transact(work)
        log.info("subscription.processed", tenant_id=tenant_id, state=subscription.state, due_at=subscription.due_at)
        if charge is None:
            return Renewed(tenant_id=tenant_id, state=subscription.state)
        problem = None
        try:
            await self._charging.submit_order(charge)
        except GatewayError as error:
            problem = str(error)
        return Renewed(
            tenant_id=tenant_id,
            state=subscription.state,
            order_id=charge.order.id,
            amount=charge.order.amount,
            obstacle=charge.obstacle,
            problem=problem,
        )

    async def remind_of_cards(self) -> int:
        """Remind of default cards that expire soon; returns how many."""
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> int:
            cards = uow.cards.to_remind(now, BATCH)
            for card in cards:
                uow.outbox.add(card.remind(now, self._policy))
                uow.cards.save(card)
            return len(cards)

        reminded = 0
        while batch := await self._storage.transact(work):
            reminded += batch
        return reminded

    def _start(
        self, uow: UnitOfWork, subscription: Subscription, now: datetime, *, chargeable: bool
    ) -> tuple[Charge | None, list[Event]]:
        owed = renewals.owed_purchase(subscription, now, self._policy, chargeable=chargeable)
        if owed is None:
            return None, []
        return self._charging.start(uow, _tenant(subscription), subscription, owed, now)

    def _foresee(self, uow: UnitOfWork, subscription: Subscription, now: datetime) -> Renewed:
        hindrance = _hindrance(uow, subscription, now)
        on_time(subscription, now, self._policy, chargeable=hindrance is None)
        owed = renewals.owed_purchase(subscription, now, self._policy, chargeable=hindrance is None)
        asks = owed is not None and owed.purpose is Purpose.MANUAL
        return Renewed(
            tenant_id=subscription.tenant_id,
            state=subscription.state,
            amount=owed.plan.price if owed else None,
            obstacle=DECLINED if asks else hindrance,
        )


def _hindrance(uow: UnitOfWork, subscription: Subscription, now: datetime) -> str | None:
    """Why the next period cannot be charged to the tenant's default card."""
    if not subscription.is_running:
        return "nothing more is charged"
    price = subscription.plan_of(subscription.first_unpaid(now)).price
    return obstacle(default_card(uow, subscription.tenant_id), price, now)


def _tenant(subscription: Subscription) -> Principal:
    return Principal(
        tenant_id=subscription.tenant_id,
        tenant_name=subscription.tenant_id,
        user_id="worker",
        scopes=frozenset({Scope.WRITE}),
    )
