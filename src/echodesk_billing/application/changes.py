"""Changing a subscription: plan, seats, features, trial, cancellation, resumption."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable
from datetime import date, datetime

import structlog
from attrs import evolve, frozen

from echodesk_billing.application import coupons
from echodesk_billing.application.checkout import Checkout
from echodesk_billing.application.on_subscription import Foreseen, OnSubscription, lock
from echodesk_billing.application.payment_requests import PaymentRequestBuilder, Terms
from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.catalogue import pricing
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.catalogue.pricing import Item, Plan, Selection
from echodesk_billing.domain.errors import ChangeRefused, FeatureRequired, InvalidSelection, NoActiveSubscription
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.return_pages import Returning
from echodesk_billing.domain.subscriptions import changes, offers, trials
from echodesk_billing.domain.subscriptions.cancellation import cancel, resume
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.purchase import Preview, Purchase
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

COUPON_NEEDS_PAYMENT = "A coupon is redeemed with a payment, and this change begins later: leave the coupon out"

Wanted = Callable[[Selection], Selection]


class When(enum.StrEnum):
    """When a change takes effect: now, from the next period, or now only where it costs more."""

    NOW = "now"
    LATER = "later"
    NOW_IF_MORE_EXPENSIVE = "now if more expensive"


@frozen(kw_only=True)
class Changed:
    """A change of plan.

    Args:
        before: the plan in effect when it was requested.
        preview: its effect.
        time_zone: of the subscription, for dates shown to the customer.
        order: to be paid now; None where the change is scheduled.
    """

    before: Plan
    preview: Preview
    time_zone: str
    order: Order | None = None


class ChangePlan:
    """Upgrades that take effect now, and changes from the next period. A preview gives the exact figures first."""

    def __init__(self, storage: Storage, clock: Clock, checkout: Checkout, policy: RenewalPolicy) -> None:
        self._storage = storage
        self._clock = clock
        self._checkout = checkout
        self._subscriptions = OnSubscription(storage, clock, policy)

    async def preview(self, who: Principal, wanted: Wanted, coupon: str = "") -> Changed:
        """Preview a change.

        Args:
            wanted: makes the new selection from the current one.
            coupon: a code to redeem; empty without one.

        Raises:
            NoActiveSubscription: the tenant has none.
            InvalidSelection: it is not in the catalogue, or the coupon cannot be redeemed.
            ChangeRefused: it equals the current plan, or is priced in another currency.
        """
        now = await self._clock.now()

        def look(uow: UnitOfWork) -> Changed:
            subscription = _running(uow, who)
            foreseen = _foresee(subscription, uow.catalogues.current(), wanted, now)
            return _with_coupon(uow, subscription, foreseen, coupon, now) if coupon else foreseen

        return await self._storage.read(look)

    async def change(
        self,
        who: Principal,
        wanted: Wanted,
        when: When,
        *,
        effective: date | datetime | None = None,
        key: str | None = None,
        returning: Returning = Returning.PAYMENT,
        coupon: str = "",
    ) -> Changed:
        """Change the plan.

        Args:
            wanted: makes the new selection from the current or last requested one.
            effective: earliest day of a scheduled change; of an aware datetime, its day in the subscription's
                time zone.
            key: the caller's idempotency key, for changes that are paid now.
            returning: which pages the browser comes back to after paying.
            coupon: a code to redeem with the payment; empty without one.

        Raises:
            NoActiveSubscription: the tenant has none.
            InvalidSelection: it is not in the catalogue, or the coupon cannot be redeemed.
            ChangeRefused: it equals the current plan, is priced in another currency, or is not an upgrade.
            GatewayError: the bank did not return a payment page.
        """
        if (known := await self._known(who, key)) is not None:
            return known
        foreseen = await self.preview(who, wanted) if when is not When.LATER else None
        if foreseen is not None and (when is When.NOW or foreseen.preview.is_immediate):
            return await self._upgrade(who, wanted, key, Terms(returning=returning, coupon=coupon))
        if coupon:
            raise InvalidSelection("coupon", COUPON_NEEDS_PAYMENT)
        return await self._schedule(who, wanted, effective)

    async def add_feature(
        self, who: Principal, feature_id: int, when: When, *, key: str | None = None
    ) -> tuple[Item, Changed]:
        """Add one feature to the current or last requested selection.

        Args:
            feature_id: its id in the catalogue.
            when: `NOW` to pay and use it at once, `LATER` from the next period.

        Raises:
            NoActiveSubscription: the tenant has none.
            InvalidSelection: it is not sold, or is already included.
            GatewayError: the bank did not return a payment page.
        """
        item = await self._feature(who, feature_id)
        changed = await self.change(
            who, lambda has: has.with_feature(item.key), when, key=key, returning=Returning.FEATURE
        )
        return item, changed

    async def remove_feature(self, who: Principal, feature_id: int) -> tuple[Item, Changed]:
        """Remove one feature from the next period; also one that is no longer sold.

        Raises:
            NoActiveSubscription: the tenant has none.
            FeatureRequired: every set of features has it.
            InvalidSelection: it is not included, or is the last one.
        """
        item = await self._feature(who, feature_id)

        def without(has: Selection) -> Selection:
            left = has.without_feature(item.key)
            if item.is_required and has.package_id is None:
                raise FeatureRequired(item.name)
            return left

        return item, await self.change(who, without, When.LATER)

    async def _feature(self, who: Principal, feature_id: int) -> Item:
        """The tenant's feature with this id, else the one on sale."""
        now = await self._clock.now()

        def look(uow: UnitOfWork) -> Item:
            subscription = _running(uow, who)
            if (item := offers.kept_feature(subscription, feature_id, now)) is not None:
                return item
            catalogue = uow.catalogues.current()
            currency = subscription.running_plan(now).price.currency
            return pricing.feature_item(catalogue, catalogue.feature_by_id(feature_id).key, currency)

        return await self._storage.read(look)

    async def drop_schedule(self, who: Principal) -> Subscription:
        """Cancel scheduled changes.

        Raises:
            NoActiveSubscription: the tenant has none.
            NothingScheduled: no change is scheduled.
        """
        return await self._subscriptions.change(who.tenant_id, changes.drop_schedule, who.name)

    async def _known(self, who: Principal, key: str | None) -> Changed | None:
        """The change made under the caller's idempotency key, whatever its outcome."""
        order = await self._checkout.known(who, key)
        if order is None or order.plan is None:
            return None
        now = await self._clock.now()
        subscription = await self._storage.read(lambda uow: uow.subscriptions.get(who.tenant_id))
        until = subscription.paid_until if subscription else None
        preview = Preview(plan=order.plan, is_immediate=True, effective_at=now, extra_days=0, paid_until=until or now)
        before = (subscription and subscription.plan) or order.plan
        zone = subscription.time_zone if subscription else "UTC"
        order = await self._checkout.carry_on(order)
        return Changed(before=before, preview=preview, time_zone=zone, order=order)

    async def _upgrade(self, who: Principal, wanted: Wanted, key: str | None, terms: Terms) -> Changed:
        foreseen: list[Changed] = []

        def decide(subscription: Subscription, catalogue: Catalogue, now: datetime) -> Purchase:
            foreseen[:] = [_foresee(subscription, catalogue, wanted, now)]
            return offers.upgrade(subscription, foreseen[0].preview.plan, now, catalogue)

        order = await self._checkout.start(who, decide, terms=terms, key=key, known=True)
        preview = foreseen[0].preview
        if order.plan is not None and order.pays_until is not None and order.request.coupon:
            preview = _redeemed(preview, order.plan, order.request.free_days, order.pays_until)
        return evolve(foreseen[0], preview=preview, order=order)

    async def _schedule(self, who: Principal, wanted: Wanted, effective: date | datetime | None) -> Changed:
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Changed:
            subscription = lock(uow, who.tenant_id)
            has = changes.planned(subscription)
            if has is None:
                raise NoActiveSubscription
            before = plan = subscription.running_plan(now)
            catalogue = uow.catalogues.current()
            if not plan.is_of(wanted(has)) or not subscription.changes:
                plan = pricing.plan(catalogue, wanted(has), before.price.currency, offers.kept_plans(subscription, now))
            if plan.selection == has:
                raise ChangeRefused(f"{plan.name} with the same seats is already in force or scheduled")
            day = _day(effective, subscription.time_zone)
            replaced = changes.would_replace(subscription, plan, now, day)
            events = changes.schedule(subscription, plan, now, day, catalogue)
            self._subscriptions.save(uow, subscription, events, now, who.name)
            preview = evolve(changes.scheduled(subscription, plan, now), replaces=replaced)
            return Changed(before=before, preview=preview, time_zone=subscription.time_zone)

        changed = await self._storage.transact(work)
        log.info("subscription.change_scheduled", tenant_id=who.tenant_id, plan=changed.preview.plan.name)
        return changed


class Cancel:
    """Cancels a subscription, by default at the end of the paid period, and resumes it."""

    def __init__(self, subscriptions: OnSubscription) -> None:
        self._subscriptions = subscriptions

    async def cancel(self, who: Principal, *, immediately: bool = False) -> Subscription:
        """Cancel the tenant's subscription. Idempotent.

        Raises:
            NoActiveSubscription: the tenant has none.
        """
        subscription = await self._subscriptions.change(
            who.tenant_id, lambda running, now: cancel(running, now, immediately=immediately), who.name
        )
        log.info("subscription.cancelled", tenant_id=who.tenant_id, immediately=immediately)
        return subscription

    async def preview(self, who: Principal, *, immediately: bool) -> Foreseen:
        """What `cancel` would do; it raises the same errors."""
        return await self._subscriptions.preview(
            who.tenant_id, lambda running, now: cancel(running, now, immediately=immediately)
        )

    async def preview_resume(self, who: Principal) -> Foreseen:
        """What `resume` would do; it raises the same errors."""
        return await self._subscriptions.preview(who.tenant_id, resume)

    async def resume(self, who: Principal, reason: str = "") -> Subscription:
        """Undo a cancellation, until the paid time ends; end a pause, or take a planned one back.

        Args:
            reason: for the record.

        Raises:
            NoActiveSubscription: the tenant has none, or it has ended.
            IllegalTransition: it is neither cancelled nor paused.
        """
        subscription = await self._subscriptions.change(
            who.tenant_id, lambda stopped, now: resume(stopped, now, reason), who.name
        )
        log.info("subscription.resumed", tenant_id=who.tenant_id)
        return subscription


class StartTrial:
    """Starts a tenant's one free trial."""

    def __init__(self, storage: Storage, clock: Clock, requests: PaymentRequestBuilder, policy: RenewalPolicy) -> None:
        self._storage = storage
        self._clock = clock
        self._requests = requests
        self._policy = policy
        self._subscriptions = OnSubscription(storage, clock, policy)

    async def start(self, who: Principal, selection: Selection, *, currency: Currency = Currency.GEL) -> Subscription:
        """Start the tenant's trial.

        Raises:
            InvalidSelection: it is not in the catalogue.
            TrialRefused: trials are disabled, or the tenant already had one or a subscription.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Subscription:
            plan = pricing.plan(uow.catalogues.current(), selection, currency)
            uow.subscriptions.add(self._requests.subscription(who))
            subscription = uow.subscriptions.lock(who.tenant_id)
            events = trials.start_trial(subscription, plan, self._policy, now)
            self._subscriptions.save(uow, subscription, events, now, who.name)
            return subscription

        subscription = await self._storage.transact(work)
        log.info("trial.started", tenant_id=who.tenant_id, ends_at=subscription.trial_ends_at)
        return subscription


def _running(uow: UnitOfWork, who: Principal) -> Subscription:
    subscription = uow.subscriptions.get(who.tenant_id)
    if subscription is None or not subscription.is_running:
        raise NoActiveSubscription
    return subscription


def _foresee(subscription: Subscription, catalogue: Catalogue, wanted: Wanted, now: datetime) -> Changed:
    before = subscription.running_plan(now)
    plan = pricing.plan(
        catalogue, wanted(before.selection), before.price.currency, offers.kept_plans(subscription, now)
    )
    preview = offers.preview(subscription, plan, now, catalogue)
    return Changed(before=before, preview=preview, time_zone=subscription.time_zone)


def _with_coupon(uow: UnitOfWork, subscription: Subscription, foreseen: Changed, code: str, now: datetime) -> Changed:
    preview = foreseen.preview
    if not preview.is_immediate:
        raise InvalidSelection("coupon", COUPON_NEEDS_PAYMENT)
    wanted = offers.upgrade(subscription, preview.plan, now, uow.catalogues.current())
    bought = coupons.redeemed(uow, code, subscription.tenant_id, wanted, now)
    until = offers.pays_until(subscription, bought, now)
    return evolve(foreseen, preview=_redeemed(preview, bought.plan, bought.free_days, until))


def _redeemed(preview: Preview, plan: Plan, free_days: int, paid_until: datetime) -> Preview:
    """A preview with what a coupon gives."""
    days = preview.extra_days + free_days
    return evolve(preview, plan=plan, extra_days=days, free_days=free_days, paid_until=paid_until)


def _day(effective: date | datetime | None, time_zone: str) -> date | None:
    if not isinstance(effective, datetime):
        return effective
    with contextlib.suppress(OverflowError):  # at either end of the calendar: then its own day
        return effective.date() if effective.tzinfo is None else local_date(effective, time_zone)
    return effective.date()
