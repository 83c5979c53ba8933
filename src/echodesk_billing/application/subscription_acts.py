"""What an operator may do about a subscription: give days, make its plan complimentary, pause it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import structlog
from attrs import evolve

from echodesk_billing.application.on_subscription import Change, Foreseen, OnSubscription, lock
from echodesk_billing.application.payment_requests import PaymentRequestBuilder
from echodesk_billing.domain.catalogue import pricing
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.subscriptions import complimenting, gifts, pausing
from echodesk_billing.domain.subscriptions.passing import on_time
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Answer, Storage, UnitOfWork

log = structlog.get_logger()

KEY_KEPT = timedelta(hours=24)


class SubscriptionActs:
    """Acts of an operator, each recorded with who did it.

    Args:
        paused_access: whether a tenant has access during a pause.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        subscriptions: OnSubscription,
        requests: PaymentRequestBuilder,
        *,
        paused_access: bool,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._subscriptions = subscriptions
        self._requests = requests
        self._paused_access = paused_access

    async def preview_days(self, by: Principal, tenant_id: str, days: int, reason: str) -> Foreseen:
        """What `give_days` would do; it raises the same errors."""
        return await self._subscriptions.preview(
            tenant_id, lambda one, now: gifts.give_days(one, days, reason, by.name, now)
        )

    async def preview_complimentary(
        self, by: Principal, tenant_id: str, reason: str, *, until: date | None = None
    ) -> Foreseen:
        """What `make_complimentary` would do to the tenant's own plan; it raises the same errors."""
        return await self._subscriptions.preview(
            tenant_id,
            lambda one, now: [
                *on_time(one, now),
                *complimenting.make_complimentary(one, None, until, reason, by.name, now),
            ],
        )

    async def preview_pause(self, by: Principal, tenant_id: str, reason: str, *, until: date | None = None) -> Foreseen:
        """What `pause` would do; it raises the same errors."""
        return await self._subscriptions.preview(tenant_id, self._pausing(by, reason, until))

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
            subscription = lock(uow, tenant_id)
            if key is None or _is_first(uow, tenant_id, key, now):
                events = gifts.give_days(subscription, days, reason, by.name, now)
                self._subscriptions.save(uow, subscription, events, now, by.name)
            return subscription

        subscription = await self._storage.transact(work)
        log.info("subscription.days_given", tenant_id=tenant_id, days=days, by=by.name)
        return subscription

    async def make_complimentary(
        self,
        by: Principal,
        tenant_id: str,
        reason: str,
        *,
        until: date | None = None,
        selection: Selection | None = None,
        currency: Currency = Currency.GEL,
    ) -> Subscription:
        """Charge a tenant nothing after its paid time. Idempotent.

        Args:
            reason: for the record.
            until: the day from which it is charged again; None for good.
            selection: the plan of a tenant that has none.
            currency: of that plan.

        Raises:
            NoActiveSubscription: the tenant has no plan, and none is given.
            ChangeRefused: a plan is given, and the tenant has one.
            InvalidSelection: the plan is not sold, the day is not possible, or the reason is empty.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Subscription:
            plan = None if selection is None else pricing.plan(uow.catalogues.current(), selection, currency)
            if plan is not None:
                uow.subscriptions.add(self._requests.subscription(by.acting_for(tenant_id)))
            subscription = lock(uow, tenant_id)
            events = on_time(subscription, now)
            events += complimenting.make_complimentary(subscription, plan, until, reason, by.name, now)
            self._subscriptions.save(uow, subscription, events, now, by.name)
            return subscription

        subscription = await self._storage.transact(work)
        log.info("subscription.complimentary", tenant_id=tenant_id, until=until, by=by.name)
        return subscription

    async def pause(self, by: Principal, tenant_id: str, reason: str, *, until: date | None = None) -> Subscription:
        """Pause a subscription at the end of its paid time, or change until when. Idempotent.

        Args:
            reason: for the record.
            until: the day on which it ends by itself; None until it is resumed.

        Raises:
            NoActiveSubscription: the tenant has none.
            ChangeRefused: it is not paid, or complimentary.
            InvalidSelection: the day is not possible, or the reason is empty.
        """
        subscription = await self._subscriptions.change(tenant_id, self._pausing(by, reason, until), by.name)
        log.info("subscription.pause_planned", tenant_id=tenant_id, until=until, by=by.name)
        return subscription

    def _pausing(self, by: Principal, reason: str, until: date | None) -> Change:
        return lambda running, now: [
            *on_time(running, now),
            *pausing.plan_pause(running, until, reason, by.name, now, keeps_access=self._paused_access),
        ]


def _is_first(uow: UnitOfWork, tenant_id: str, key: str, now: datetime) -> bool:
    """Whether a gift is given under a key for the first time."""
    identity = derived_key(f"{tenant_id} {key}", "gift")
    claim = Answer(owner=f"gift {tenant_id}", key=key, identity=identity, request_digest="", created_at=now)
    return uow.answers.claim(evolve(claim, claimed_at=now), now - KEY_KEPT, now - KEY_KEPT)[1]
