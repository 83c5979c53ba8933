"""Payments of a subscription: their effect, and which ones buy nothing.

Source: docs/subscriptions.md, "Periods" and "Changing the plan".
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

from attrs import evolve

from echodesk_billing.domain.calendar import Period
from echodesk_billing.domain.catalogue import pricing
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.events import (
    Event,
    OrderMismatch,
    SubscriptionActivated,
    SubscriptionEnded,
    SubscriptionRenewed,
)
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders import refunding
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions import lifecycle, proration
from echodesk_billing.domain.subscriptions.changes import change_scheduled
from echodesk_billing.domain.subscriptions.dunning import Dunning
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.passing import on_time
from echodesk_billing.domain.subscriptions.proration import PaidPeriod
from echodesk_billing.domain.subscriptions.subscription import Subscription

_S = SubscriptionState


def take_payment(
    subscription: Subscription, order: Order, at: datetime, catalogue: Catalogue | None = None
) -> list[Event]:
    """Apply the payment of the order's period.

    While a subscription is active, the period is added after the paid ones, counted from the anchor, also when paid
    late. Otherwise, and after a gap longer than the grace, a new anchor starts at `at`. Paying for a cancelled
    subscription resumes it. A payment that buys nothing is reported and refunded: a period already paid (two tabs), an
    automatic charge that a cancellation overtook, an upgrade that a larger one overtook.

    Args:
        catalogue: today's prices, on which an upgrade is compared with the current plan.
    """
    if reason := _buys_nothing(subscription, order, at, catalogue):
        if subscription.dunning.charged_period == order.period:
            subscription.dunning = subscription.dunning.not_charging()
        return give_back(order, reason, at)
    events = on_time(subscription, at)
    if order.purpose is Purpose.UPGRADE and subscription.is_paid(at):
        return [*events, *_take_upgrade(subscription, order, at)]
    activates = not subscription.term.has_begun or subscription.state is _S.ENDED or subscription.has_never_paid
    is_anew, is_back = subscription.begins_anew(at), subscription.state in (_S.SUSPENDED, _S.ENDED)
    earlier = () if is_anew else _earlier(subscription, order, at)
    if is_anew:
        _start_anew(subscription, order, at)
    number = subscription.first_unpaid(at)
    if order.purpose is not Purpose.RENEWAL:  # whose number is unique in the database already
        order.period = number
    _run_on(subscription)
    _give_days_first(subscription, order.request.free_days, number)
    subscription.term = subscription.term.paid_through(number)
    subscription.paid = (*earlier, _paid(subscription, order, number))
    plan = _agreed(order, number)
    if activates:
        events += subscription.drop_changes(0, f"{order.plan.name if order.plan else ''} was bought anew", at)
        subscription.start_plan(plan or subscription.plan_of(number), at)
    elif plan is not None:
        events += _hold(subscription, plan, number, at)
        events += subscription.begin_changes(at, order.id)
    _settle_debts(subscription, at)
    kind = SubscriptionActivated if activates else SubscriptionRenewed
    until = subscription.term.end
    monthly = subscription.plan_in_force(at).monthly_price
    paid = kind(
        tenant_id=subscription.tenant_id,
        at=at,
        order_id=order.id,
        paid_until=until,
        monthly_price=monthly,
        is_back=is_back,
    )
    return [*events, paid]


def paid_period(subscription: Subscription, order: Order, at: datetime) -> Period | None:
    """The period that a payment, just taken, pays; an upgrade begins at once. None where it buys nothing."""
    if order.is_given_back or order.period is None:
        return None
    period = subscription.term.period(order.period)
    return evolve(period, start=min(at, period.start)) if order.purpose is Purpose.UPGRADE else period


def take_contest(subscription: Subscription, order: Order, at: datetime) -> list[Event]:
    """End the access that a payment contested at the bank paid; one for time that has passed ends nothing.

    A payment or an operator's gift of days brings the subscription back, and its anchor stays.
    """
    events = on_time(subscription, at)
    if order.is_given_back or order.period is None or subscription.term.period(order.period).end <= at:
        return events
    if subscription.state in (_S.ACTIVE, _S.PAST_DUE):
        return [*events, *subscription.suspend(at)]
    if subscription.state is _S.CANCELLED:
        lifecycle.fire(subscription, "end")
        return [*events, SubscriptionEnded(tenant_id=order.tenant_id, at=at)]
    return events


def give_back(order: Order, reason: str, at: datetime) -> list[Event]:
    """Emit that a payment buys nothing and request its refund, which reconciliation sends to the bank."""
    refunding.give_back(order, reason, at)
    told = f"{reason}: this payment is refunded"
    return [OrderMismatch(tenant_id=order.tenant_id, at=at, order_id=order.id, reason=told)]


def _buys_nothing(subscription: Subscription, order: Order, at: datetime, catalogue: Catalogue | None) -> str | None:
    """Why a payment buys nothing; None where it does."""
    if order.purpose is Purpose.RENEWAL and subscription.state in (_S.CANCELLED, _S.ENDED):
        return "the subscription was cancelled before this charge went through"
    if order.purpose is Purpose.UPGRADE and subscription.is_paid(at):
        running = subscription.plan_in_force(at)
        bought = order.plan or running
        same_currency = bought.price.currency is running.price.currency
        if same_currency and pricing.is_more(bought, running, catalogue):
            return None
        return f"the upgrade is not one any more: {running.name} runs at {running.price}"
    if order.period is None or order.period < subscription.next_period:
        return f"period {order.period} was paid before"
    return None


def _take_upgrade(subscription: Subscription, order: Order, at: datetime) -> list[Event]:
    """Apply a paid upgrade: a new anchor starts after the days that the unused value buys."""
    if order.plan is None:
        raise AssertionError(f"{order.subject} upgrades to nothing")
    then = max(order.created_at, subscription.started_at or at)
    value = max(subscription.unused_value(then), subscription.unused_value(at))
    days = max(subscription.extra_days(order.plan, then), subscription.extra_days(order.plan, at))
    _run_on(subscription)
    number = order.period = subscription.next_period
    plan = _agreed(order, number) or order.plan
    dropped = subscription.drop_changes(0, f"the upgrade to {order.plan.name} replaced it", at)
    term, before = subscription.term, subscription.term.days_after(at, days)
    kept = PaidPeriod(
        period=number - 1, amount=Money.from_minor(ceil(value), order.plan.price.currency), begins=at, ends=before
    )
    days += order.request.free_days
    subscription.term = term.anchored(term.days_after(at, days)).paid_through(number)
    subscription.paid = (*([kept] if value else []), _paid(subscription, order, number))
    subscription.complimentary = None
    subscription.start_plan(plan, at)
    _settle_debts(subscription, at)
    until = subscription.term.end
    renewed = SubscriptionRenewed(
        tenant_id=subscription.tenant_id,
        at=at,
        order_id=order.id,
        paid_until=until,
        monthly_price=plan.monthly_price,
    )
    return [*dropped, subscription.changed(plan, order.id, at, days), renewed]


def _start_anew(subscription: Subscription, order: Order, at: datetime) -> None:
    number = order.period if order.purpose is Purpose.RENEWAL and order.period is not None else 0
    first = max(subscription.next_period, number)
    subscription.term = subscription.term.anchored(subscription.new_anchor(at), first)
    subscription.grace_used, subscription.paid = timedelta(0), ()
    subscription.pause = subscription.complimentary = None
    subscription.hold(subscription.plans)


def _earlier(subscription: Subscription, order: Order, at: datetime) -> tuple[PaidPeriod, ...]:
    """The time with a value before what a payment pays; the rest of a trial has that of the plan that is bought."""
    plan, term = order.plan, subscription.term
    if plan is None or not subscription.has_never_paid or at >= term.end:
        return subscription.paid_time(at)
    return (proration.given(-1, at, term.end, plan.price, term.time_zone, plan.interval),)


def _agreed(order: Order, number: int) -> Plan | None:
    """The plan of an order that pays period `number`, from which the periods of its discount are counted."""
    plan = order.plan
    discount = plan.discount if plan else None
    if plan is None or discount is None or discount.periods is None or discount.ends is not None:
        return plan
    return evolve(plan, discount=evolve(discount, ends=number + discount.periods))


def _give_days_first(subscription: Subscription, days: int, number: int) -> None:
    """Let period `number` begin some days later; the days before it are free."""
    if days:
        term = subscription.term
        subscription.term = term.anchored(term.days_after(term.period(number).start, days), number)
        subscription.hold(subscription.plans)


def _run_on(subscription: Subscription) -> None:
    """Move it to active."""
    match subscription.state:
        case _S.INCOMPLETE | _S.TRIALING | _S.ENDED:
            lifecycle.fire(subscription, "activate")
        case _S.PAST_DUE | _S.SUSPENDED | _S.PAUSED:
            lifecycle.fire(subscription, "recover")
        case _S.CANCELLED:
            lifecycle.fire(subscription, "resume")


def _hold(subscription: Subscription, plan: Plan, number: int, at: datetime) -> list[Event]:
    """Make the paid plan the plan of period `number`."""
    if plan == subscription.plan_of(number):
        return []
    subscription.hold(subscription.plans.hold(plan, number))
    start = subscription.term.period(number).start
    return [] if start <= at else [change_scheduled(subscription, plan, start, at)]


def _paid(subscription: Subscription, order: Order, number: int) -> PaidPeriod:
    """What was paid for period `number`; days before it that a coupon gives have no value."""
    period = subscription.term.period(number)
    return PaidPeriod(period=number, amount=order.captured or order.amount, begins=period.start, ends=period.end)


def _settle_debts(subscription: Subscription, at: datetime) -> None:
    subscription.dunning, subscription.tended_at, subscription.grace_used = Dunning(), at, timedelta(0)
