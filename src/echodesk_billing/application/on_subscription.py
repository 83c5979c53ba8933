"""Changing one subscription: lock it, ask the domain, plan what is due next, save."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import datetime

from attrs import frozen

from echodesk_billing.domain.errors import NoActiveSubscription
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.subscriptions import renewals
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork

Change = Callable[[Subscription, datetime], Sequence[Event]]


def lock(uow: UnitOfWork, tenant_id: str) -> Subscription:
    """A tenant's subscription, locked.

    Raises:
        NoActiveSubscription: the tenant has none.
    """
    if uow.subscriptions.get(tenant_id) is None:
        raise NoActiveSubscription
    return uow.subscriptions.lock(tenant_id)


@frozen
class Foreseen:
    """What a change would do.

    Args:
        before: the subscription as it is.
        after: as it would be.
    """

    before: Subscription
    after: Subscription


@frozen
class OnSubscription:
    """Changes subscriptions, each in a transaction of its own."""

    storage: Storage
    clock: Clock
    policy: RenewalPolicy

    async def change(self, tenant_id: str, change: Change, by: str) -> Subscription:
        """Change a tenant's subscription.

        Args:
            change: applies it, and returns its events.
            by: who asks for it.

        Raises:
            NoActiveSubscription: the tenant has none.
        """
        now = await self.clock.now()

        def work(uow: UnitOfWork) -> Subscription:
            subscription = lock(uow, tenant_id)
            self.save(uow, subscription, change(subscription, now), now, by)
            return subscription

        return await self.storage.transact(work)

    async def preview(self, tenant_id: str, change: Change) -> Foreseen:
        """What a change would do. Nothing is stored.

        Raises:
            NoActiveSubscription: the tenant has none.
        """
        now = await self.clock.now()

        def work(uow: UnitOfWork) -> Foreseen:
            before = uow.subscriptions.get(tenant_id)
            if before is None:
                raise NoActiveSubscription
            after = deepcopy(before)
            change(after, now)
            renewals.plan_next(after, now, self.policy)
            return Foreseen(before, after)

        return await self.storage.read(work)

    def save(
        self, uow: UnitOfWork, subscription: Subscription, events: Sequence[Event], now: datetime, by: str
    ) -> None:
        """Save a subscription that was changed, with its events."""
        renewals.plan_next(subscription, now, self.policy)
        uow.subscriptions.save(subscription)
        uow.outbox.add(events, by)
