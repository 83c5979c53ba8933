"""Offers: what a tenant may buy or change to, and the effect. Nothing here changes a subscription.

Source: docs/subscriptions.md, "Changing the plan".
"""

from __future__ import annotations

from datetime import datetime

from echodesk_billing.domain.catalogue import pricing
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.catalogue.pricing import Item, Plan, Selection
from echodesk_billing.domain.errors import ChangeRefused, IllegalTransition, InvalidSelection, NoActiveSubscription
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions.changes import effective_period
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.purchase import Preview, Purchase
from echodesk_billing.domain.subscriptions.subscription import Subscription

_S = SubscriptionState


def purchase(
    subscription: Subscription, catalogue: Catalogue, selection: Selection, currency: Currency, now: datetime
) -> Purchase:
    """What buying `selection` means now: a first or further period, an upgrade, or a change paid in advance.

    Raises:
        InvalidSelection: it is not in the catalogue, or paid time in another currency is left.
        ChangeRefused: it is the tenant's plan, which is complimentary for good.
    """
    period = subscription.first_unpaid(now)
    kept = kept_plans(subscription, now)
    for plan in (subscription.plan_of(period), kept[0]) if kept else ():
        if plan.is_of(selection) and plan.price.currency is currency:
            _require_price(subscription)
            return Purchase(purpose=Purpose.SUBSCRIPTION, plan=plan, period=period)
    plan = pricing.plan(catalogue, selection, currency, kept)
    if not subscription.is_paid(now):
        return Purchase(purpose=Purpose.SUBSCRIPTION, plan=plan, period=period)
    running = subscription.plan_in_force(now)
    _require_currency(subscription, currency, running)
    purpose = Purpose.UPGRADE if pricing.is_more(plan, running, catalogue) else Purpose.SUBSCRIPTION
    return Purchase(purpose=purpose, plan=plan, period=period)


def upgrade(subscription: Subscription, plan: Plan, now: datetime, catalogue: Catalogue | None = None) -> Purchase:
    """The purchase of an immediate upgrade to `plan`.

    Args:
        catalogue: today's prices, on which both plans are compared.

    Raises:
        NoActiveSubscription: it is not active.
        ChangeRefused: the plan is not an upgrade of the current one.
    """
    if not preview(subscription, plan, now, catalogue).is_immediate:
        raise ChangeRefused(f"{plan.name} costs no more than the running plan: change from the next period instead")
    purpose = Purpose.UPGRADE if subscription.is_paid(now) else Purpose.SUBSCRIPTION
    return Purchase(purpose=purpose, plan=plan, period=subscription.first_unpaid(now))


def renewal(subscription: Subscription, now: datetime) -> Purchase:
    """The purchase of the next period, at its plan.

    Raises:
        NoActiveSubscription: it does not renew.
        ChangeRefused: its plan is complimentary for good.
    """
    if not (subscription.is_running or subscription.state in (_S.SUSPENDED, _S.PAUSED)):
        raise NoActiveSubscription
    _require_price(subscription)
    period = subscription.first_unpaid(now)
    return Purchase(purpose=Purpose.MANUAL, plan=subscription.plan_of(period), period=period)


def offered(
    subscription: Subscription, catalogue: Catalogue, selection: Selection | None, currency: Currency, now: datetime
) -> Plan:
    """The plan that a proforma invoice asks a period's price for.

    Args:
        selection: the tenant's own plan where None.
        currency: of a selection.

    Raises:
        NoActiveSubscription: the tenant never had a plan, and none is selected.
        InvalidSelection: it is not in the catalogue.
    """
    if selection is not None:
        return purchase(subscription, catalogue, selection, currency, now).plan
    if subscription.is_running or subscription.state is _S.CANCELLED:
        return subscription.plan_of(subscription.first_unpaid(now))
    return reactivation(subscription, catalogue, now).plan


def transferred(subscription: Subscription, plan: Plan, now: datetime, catalogue: Catalogue) -> Purchase:
    """What money that arrived for a period of `plan` buys now: the next unpaid period, or an upgrade at once.

    Raises:
        InvalidSelection: paid time in another currency is left.
    """
    period = subscription.first_unpaid(now)
    if not subscription.is_paid(now) or plan == subscription.plan_of(period):
        return Purchase(purpose=Purpose.MANUAL, plan=plan, period=period)
    running = subscription.plan_in_force(now)
    _require_currency(subscription, plan.price.currency, running)
    is_more = pricing.is_more(plan, running, catalogue)
    return Purchase(purpose=Purpose.UPGRADE if is_more else Purpose.SUBSCRIPTION, plan=plan, period=period)


def reactivation(subscription: Subscription, catalogue: Catalogue, now: datetime) -> Purchase:
    """The purchase that reactivates a subscription: its plan at its price, or at today's price once it has ended.

    Raises:
        NoActiveSubscription: the tenant never had one.
        IllegalTransition: it is neither suspended, paused nor ended.
        InvalidSelection: its plan is no longer sold.
    """
    if subscription.plan is None:
        raise NoActiveSubscription
    if subscription.state in (_S.SUSPENDED, _S.PAUSED):
        return renewal(subscription, now)
    if not _is_over(subscription, now):
        raise IllegalTransition(subscription.subject, "reactivate", subscription.state)
    plan = pricing.plan(catalogue, subscription.plan.selection, subscription.plan.price.currency)
    return Purchase(purpose=Purpose.SUBSCRIPTION, plan=plan, period=subscription.next_period)


def _require_currency(subscription: Subscription, currency: Currency, running: Plan) -> None:
    if running.price.currency is not currency:
        paid_in, until = running.price.currency, subscription.term.local_date(subscription.term.end)
        raise InvalidSelection(
            "currency",
            f"This subscription is paid in {paid_in} until {until}. "
            f"Pay in {paid_in}, or wait until then to switch currency",
        )


def _require_price(subscription: Subscription) -> None:
    if subscription.is_free_for_good:
        raise ChangeRefused("The plan is complimentary: nothing has to be paid")


def kept_plans(subscription: Subscription, now: datetime) -> tuple[Plan, ...]:
    """The plans whose unit prices it keeps: the current one, then scheduled ones; none where it is not active."""
    if subscription.plan is None or subscription.state is _S.INCOMPLETE or _is_over(subscription, now):
        return ()
    return (subscription.plan_in_force(now), *(change.plan for change in subscription.changes))


def _is_over(subscription: Subscription, now: datetime) -> bool:
    """Whether it has ended, or is cancelled and its time has passed."""
    has_run_out = subscription.state is _S.CANCELLED and not subscription.has_access(now)
    return subscription.state is _S.ENDED or has_run_out


def kept_feature(subscription: Subscription, feature_id: int, now: datetime) -> Item | None:
    """The feature with this id that it has or has scheduled, or None."""
    items = (item for plan in kept_plans(subscription, now) for item in plan.items)
    return next((item for item in items if item.key and item.id == feature_id), None)


def pays_until(subscription: Subscription, bought: Purchase, now: datetime) -> datetime:
    """The end of the period that a purchase pays if paid now."""
    if bought.purpose is Purpose.UPGRADE and subscription.is_paid(now):
        days = subscription.extra_days(bought.plan, now) + bought.free_days
        return subscription.term.period_after(now, bought.plan.interval, days)
    if subscription.begins_anew(now):
        return subscription.term.period_after(subscription.new_anchor(now), bought.plan.interval, bought.free_days)
    if bought.free_days:
        start = subscription.term.period(bought.period).start
        return subscription.term.period_after(start, bought.plan.interval, bought.free_days)
    return subscription.term.end_of(bought.period, bought.plan.interval)


def preview(subscription: Subscription, plan: Plan, now: datetime, catalogue: Catalogue | None = None) -> Preview:
    """Preview a change to `plan`.

    Args:
        catalogue: today's prices, on which both plans are compared.

    Raises:
        NoActiveSubscription: it is not active.
        ChangeRefused: it is the current plan with no change scheduled, or is priced in another currency.
    """
    running = subscription.running_plan(now)
    if plan.price.currency is not running.price.currency:
        raise ChangeRefused(f"The subscription runs in {running.price.currency}: a change keeps the currency")
    if plan.selection == running.selection:
        return _preview_of_undoing(subscription, running, now)
    upcoming = subscription.term.period(subscription.first_unpaid(now))
    if not pricing.is_more(plan, running, catalogue):
        return Preview(
            plan=plan,
            is_immediate=False,
            effective_at=max(now, upcoming.start),
            extra_days=0,
            paid_until=upcoming.start,
            replaces=subscription.scheduled_from(upcoming.number),
        )
    is_paid = subscription.is_paid(now)
    days = subscription.extra_days(plan, now) if is_paid else 0
    return Preview(
        plan=plan,
        is_immediate=True,
        effective_at=now,
        extra_days=days,
        paid_until=subscription.term.period_after(now, plan.interval, days)
        if is_paid
        else subscription.term.end_of(upcoming.number, plan.interval),
        replaces=subscription.scheduled_from(0 if is_paid else upcoming.number),
    )


def _preview_of_undoing(subscription: Subscription, running: Plan, now: datetime) -> Preview:
    """Preview of requesting the current plan: it cancels scheduled changes."""
    replaced = subscription.scheduled_from(effective_period(subscription, now, None))
    if not replaced:
        raise ChangeRefused(f"{running.name} with the same seats is already in force")
    return Preview(
        plan=running,
        is_immediate=False,
        effective_at=now,
        extra_days=0,
        paid_until=subscription.term.end,
        replaces=replaced,
    )
