"""Edges of the rules of subscriptions: the very moment, the equal price, the second of two, what came meanwhile."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from attrs import evolve

from echodesk_billing import (
    ChangeRefused,
    Currency,
    Money,
    OrderMismatch,
    ReminderDue,
    SubscriptionChanged,
    SubscriptionChangeDropped,
    SubscriptionPastDue,
    SubscriptionRenewed,
    SubscriptionSuspended,
)
from echodesk_billing.domain.catalogue.pricing import Plan, Selection
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.domain.orders.response_codes import RetryAdvice
from echodesk_billing.domain.subscriptions import changes, offers, proration
from echodesk_billing.domain.subscriptions.cancellation import cancel
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.passing import on_time
from echodesk_billing.domain.subscriptions.payments import take_payment
from echodesk_billing.domain.subscriptions.plans import PlanChange
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.purchase import Purchase
from echodesk_billing.domain.subscriptions.renewals import (
    ask_customer,
    owed_purchase,
    plan_next,
    start_charge,
    take_decline,
)
from tests.builders import NOW, a_plan, an_order, catalogue, gel, paid, report, running, trial
from tests.unit.conftest import World


async def test_a_customer_who_is_asked_late_is_past_due_at_once(world: World) -> None:
    await world.buy_and_pay()
    world.clock.moment = datetime(2026, 2, 28, 11, tzinfo=UTC)
    await world.renewals()
    assert (await world.subscription()).state is SubscriptionState.PAST_DUE


def test_a_plan_that_is_paid_when_its_period_begins_holds_at_once() -> None:
    subscription = running()
    begins = subscription.paid_until
    assert begins is not None
    order = an_order(order_id="SUB-000000000001", plan=a_plan(1, 2), period=1)
    changed, renewed = take_payment(subscription, order, begins)
    assert isinstance(changed, SubscriptionChanged)
    assert (changed.order_id, changed.plan_name, changed.extra_days) == (order.id, "Team", 0)
    assert isinstance(renewed, SubscriptionRenewed)
    assert (subscription.plan, subscription.changes) == (a_plan(1, 2), ())


def test_a_plan_paid_in_advance_postpones_the_scheduled_one() -> None:
    subscription = running()
    changes.schedule(subscription, a_plan(1, 2), NOW)
    take_payment(subscription, an_order(order_id="SUB-000000000001", plan=a_plan(1, 3), period=1), NOW)
    paid_for = PlanChange(period=1, plan=a_plan(1, 3), is_more=False)
    assert subscription.changes == (paid_for, PlanChange(period=2, plan=a_plan(1, 2), is_more=False))


def test_a_customer_is_asked_to_pay_a_period_once() -> None:
    subscription = running()
    begins = subscription.paid_until
    assert begins is not None
    assert owed_purchase(subscription, begins, RenewalPolicy()) is not None
    ask_customer(subscription, 1, begins)
    assert subscription.dunning.asked_period == 1
    assert owed_purchase(subscription, begins, RenewalPolicy()) is None


def test_a_suspended_subscription_waits_only_for_its_customer() -> None:
    subscription = running()
    begins = subscription.paid_until
    assert begins is not None
    ask_customer(subscription, 1, begins)
    on_time(subscription, begins + timedelta(days=8))
    assert subscription.state is SubscriptionState.SUSPENDED
    plan_next(subscription, begins + timedelta(days=8), RenewalPolicy())
    assert subscription.due_at is None


@pytest.mark.parametrize(("state", "days_before"), [(SubscriptionState.ACTIVE, 9), (SubscriptionState.TRIALING, 7)])
def test_only_automatic_charges_start_early(state: SubscriptionState, days_before: int) -> None:
    subscription = running()
    subscription.state = state
    plan_next(subscription, NOW, RenewalPolicy(ahead=timedelta(days=9)))
    assert subscription.paid_until is not None
    assert subscription.due_at == subscription.paid_until - timedelta(days=days_before)


def test_changes_missed_while_no_worker_ran_are_due_at_once() -> None:
    subscription = running()
    assert subscription.paid_until is not None
    weeks_later = subscription.paid_until - timedelta(days=5)
    plan_next(subscription, weeks_later, RenewalPolicy())
    assert subscription.due_at == subscription.paid_until - timedelta(days=7)


def test_a_reminder_is_emitted_once() -> None:
    subscription, policy = running(), RenewalPolicy()
    assert subscription.paid_until is not None
    for days, told in ((7, [7]), (6, []), (5, []), (3, [3]), (2, [])):
        events = on_time(subscription, subscription.paid_until - timedelta(days=days), policy)
        assert [event.days for event in events if isinstance(event, ReminderDue)] == told


def test_a_period_is_being_charged_from_the_moment_the_charge_is_made() -> None:
    subscription = running()
    assert subscription.paid_until is not None
    start_charge(subscription, 1)
    assert subscription.dunning.charged_period == 1
    assert owed_purchase(subscription, subscription.paid_until, RenewalPolicy()) is None


def test_a_decline_without_a_further_retry_suspends_at_the_end_of_the_paid_time() -> None:
    policy = RenewalPolicy(retries=())
    for early, told in (
        (timedelta(seconds=1), [SubscriptionPastDue]),
        (timedelta(0), [SubscriptionPastDue, SubscriptionSuspended]),
    ):
        subscription = running()
        assert subscription.paid_until is not None
        order = an_order(order_id="REN-000000000001", purpose=Purpose.RENEWAL, period=1)
        at = subscription.paid_until - early
        events = take_decline(subscription, order, "107", RetryAdvice.LATER, policy, at)
        assert [type(event) for event in events] == told


def test_where_the_card_cannot_help_the_customer_owes_the_period() -> None:
    subscription = running()
    assert subscription.paid_until is not None
    order = an_order(order_id="REN-000000000001", purpose=Purpose.RENEWAL, period=1)
    take_decline(subscription, order, "105", RetryAdvice.NEW_CARD, RenewalPolicy(), subscription.paid_until)
    owed = owed_purchase(subscription, subscription.paid_until, RenewalPolicy())
    assert owed == Purchase(purpose=Purpose.MANUAL, plan=a_plan(), period=1)


def test_another_plan_at_the_same_price_is_no_upgrade() -> None:
    preview = offers.preview(running(), evolve(a_plan(1, 3), price=a_plan().price), NOW)
    assert (preview.is_immediate, preview.effective_at) == (False, preview.paid_until)


def test_unused_time_counts_at_the_price_of_the_plan_that_it_was_paid_at() -> None:
    subscription = running()
    take_payment(subscription, an_order(order_id="SUB-000000000001", plan=a_plan(1, 1), period=1), NOW)
    dearer = a_plan(1, 4)
    days = offers.preview(subscription, dearer, NOW).extra_days
    value = Fraction(subscription.plan_of(0).price.minor + subscription.plan_of(1).price.minor)
    assert (subscription.plan_of(0).price, subscription.plan_of(1).price) == (gel("145.00"), gel("50.00"))
    assert days == proration.extra_days(value, dearer.price, NOW, "Asia/Tbilisi")


def test_of_two_scheduled_plans_each_begins_in_its_time() -> None:
    subscription = running()
    first, second = PlanChange(period=1, plan=a_plan(1, 2), is_more=False), PlanChange(period=2, plan=a_plan(1, 3))
    changes.schedule(subscription, first.plan, NOW)
    changes.schedule(subscription, second.plan, NOW, date(2026, 3, 2))
    assert subscription.changes == (first, second)
    assert subscription.paid_until is not None
    on_time(subscription, subscription.paid_until)
    assert (subscription.plan, subscription.changes) == (first.plan, (second,))


@pytest.mark.parametrize(
    "plan", [a_plan(), evolve(a_plan(1, 2), price=Money(Decimal(900), Currency.EUR)), a_plan(1, 2), None]
)
def test_an_upgrade_that_is_no_longer_one_when_paid_is_refunded(plan: Plan | None) -> None:
    subscription = running()
    order = an_order(order_id="UPG-000000000001", purpose=Purpose.UPGRADE, plan=a_plan(), period=1)
    order.observe(report(BankStatus.COMPLETED, external_order_id=order.id), NOW)
    order.plan = plan
    (told,) = take_payment(subscription, order, NOW)
    assert isinstance(told, OrderMismatch)
    assert told.reason == ("the upgrade is not one any more: Company runs at 145.00 GEL: this payment is refunded")


def test_a_manual_payment_pays_the_plan_of_the_period() -> None:
    subscription = running()
    changes.schedule(subscription, a_plan(1, 2), NOW)
    assert offers.renewal(subscription, NOW) == Purchase(purpose=Purpose.MANUAL, plan=a_plan(1, 2), period=1)


def test_a_change_takes_effect_within_a_year_in_the_current_currency() -> None:
    subscription, last = running(), date(2027, 2, 1)
    changes.schedule(subscription, a_plan(1, 2), NOW, last)
    with pytest.raises(ChangeRefused, match=r"^2027-02-02 is too far off: a change holds within 366 days$"):
        changes.schedule(subscription, a_plan(1, 2), NOW, last + timedelta(days=1))
    with pytest.raises(ChangeRefused, match=r"^The subscription runs in GEL: a change keeps the currency$"):
        changes.schedule(subscription, a_plan(1, 2, Currency.EUR), NOW)


def test_an_upgrade_is_compared_with_the_current_plan_not_with_scheduled_ones() -> None:
    subscription = running()
    changes.schedule(subscription, a_plan(1, 2), NOW)
    order = paid(order_id="UPG-000000000001", purpose=Purpose.UPGRADE, plan=a_plan(1, 4), period=1)
    dropped, changed, renewed = take_payment(subscription, order, NOW)
    assert isinstance(dropped, SubscriptionChangeDropped)
    assert dropped.plan_name == "Team"
    assert isinstance(changed, SubscriptionChanged)
    assert isinstance(renewed, SubscriptionRenewed)
    assert (subscription.plan, subscription.changes) == (a_plan(1, 4), ())


def test_a_payment_settles_debts_up_to_its_moment() -> None:
    subscription = running()
    assert subscription.tended_at == NOW
    assert subscription.paid_until is not None
    take_payment(subscription, an_order(order_id="SUB-000000000001", period=1), subscription.paid_until)
    assert subscription.tended_at == subscription.paid_until - timedelta(days=31)


def test_a_trial_is_not_paid_cancelled_or_not() -> None:
    subscription, day = trial(), NOW + timedelta(days=1)
    assert (subscription.has_access(day), subscription.is_paid(day)) == (True, False)
    cancel(subscription, day, immediately=False)
    assert (subscription.has_access(day), subscription.is_paid(day)) == (True, False)


def test_days_of_a_trial_that_are_left_are_not_lost_by_an_upgrade() -> None:
    subscription = trial()
    take_payment(subscription, an_order(), NOW)  # the first period begins when the trial ends
    dearer = evolve(a_plan(1, 2), price=gel("290.00"))
    assert (
        offers.preview(subscription, dearer, NOW).extra_days == 23
    )  # half of a month of 31 days and of 14, rounded up


def test_months_after_a_trial_are_not_periods() -> None:
    subscription, summer = trial(), NOW + timedelta(days=150)
    on_time(subscription, summer)
    assert (subscription.state, subscription.first_unpaid(summer)) == (SubscriptionState.SUSPENDED, 0)
    take_payment(subscription, an_order(), summer)
    assert (subscription.anchor, subscription.next_period) == (summer, 1)


def test_a_trial_that_a_card_will_pay_goes_on_as_a_subscription() -> None:
    subscription = trial()
    assert subscription.paid_until is not None
    assert on_time(subscription, subscription.paid_until, chargeable=True) == []
    assert subscription.state is SubscriptionState.ACTIVE


@pytest.mark.parametrize("days", [-9, 0, 8])
def test_an_expiry_after_a_change_emits_both_events(days: int) -> None:
    subscription = trial() if days < 0 else running()
    changes.schedule(subscription, a_plan(1, 2), NOW)
    assert subscription.paid_until is not None
    begins = subscription.paid_until
    if days == 0:
        ask_customer(subscription, 1, NOW)
    events = on_time(subscription, begins + timedelta(days=max(days, 0)))
    assert [type(event) for event in events] == {
        -9: [SubscriptionChanged, SubscriptionSuspended],
        0: [SubscriptionChanged, SubscriptionPastDue],
        8: [SubscriptionChanged, SubscriptionPastDue, SubscriptionSuspended],
    }[days]
    assert {event.at for event in events} == {begins + timedelta(days=max(days, 0))}


def test_a_plan_that_is_paid_for_after_another_began_changes_it_again() -> None:
    subscription = running()
    changes.schedule(subscription, a_plan(1, 2), NOW)
    assert subscription.paid_until is not None
    order = an_order(order_id="SUB-000000000001", plan=a_plan(1, 3), period=1)
    events = take_payment(subscription, order, subscription.paid_until)
    assert [type(event) for event in events] == [SubscriptionChanged, SubscriptionChanged, SubscriptionRenewed]


@pytest.mark.parametrize(("purpose", "period"), [(Purpose.MANUAL, 1), (Purpose.RENEWAL, 3)])
def test_a_payment_after_a_gap_pays_the_next_period_and_a_renewal_keeps_its_number(
    purpose: Purpose, period: int
) -> None:
    subscription = running()
    order = an_order(order_id="MAN-000000000001", purpose=purpose, period=3)
    take_payment(subscription, order, NOW + timedelta(days=100))
    assert (order.period, subscription.next_period) == (period, period + 1)
    assert subscription.anchor == NOW + timedelta(days=100)


def test_buying_another_plan_at_the_same_price_is_for_the_next_period() -> None:
    sells = evolve(
        catalogue(), packages=tuple(evolve(one, prices={Currency.GEL: gel("145.00")}) for one in catalogue().packages)
    )
    bought = offers.purchase(running(), sells, Selection(package_id=1), Currency.GEL, NOW)
    assert (bought.purpose, bought.period) == (Purpose.SUBSCRIPTION, 1)
