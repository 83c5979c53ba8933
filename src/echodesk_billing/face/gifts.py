"""What an operator may do about a subscription."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.subscriptions.purchase import chosen
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.face.base import LIBRARY, Face, checks_arguments, choice, operator


@checks_arguments
class Gifts(Face):
    """What an operator may do about a subscription: days, complimentary plans, pauses."""

    async def give_days(
        self, tenant_id: str, days: int, reason: str, *, key: str | None = None, by: str = LIBRARY
    ) -> Subscription:
        """Give days of access after the paid time, or from now; nothing is charged for them.

        Args:
            days: from 1 to 366.
            reason: for the record.
            key: your own key of this gift; repeating it within a day gives nothing more.
            by: who gives them, for the record.

        Raises:
            NoActiveSubscription: the tenant has none that was ever paid or tried.
            InvalidSelection: the number of days is not possible, or the reason is empty.
        """
        acts, tenant = self._container.subscription_acts(), self._reader(tenant_id).tenant_id
        subscription = await acts.give_days(operator(by), tenant, days, reason, key=key)
        await self._announce()
        return subscription

    async def make_complimentary(
        self,
        tenant_id: str,
        reason: str,
        *,
        until: date | None = None,
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        interval: int = 1,
        currency: str = "GEL",
        by: str = LIBRARY,
    ) -> Subscription:
        """Charge a tenant nothing after its paid time, until a day or for good. Idempotent.

        Args:
            reason: for the record.
            until: the day from which it is charged again; None for good.
            package_id: the plan of a tenant that has none, or give `features`; the tenant's own where neither is given.
            by: who decides, for the record.

        Raises:
            NoActiveSubscription: the tenant has no plan, and none is given.
            ChangeRefused: a plan is given, and the tenant has one.
            InvalidSelection: the plan is not sold, the day is not possible, or the reason is empty.
        """
        selection = chosen(package_id, features, seats, interval)
        subscription = await self._container.subscription_acts().make_complimentary(
            operator(by),
            self._reader(tenant_id).tenant_id,
            reason,
            until=until,
            selection=selection,
            currency=choice(Currency, currency, "currency"),
        )
        await self._announce()
        return subscription

    async def pause(self, tenant_id: str, reason: str, *, until: date | None = None, by: str = LIBRARY) -> Subscription:
        """Pause a subscription at the end of its paid time, or change until when; `resume` ends it. Idempotent.

        Args:
            reason: for the record.
            until: the day on which it ends by itself; None until it is resumed.
            by: who asks, for the record.

        Raises:
            NoActiveSubscription: the tenant has none.
            ChangeRefused: it is not paid, or complimentary.
            InvalidSelection: the day is not possible, or the reason is empty.
        """
        acts, tenant = self._container.subscription_acts(), self._reader(tenant_id).tenant_id
        subscription = await acts.pause(operator(by), tenant, reason, until=until)
        await self._announce()
        return subscription
