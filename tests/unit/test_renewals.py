"""Subscriptions that renew themselves: when, how often, and what happens when the bank declines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from echodesk_billing import (
    GatewayRefused,
    GatewayTimeout,
    PaymentActionRequired,
    ReminderDue,
    SaveCard,
    SubscriptionPastDue,
    SubscriptionSuspended,
    TrialRefused,
)
from echodesk_billing.application.changes import When
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy, reminder
from tests.builders import NOW, catalogue, gel, principal
from tests.unit.conftest import POLICY, World

AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)
ACME = principal("acme")
FEBRUARY = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
MARCH = datetime(2026, 3, 31, 9, 30, tzinfo=UTC)


async def with_card(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)


async def without_card(world: World) -> None:
    await world.buy_and_pay()


async def state(world: World) -> SubscriptionState:
    return (await world.subscription()).state


async def has_access(world: World) -> bool:
    return (await world.subscription()).has_access(world.clock.moment)


async def test_nothing_is_charged_before_it_is_due(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY - timedelta(seconds=1)
    assert [one.order_id for one in await world.renewals() if one.order_id] == []
    world.clock.moment = FEBRUARY
    order = await world.charge_due()
    assert (order.purpose, order.period, order.state) == (Purpose.RENEWAL, 1, OrderState.COMPLETED)
    assert (await world.subscription()).paid_until == MARCH


async def test_a_renewal_can_start_early_and_does_not_move_the_cycle() -> None:
    world = World(policy=RenewalPolicy(ahead=timedelta(days=3)))
    await world.load_catalogue.load(catalogue())
    await with_card(world)
    world.clock.moment = FEBRUARY - timedelta(days=3)
    await world.charge_due()
    assert (await world.subscription()).paid_until == MARCH


async def test_incident_5_no_customer_is_charged_daily_in_the_window() -> None:
    """A nightly job charged everyone whose date was within three days, and the date moved only once it was past."""
    world = World(policy=RenewalPolicy(ahead=timedelta(days=3)))
    await world.load_catalogue.load(catalogue())
    await with_card(world)
    world.clock.moment = FEBRUARY - timedelta(days=3)
    charges = 0
    for _ in range(5 * 24):
        for renewed in await world.renewals():
            if renewed.order_id is not None:
                charges += 1
                await world.answer(await world.order(renewed.order_id))
        world.clock.advance(hours=1)
    assert charges == 1
    assert (await world.subscription()).next_period == 2


async def test_incident_6_a_late_payment_does_not_move_the_cycle(world: World) -> None:
    """The next date was computed from now instead of from the last due date."""
    await without_card(world)
    world.clock.moment = FEBRUARY + timedelta(days=6)
    await world.buy_and_pay()
    subscription = await world.subscription()
    assert (subscription.anchor, subscription.paid_until) == (NOW, MARCH)


async def test_incident_7_a_changed_price_is_never_charged_to_the_old_mandate(world: World) -> None:
    """A fixed-amount charge was recorded with a newly computed amount."""
    await with_card(world)
    await world.change_plan.change(ACME, lambda _: Selection(package_id=1, seats=2), When.LATER)
    world.clock.moment = FEBRUARY
    (renewed,) = await world.renewals()
    assert renewed.obstacle == "the saved card may be charged 145.00 GEL, and the price is 100.00 GEL"
    order = await world.order(renewed.order_id or "")
    assert (order.purpose, order.amount, order.request.is_automatic) == (Purpose.MANUAL, gel("100.00"), False)
    asked = [event for event in await world.events() if isinstance(event, PaymentActionRequired)]
    assert [(event.payment_url, event.reason) for event in asked] == [(order.payment_url, renewed.obstacle)]
    assert await state(world) is SubscriptionState.PAST_DUE


async def test_incident_9_a_retry_counts_as_a_retry(world: World) -> None:
    """A retry counted as a first attempt because its number was parsed out of the order id."""
    await with_card(world)
    world.clock.moment = FEBRUARY
    await world.charge_due("107")
    assert (await world.subscription()).dunning.failures == 1
    world.clock.advance(hours=4)
    await world.charge_due("107")
    assert (await world.subscription()).dunning.failures == 2


async def test_a_job_that_runs_all_the_time_charges_a_period_once(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY
    orders = [renewed.order_id for _ in range(10) for renewed in await world.renewals() if renewed.order_id]
    assert len(orders) == 1
    assert world.bank.count("create") == 2


async def test_a_year_of_renewals_without_any_request(world: World) -> None:
    await with_card(world)
    for _ in range(12):
        paid_until = (await world.subscription()).paid_until
        assert paid_until is not None
        world.clock.moment = paid_until
        await world.charge_due()
        assert await has_access(world)
    subscription = await world.subscription()
    assert subscription.paid_until == datetime(2027, 2, 28, 9, 30, tzinfo=UTC)
    assert len(await world.views.invoices(ACME)) == 13


async def test_107_is_retried_after_4_hours_3_days_and_7_days_and_then_suspended(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY
    await world.charge_due("107")
    for delay in (timedelta(hours=4), timedelta(days=3), timedelta(days=7)):
        world.clock.moment = FEBRUARY + delay - timedelta(seconds=1)
        assert [one.order_id for one in await world.renewals() if one.order_id] == []
        assert await state(world) is SubscriptionState.PAST_DUE
        assert await has_access(world)
        world.clock.moment = FEBRUARY + delay
        await world.charge_due("107")
    assert await state(world) is SubscriptionState.SUSPENDED
    assert not await has_access(world)
    told = [event for event in await world.events() if isinstance(event, SubscriptionPastDue | SubscriptionSuspended)]
    assert [event.name for event in told] == ["SubscriptionPastDue", "SubscriptionSuspended"]
    world.clock.advance(days=60)
    assert await world.renewals() == []


async def test_105_asks_for_a_card_at_once_and_is_never_retried(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY
    await world.charge_due("105")
    (asked,) = await world.renewals()
    order = await world.order(asked.order_id or "")
    assert (order.purpose, asked.obstacle) == (Purpose.MANUAL, "the last charge of the saved card was declined")
    assert [event.payment_url for event in await world.events() if isinstance(event, PaymentActionRequired)] == [
        order.payment_url
    ]
    for _ in range(8):
        world.clock.advance(days=1)
        await world.renewals()
    assert [one.purpose for one in await world.orders()].count(Purpose.RENEWAL) == 1
    assert await state(world) is SubscriptionState.SUSPENDED


async def test_a_payment_on_day_6_brings_it_back_with_the_anchor_unmoved(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY
    await world.charge_due("107")
    world.clock.advance(days=6)
    await world.renewals()
    order = await world.checkout.pay_now(ACME)
    world.bank.pay(order)
    await world.hear(order)
    subscription = await world.subscription()
    assert (subscription.state, subscription.anchor) == (SubscriptionState.ACTIVE, NOW)
    assert (subscription.paid_until, subscription.dunning.failures, subscription.dunning.retry_at) == (MARCH, 0, None)


async def test_a_suspended_subscription_comes_back_at_any_time_for_a_full_month(world: World) -> None:
    await without_card(world)
    world.clock.moment = FEBRUARY + timedelta(days=8)
    await world.renewals()
    assert await state(world) is SubscriptionState.SUSPENDED
    world.clock.moment = datetime(2026, 5, 10, tzinfo=UTC)
    order = await world.checkout.reactivate(ACME)
    assert (order.amount, order.pays_until) == (gel("145.00"), datetime(2026, 6, 10, tzinfo=UTC))
    world.bank.pay(order)
    await world.hear(order)
    subscription = await world.subscription()
    assert (subscription.state, subscription.anchor) == (SubscriptionState.ACTIVE, world.clock.moment)
    assert subscription.paid_until == datetime(2026, 6, 10, tzinfo=UTC)


async def test_a_paid_retry_ends_the_dunning(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY
    await world.charge_due("107")
    world.clock.advance(hours=4)
    await world.charge_due()
    subscription = await world.subscription()
    assert (subscription.state, subscription.dunning.failures, subscription.due_at is not None) == (
        SubscriptionState.ACTIVE,
        0,
        True,
    )
    world.clock.moment = MARCH
    await world.charge_due("107")
    assert (await world.subscription()).dunning.failures == 1


async def test_a_rejected_charge_that_turns_out_paid_is_refunded_when_the_retry_was_paid(
    world: World,
) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY
    declined = await world.charge_due("107")
    world.clock.advance(hours=4)
    await world.charge_due()
    world.bank.pay(declined)
    await world.hear(declined)
    corrected = await world.order(declined.id)
    assert corrected.state is OrderState.COMPLETED
    assert [one.amount for one in corrected.pending_refunds] == [gel("145.00")]
    assert (await world.subscription()).next_period == 2


async def test_a_charge_refused_by_the_bank_asks_the_customer(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY
    world.bank.failures_of["create"] = [GatewayRefused(400, "order_id: the saved card was deleted")]
    first, second = await world.renewals()
    assert first.problem is not None
    assert second.obstacle is not None
    assert await state(world) is SubscriptionState.PAST_DUE


async def test_a_charge_with_unknown_outcome_is_reconciled_and_not_repeated(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY
    world.bank.after_effect = GatewayTimeout("silence")
    (renewed,) = await world.renewals()
    assert renewed.problem == "silence"
    world.clock.advance(days=1)
    assert [one.order_id for one in await world.renewals() if one.order_id] == []
    async for _ in world.reconcile.run():
        pass
    await world.answer(await world.order(renewed.order_id or ""))
    assert len(world.bank.created) == 2
    assert (await world.subscription()).paid_until == MARCH


async def test_a_customer_without_a_card_is_asked_once_and_suspended_after_the_grace(world: World) -> None:
    await without_card(world)
    world.clock.moment = FEBRUARY
    (asked,) = await world.renewals()
    assert asked.obstacle == "there is no saved card"
    assert (await world.order(asked.order_id or "")).request.ttl_minutes == 1440
    assert (await state(world), await has_access(world)) == (SubscriptionState.PAST_DUE, True)
    for _ in range(7):
        world.clock.advance(days=1)
        assert [one.order_id for one in await world.renewals() if one.order_id] == []
    assert (await state(world), await has_access(world)) == (SubscriptionState.SUSPENDED, False)


async def test_a_customer_without_a_card_can_be_asked_before_the_period_begins() -> None:
    world = World(policy=evolve(POLICY, ask_ahead=timedelta(days=1)))
    await world.load_catalogue.load(catalogue())
    await without_card(world)
    world.clock.moment = FEBRUARY - timedelta(days=1, seconds=1)
    assert [one.order_id for one in await world.renewals() if one.order_id] == []
    world.clock.moment = FEBRUARY - timedelta(days=1)
    assert (await world.subscription()).due_at == world.clock.moment
    (asked,) = await world.renewals()
    assert (asked.state, asked.obstacle) == (SubscriptionState.ACTIVE, "there is no saved card")
    assert "PaymentActionRequired" in await world.names()
    world.clock.moment = FEBRUARY
    assert [(one.state, one.order_id) for one in await world.renewals()] == [(SubscriptionState.PAST_DUE, None)]


async def test_a_card_that_can_be_charged_is_not_charged_earlier_for_that() -> None:
    world = World(policy=evolve(POLICY, ask_ahead=timedelta(days=1)))
    await world.load_catalogue.load(catalogue())
    await with_card(world)
    world.clock.moment = FEBRUARY - timedelta(hours=1)
    assert [one.order_id for one in await world.renewals() if one.order_id] == []
    world.clock.moment = FEBRUARY
    assert (await world.charge_due()).period == 1


async def test_a_worker_that_was_stopped_for_months_charges_one_period_that_begins_anew(world: World) -> None:
    await with_card(world)
    world.clock.moment = datetime(2026, 6, 10, tzinfo=UTC)
    assert not await has_access(world)
    order = await world.charge_due()
    assert order.period == 1
    assert await world.renewals() == []
    assert (await world.subscription()).paid_until == datetime(2026, 7, 10, tzinfo=UTC)


async def test_where_nobody_charged_for_longer_than_the_grace_a_retry_begins_anew_too(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY + timedelta(days=20)
    await world.charge_due("107")
    assert await has_access(world)
    world.clock.advance(days=3)
    await world.charge_due()
    assert (await world.subscription()).paid_until == FEBRUARY + timedelta(days=23 + 31)


async def test_a_worker_that_was_stopped_within_the_grace_charges_late_and_keeps_the_cycle(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY + timedelta(days=6)
    await world.charge_due()
    assert (await world.subscription()).paid_until == MARCH


async def test_missed_retries_are_skipped(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY
    await world.charge_due("107")
    world.clock.advance(days=5)
    await world.charge_due("107")
    subscription = await world.subscription()
    assert (subscription.dunning.failures, subscription.dunning.retry_at) == (2, FEBRUARY + timedelta(days=7))


async def test_reminders_come_7_and_3_days_before_a_period_that_nothing_will_pay(world: World) -> None:
    await without_card(world)
    for days in range(12, 0, -1):
        world.clock.moment = FEBRUARY - timedelta(days=days)
        await world.renewals()
    told = [event for event in await world.events() if isinstance(event, ReminderDue)]
    assert [(event.what, event.days, event.expires_at) for event in told] == [
        ("period", 7, FEBRUARY),
        ("period", 3, FEBRUARY),
    ]


async def test_there_is_no_reminder_where_the_card_will_be_charged(world: World) -> None:
    await with_card(world)
    for days in range(12, 0, -1):
        world.clock.moment = FEBRUARY - timedelta(days=days)
        await world.renewals()
    assert [event for event in await world.events() if isinstance(event, ReminderDue)] == []


async def test_an_expiring_card_gets_a_reminder(world: World) -> None:
    await with_card(world)
    expiry = datetime(2031, 1, 1, tzinfo=UTC)
    for days in (8, 7, 5, 3, 1):
        world.clock.moment = expiry - timedelta(days=days)
        await world.renew.remind_of_cards()
    told = [event for event in await world.events() if isinstance(event, ReminderDue) and event.what == "card"]
    assert [(event.days, event.expires_at) for event in told] == [(7, expiry), (3, expiry)]


@pytest.mark.parametrize(
    ("since", "now", "days"),
    [(None, 8, None), (None, 7, 7), (8, 5, 7), (7, 5, None), (8, 2, 3), (5, 3, 3), (3, 1, None), (8, 0, None)],
)
def test_of_several_missed_reminders_the_last_is_emitted(since: int | None, now: int, days: int | None) -> None:
    expiry = NOW + timedelta(days=30)
    before = None if since is None else expiry - timedelta(days=since)
    moments = RenewalPolicy().reminders_before(expiry)
    assert reminder(moments, expiry, before, expiry - timedelta(days=now)) == days


async def test_a_trial_gives_free_access_once(world: World) -> None:
    subscription = await world.start_trial.start(ACME, Selection(package_id=2))
    assert (subscription.state, subscription.trial_ends_at) == (SubscriptionState.TRIALING, NOW + timedelta(days=14))
    assert await has_access(world)
    with pytest.raises(TrialRefused, match="once"):
        await world.start_trial.start(ACME, Selection(package_id=2))
    world.clock.advance(days=14)
    assert not await has_access(world)


async def test_a_trial_without_a_mandate_ends_in_suspension_after_reminders(world: World) -> None:
    await world.start_trial.start(ACME, Selection(package_id=2))
    for _ in range(14):
        world.clock.advance(days=1)
        await world.renewals()
    assert await state(world) is SubscriptionState.SUSPENDED
    assert await world.orders() == []
    told = [event for event in await world.events() if isinstance(event, ReminderDue)]
    assert [(event.what, event.days) for event in told] == [("trial", 7), ("trial", 3)]


async def test_paying_in_a_trial_begins_when_the_trial_ends(world: World) -> None:
    await world.start_trial.start(ACME, Selection(package_id=2))
    world.clock.advance(days=4)
    await world.buy_and_pay(terms=AUTOMATIC)
    subscription = await world.subscription()
    assert (subscription.state, subscription.anchor) == (SubscriptionState.ACTIVE, NOW + timedelta(days=14))
    assert subscription.paid_until == datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
    world.clock.moment = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
    await world.charge_due()


async def test_paying_after_a_trial_loses_no_day(world: World) -> None:
    await world.start_trial.start(ACME, Selection(package_id=2))
    world.clock.advance(days=20)
    await world.renewals()
    paid_at = world.clock.moment
    await world.buy_and_pay()
    subscription = await world.subscription()
    assert (subscription.state, subscription.anchor) == (SubscriptionState.ACTIVE, paid_at)


async def test_a_cancelled_trial_can_be_resumed_and_ends_in_time(world: World) -> None:
    await world.start_trial.start(ACME, Selection(package_id=2))
    await world.cancel.cancel(ACME)
    assert await state(world) is SubscriptionState.CANCELLED
    await world.cancel.resume(ACME)
    assert await state(world) is SubscriptionState.TRIALING
    await world.cancel.cancel(ACME)
    world.clock.advance(days=15)
    await world.renewals()
    assert await state(world) is SubscriptionState.ENDED


async def test_the_dry_run_shows_due_work_and_changes_nothing(world: World) -> None:
    await with_card(world)
    await world.buy_and_pay("globex")
    world.clock.moment = FEBRUARY
    due = {one.tenant_id: one for one in await world.renew.due(10)}
    assert (due["acme"].amount, due["acme"].obstacle) == (gel("145.00"), None)
    assert due["globex"].obstacle == "there is no saved card"
    assert len(await world.orders()) == 2
    assert len(await world.renew.due(10)) == 2


async def test_a_claimed_subscription_is_skipped_until_the_claim_expires(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY
    assert await world.renew.claim(10) == ["acme"]
    assert await world.renew.claim(10) == []
    world.clock.advance(minutes=6)
    assert await world.renew.claim(10) == ["acme"]


async def test_cancelling_while_a_charge_is_in_progress_refunds_the_charge(world: World) -> None:
    await with_card(world)
    world.clock.moment = FEBRUARY
    (renewed,) = await world.renewals()
    await world.cancel.cancel(ACME)
    charge = await world.order(renewed.order_id or "")
    await world.answer(charge)
    assert [one.amount for one in (await world.order(charge.id)).pending_refunds] == [gel("145.00")]
    assert await state(world) is SubscriptionState.ENDED


async def test_a_renewal_that_starts_early_is_due_then() -> None:
    world = World(policy=RenewalPolicy(ahead=timedelta(days=2)))
    await world.load_catalogue.load(catalogue())
    await with_card(world)
    for expected in (timedelta(days=7), timedelta(days=3), timedelta(days=2)):
        due = (await world.subscription()).due_at
        assert due == FEBRUARY - expected
        world.clock.moment = due
        await world.renewals()
    assert [order.purpose for order in await world.orders()].count(Purpose.RENEWAL) == 1
