"""A tenant's subscription: what is paid, until when, and whether it gives access."""

from __future__ import annotations

from datetime import datetime

from attrs import define

from echodesk_billing.domain import calendar, lifecycle
from echodesk_billing.domain.calendar import Period
from echodesk_billing.domain.errors import NoActiveSubscription, SelectionChangeUnsupported
from echodesk_billing.domain.events import (
    Event,
    OrderMismatch,
    SubscriptionActivated,
    SubscriptionCancelled,
    SubscriptionEnded,
    SubscriptionRenewed,
)
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.lifecycle import SubscriptionState
from echodesk_billing.domain.order import Order
from echodesk_billing.domain.pricing import Plan


@define(kw_only=True)
class Subscription:
    """The one subscription of a tenant.

    Args:
        plan: what it gives, at the price that was agreed; None until the first payment.
        time_zone: whose calendar months are counted, an IANA name.
        anchor: when period `anchor_period` began; never moves while the subscription runs.
        next_period: number of the first period that is not paid. Periods are numbered through the tenant's whole
            life, so a period number is never used twice.
        version: counts the saved changes.

    Source: domain.md, Subscription.
    """

    tenant_id: str
    time_zone: str
    state: SubscriptionState = SubscriptionState.INCOMPLETE
    plan: Plan | None = None
    anchor: datetime | None = None
    anchor_period: int = 0
    next_period: int = 0
    version: int = 0

    @property
    def subject(self) -> str:
        """What error messages call it."""
        return f"the subscription of {self.tenant_id}"

    @property
    def paid_until(self) -> datetime | None:
        """The end of the last paid period; None before the first payment."""
        if self.anchor is None:
            return None
        return self._period(self.anchor, self.next_period - 1).end

    @property
    def upcoming(self) -> Period | None:
        """The next period to pay; None where nothing further is charged."""
        if self.anchor is None or self.state is not SubscriptionState.ACTIVE:
            return None
        return self._period(self.anchor, self.next_period)

    def has_access(self, now: datetime) -> bool:
        """Whether the tenant may use the product: exactly while a paid period runs."""
        running = self.state in (SubscriptionState.ACTIVE, SubscriptionState.CANCELLED)
        return running and self.paid_until is not None and now < self.paid_until

    def period_to_pay(self, plan: Plan, now: datetime) -> int:
        """The number of the period that an order for `plan` made now would pay.

        It is the next that is not paid, or the one that runs now where the paid ones have run out.

        Raises:
            SelectionChangeUnsupported: it runs with another selection.

        Source: domain.md, "Buying while active".
        """
        if self.has_access(now) and self.plan is not None and self.plan.selection != plan.selection:
            raise SelectionChangeUnsupported(self.state)
        return self._first_unpaid(now)

    def period_to_renew(self, now: datetime) -> int:
        """The number of the period that a charge made now would pay.

        Raises:
            NoActiveSubscription: it does not run on.
        """
        if self.state is not SubscriptionState.ACTIVE:
            raise NoActiveSubscription
        return self._first_unpaid(now)

    def on_payment(self, order: Order, at: datetime) -> list[Event]:
        """Take the payment of the period that the order carries.

        While a subscription runs the period is added behind the paid ones, counted from the anchor. Otherwise a
        new anchor starts at `at`. A cancelled subscription that is paid for runs on. A second payment of a period
        that is paid already (two tabs) buys nothing: it is told, and the money goes back.
        """
        if order.period is None or order.period < self.next_period:
            return self._give_back(order, at)
        events = self.on_time(at)
        first = self.state in (SubscriptionState.INCOMPLETE, SubscriptionState.ENDED)
        if first:
            lifecycle.fire(self, "activate")
            self.anchor, self.anchor_period = at, self.next_period
        elif self.state is SubscriptionState.CANCELLED:
            lifecycle.fire(self, "resume")
        self.plan = order.plan
        self.next_period = self._first_unpaid(at) + 1
        paid_until = self._paid_until()
        told: type[SubscriptionActivated | SubscriptionRenewed] = (
            SubscriptionActivated if first else SubscriptionRenewed
        )
        return [*events, told(tenant_id=self.tenant_id, at=at, order_id=order.id, paid_until=paid_until)]

    def on_time(self, now: datetime) -> list[Event]:
        """Do what became due by the passing of time: a cancelled subscription that has run out ends."""
        if self.state is not SubscriptionState.CANCELLED or self.has_access(now):
            return []
        lifecycle.fire(self, "end")
        return [SubscriptionEnded(tenant_id=self.tenant_id, at=now)]

    def cancel(self, at: datetime, *, immediately: bool) -> list[Event]:
        """Charge no further period. Access lasts until the paid one ends, or ends now. Nothing is refunded.

        Raises:
            NoActiveSubscription: there is nothing to cancel.
        """
        if not self.has_access(at):
            raise NoActiveSubscription
        events: list[Event] = []
        if self.state is SubscriptionState.ACTIVE:
            lifecycle.fire(self, "cancel")
            access_until = at if immediately else self._paid_until()
            events.append(SubscriptionCancelled(tenant_id=self.tenant_id, at=at, access_until=access_until))
        if immediately:
            lifecycle.fire(self, "end")
            events.append(SubscriptionEnded(tenant_id=self.tenant_id, at=at))
        return events

    def _give_back(self, order: Order, at: datetime) -> list[Event]:
        """Tell of a payment that buys nothing and ask for its refund, which reconciliation carries to the bank."""
        refund_id = derived_key(order.idempotency_key, "paid twice")
        order.request_refund(None, refund_id=refund_id, reason="paid twice", at=at)
        order.check_at = at
        reason = f"period {order.period} was paid before: this payment is refunded"
        return [OrderMismatch(tenant_id=self.tenant_id, at=at, order_id=order.id, reason=reason)]

    def _first_unpaid(self, now: datetime) -> int:
        """The next period to pay; periods that passed unpaid are not charged for afterwards."""
        if self.anchor is None or self.state is not SubscriptionState.ACTIVE or self.has_access(now):
            return self.next_period
        running = calendar.period_at(self.anchor, self.anchor_period, now, self.time_zone)
        return max(self.next_period, running.number)

    def _period(self, anchor: datetime, number: int) -> Period:
        return calendar.period(anchor, self.anchor_period, number, self.time_zone)

    def _paid_until(self) -> datetime:
        until = self.paid_until
        if until is None:
            raise AssertionError(f"{self.subject} runs without an anchor")
        return until
