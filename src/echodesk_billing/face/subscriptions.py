"""Subscriptions: status and changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from echodesk_billing.application.changes import Changed, Wanted, When
from echodesk_billing.application.views import SubscriptionView
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.face.base import LIBRARY, Face, checks_arguments, choice


@checks_arguments
class Subscriptions(Face):
    """Subscriptions: status and changes."""

    async def subscription(self, tenant_id: str) -> SubscriptionView:
        """A tenant's current subscription."""
        return await self._container.views().subscription(self._reader(tenant_id))

    async def cancel(self, tenant_id: str, *, immediately: bool = False, by: str = LIBRARY) -> Subscription:
        """Cancel a tenant's subscription, by default when the paid period ends.

        Args:
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: the tenant has none.
        """
        subscription = await self._container.cancel().cancel(self._writer(tenant_id, "", by), immediately=immediately)
        await self._announce()
        return subscription

    async def resume(self, tenant_id: str, *, reason: str = "", by: str = LIBRARY) -> Subscription:
        """Undo a cancellation, until the paid time ends; end a pause, or take a planned one back.

        Args:
            reason: for the record.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: the tenant has none, or it has ended.
            IllegalTransition: it is neither cancelled nor paused.
        """
        subscription = await self._container.cancel().resume(self._writer(tenant_id, "", by), reason)
        await self._announce()
        return subscription

    async def start_trial(
        self,
        tenant_id: str,
        *,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        interval: int = 1,
        currency: str = "GEL",
        by: str = LIBRARY,
    ) -> Subscription:
        """Start a tenant's one free trial of `BILLING_TRIAL_DAYS` days.

        Args:
            by: who asks, for the record.

        Raises:
            InvalidSelection: it is not in the catalogue.
            TrialRefused: trials are disabled, or the tenant already had one or a subscription.
        """
        selection = Selection(package_id=package_id, features=features, seats=seats, interval=interval)
        subscription = await self._container.start_trial().start(
            self._writer(tenant_id, tenant_name, by), selection, currency=choice(Currency, currency, "currency")
        )
        await self._announce()
        return subscription

    async def preview_change(
        self,
        tenant_id: str,
        *,
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int | None = None,
        interval: int | None = None,
        coupon: str = "",
    ) -> Changed:
        """Preview a change of plan, exact to the tetri and the day.

        Args:
            package_id: the new package, or give `features`; the current plan where neither is given.
            seats: how many agents; unchanged where None.
            interval: months that are paid at a time; unchanged where None.
            coupon: a code to redeem; empty without one.

        Raises:
            NoActiveSubscription: the tenant has none.
            InvalidSelection: it is not in the catalogue, or the coupon cannot be redeemed.
            ChangeRefused: it equals the current plan.
        """
        return await self._container.change_plan().preview(
            self._reader(tenant_id), wanted_selection(package_id, features, seats, interval), coupon
        )

    async def change_plan(
        self,
        tenant_id: str,
        when: When | str = When.NOW_IF_MORE_EXPENSIVE,
        *,
        tenant_name: str = "",
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int | None = None,
        interval: int | None = None,
        effective: date | None = None,
        coupon: str = "",
        idempotency_key: str | None = None,
        by: str = LIBRARY,
    ) -> Changed:
        """Change the plan: now, paid at `order.payment_url`, or from the next period.

        Args:
            when: `now`, `later`, or `now if more expensive`.
            package_id: the new package, or give `features`; the current plan where neither is given.
            seats: how many agents; unchanged where None.
            interval: months that are paid at a time; unchanged where None.
            effective: earliest day of a scheduled change.
            coupon: a code to redeem with the payment; empty without one.
            idempotency_key: your own key for this call. Repeating it, whatever the outcome, returns the
                same order and never creates another.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: the tenant has none.
            InvalidSelection: it is not in the catalogue.
            ChangeRefused: it equals the current plan, or is not an upgrade.
            GatewayError: the bank returned no payment page.
        """
        wanted = wanted_selection(package_id, features, seats, interval)
        changed = await self._container.change_plan().change(
            self._writer(tenant_id, tenant_name, by),
            wanted,
            choice(When, when, "when"),
            effective=effective,
            key=idempotency_key,
            coupon=coupon,
        )
        await self._announce()
        return changed

    async def drop_scheduled_change(self, tenant_id: str, *, by: str = LIBRARY) -> Subscription:
        """Cancel scheduled changes.

        Args:
            by: who asks, for the record.

        Raises:
            NothingScheduled: no change is scheduled.
        """
        return await self._container.change_plan().drop_schedule(self._writer(tenant_id, "", by))

    async def add_feature(
        self,
        tenant_id: str,
        feature_id: int,
        when: When | str = When.NOW,
        *,
        tenant_name: str = "",
        idempotency_key: str | None = None,
        by: str = LIBRARY,
    ) -> Changed:
        """Add one feature to a subscription that is a set of features.

        Args:
            feature_id: its id in the catalogue.
            when: `now`, paid at `order.payment_url`, or `later`, from the next period.
            idempotency_key: your own key for this call. Repeating it, whatever the outcome, returns the
                same order and never creates another.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: the tenant has none.
            InvalidSelection: it is not sold, is already included, or the subscription is a package.
            GatewayError: the bank returned no payment page.
        """
        who = self._writer(tenant_id, tenant_name, by)
        chosen = choice(When, when, "when")
        _, changed = await self._container.change_plan().add_feature(who, feature_id, chosen, key=idempotency_key)
        await self._announce()
        return changed

    async def remove_feature(self, tenant_id: str, feature_id: int, *, by: str = LIBRARY) -> Changed:
        """Remove one feature from the next period; also one that is no longer sold.

        Args:
            feature_id: its id in the catalogue.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: the tenant has none.
            InvalidSelection: it is not included, is the last one, or the subscription is a package.
        """
        _, changed = await self._container.change_plan().remove_feature(self._writer(tenant_id, "", by), feature_id)
        await self._announce()
        return changed

    async def events(
        self, tenant_id: str, *, after: str | None = None, wait: timedelta = timedelta(0)
    ) -> Sequence[Event]:
        """A tenant's events after a given one, oldest first, at most 100; continue with the last one's `id`.

        Args:
            after: the `id` of the last event read; from the first where None.
            wait: how long to wait for a new event, up to 30 seconds.
        """
        views = self._container.views()
        return await views.events(self._reader(tenant_id), after, wait, lambda: False)


def wanted_selection(
    package_id: int | None, features: Sequence[str], seats: int | None, interval: int | None
) -> Wanted:
    """The new selection, based on the current one."""
    return lambda has: has.changed(package_id=package_id, features=features or None, seats=seats, interval=interval)
