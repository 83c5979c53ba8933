"""Changing a subscription that runs."""

from __future__ import annotations

import structlog

from echodesk_billing.domain.errors import NoActiveSubscription
from echodesk_billing.domain.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()


class Cancel:
    """Ends a subscription, by default when the paid period does."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def cancel(self, who: Principal, *, immediately: bool = False) -> Subscription:
        """Cancel the subscription of the tenant; cancelling twice is cancelling once.

        Raises:
            NoActiveSubscription: there is none.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Subscription:
            if uow.subscriptions.get(who.tenant_id) is None:
                raise NoActiveSubscription
            subscription = uow.subscriptions.lock(who.tenant_id)
            uow.outbox.add(subscription.cancel(now, immediately=immediately))
            uow.subscriptions.save(subscription)
            return subscription

        subscription = await self._storage.transact(work)
        log.info("subscription.cancelled", tenant_id=who.tenant_id, immediately=immediately)
        return subscription
