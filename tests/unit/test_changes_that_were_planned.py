"""What was planned is never lost in silence, and something more expensive never holds before it is paid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from echodesk_billing import (
    Currency,
    SubscriptionChangeDropped,
    SubscriptionChangeScheduled,
)
from echodesk_billing.application.changes import When
from echodesk_billing.domain.catalogue import pricing
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions import changes, offers
from echodesk_billing.domain.subscriptions.cancellation import cancel
from echodesk_billing.domain.subscriptions.dunning import Dunning
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.passing import on_time
from echodesk_billing.domain.subscriptions.payments import take_payment
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.renewals import plan_next
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term
from tests.builders import NOW, a_plan, an_order, catalogue, gel, paid, principal, running
from tests.unit.conftest import World

ACME = principal("acme")
FEBRUARY = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
IN_GRACE = FEBRUARY + timedelta(days=3)
POLICY = RenewalPolicy()


def dropped(events: list[Event]) -> list[str]:
    return [event.plan_name for event in events if isinstance(event, SubscriptionChangeDropped)]


def of_agents(seats: int) -> Subscription:
    subscription = Subscription(tenant_id="acme", term=Term(time_zone="Asia/Tbilisi"))
    take_payment(subscription, an_order(plan=a_plan(1, seats)), NOW)
    return subscription


def test_more_seats_in_the_grace_hold_from_the_payment_that_pays_them() -> None:
    subscription = of_agents(2)
    on_time(subscription, IN_GRACE)
    changes.schedule(subscription, a_plan(1, 10), IN_GRACE, catalogue=catalogue())
    assert subscription.plan_at(IN_GRACE) == a_plan(1, 2)
    on_time(subscription, IN_GRACE + timedelta(hours=1))
    assert subscription.plan == a_plan(1, 2)
    owed = offers.renewal(subscription, IN_GRACE)
    assert owed.plan == a_plan(1, 10)
    take_payment(subscription, an_order(order_id="MAN-000000000001", plan=owed.plan, period=owed.period), IN_GRACE)
    assert (subscription.plan, subscription.plan_at(IN_GRACE)) == (a_plan(1, 10), a_plan(1, 10))


def test_fewer_seats_in_the_grace_hold_at_once_for_the_period_that_is_owed() -> None:
    subscription = of_agents(5)
    on_time(subscription, IN_GRACE)
    changes.schedule(subscription, a_plan(1, 2), IN_GRACE, catalogue=catalogue())
    assert subscription.plan == a_plan(1, 2)
    assert offers.renewal(subscription, IN_GRACE).plan == a_plan(1, 2)


def test_a_scheduled_upgrade_does_not_begin_with_its_period_but_with_its_payment() -> None:
    subscription = of_agents(2)
    changes.schedule(subscription, a_plan(1, 5), NOW, catalogue=catalogue())
    on_time(subscription, FEBRUARY)
    assert subscription.plan == a_plan(1, 2)
    order = an_order(order_id="REN-000000000001", purpose=Purpose.RENEWAL, plan=a_plan(1, 5), period=1)
    take_payment(subscription, order, FEBRUARY)
    assert subscription.plan == a_plan(1, 5)


def test_a_payment_of_an_older_order_postpones_a_scheduled_change() -> None:
    subscription = of_agents(5)
    changes.schedule(subscription, a_plan(1, 2), NOW, catalogue=catalogue())
    take_payment(subscription, an_order(order_id="SUB-000000000001", plan=a_plan(1, 5), period=1), NOW)
    assert (subscription.plan_of(1), subscription.plan_of(2)) == (a_plan(1, 5), a_plan(1, 2))


def test_an_upgrade_emits_the_downgrade_that_it_replaces() -> None:
    subscription = of_agents(5)
    changes.schedule(subscription, a_plan(1, 2), NOW, catalogue=catalogue())
    preview = offers.preview(subscription, a_plan(1, 8), NOW, catalogue())
    assert preview.replaces == ((a_plan(1, 2), FEBRUARY),)
    upgrade = paid(
        order_id="UPG-000000000001", purpose=Purpose.UPGRADE, plan=a_plan(1, 8), period=1, amount=a_plan(1, 8).price
    )
    assert dropped(take_payment(subscription, upgrade, NOW, catalogue())) == ["Team"]


def test_replacing_or_cancelling_a_scheduled_change_emits_it() -> None:
    subscription = of_agents(5)
    changes.schedule(subscription, a_plan(1, 2), NOW, catalogue=catalogue())
    events = changes.schedule(subscription, a_plan(1, 3), NOW, catalogue=catalogue())
    assert dropped(events) == ["Team"]
    assert isinstance(events[-1], SubscriptionChangeScheduled)
    assert dropped(changes.schedule(subscription, a_plan(1, 5), NOW, catalogue=catalogue())) == [
        "Team"
    ]  # what runs now
    assert subscription.changes == ()
    changes.schedule(subscription, a_plan(1, 2), NOW, catalogue=catalogue())
    assert dropped(changes.drop_schedule(subscription, NOW)) == ["Team"]


def test_buying_again_after_an_end_emits_dropped_changes() -> None:
    subscription = of_agents(5)
    changes.schedule(subscription, a_plan(1, 2), NOW, catalogue=catalogue())
    cancel(subscription, NOW, immediately=True)
    assert dropped(take_payment(subscription, an_order(order_id="SUB-000000000001", period=1), NOW)) == ["Team"]


async def test_choosing_the_current_plan_cancels_a_scheduled_change_with_a_message(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=3)

    def seats(number: int) -> Selection:
        return Selection(package_id=1, seats=number)

    await world.change_plan.change(ACME, lambda _: seats(2), When.LATER)
    changed = await world.change_plan.change(ACME, lambda _: seats(3), When.LATER)
    assert [(plan.selection.seats, at) for plan, at in changed.preview.replaces] == [(2, FEBRUARY)]
    assert (await world.subscription()).changes == ()


def repriced(price: str) -> Catalogue:
    sold = catalogue(2)
    team = evolve(sold.packages[0], prices={Currency.GEL: gel(price)})
    return evolve(sold, packages=(team, sold.packages[1]))


@pytest.mark.parametrize("price", ["79.00", "50.00", "20.00"])
def test_upgrades_and_downgrades_do_not_depend_on_changed_prices(price: str) -> None:
    today, subscription = repriced(price), of_agents(3)

    def of(seats: int) -> pricing.Plan:
        return pricing.plan(today, Selection(package_id=1, seats=seats), Currency.GEL)

    assert offers.preview(subscription, of(4), NOW, today).is_immediate
    assert not offers.preview(subscription, of(2), NOW, today).is_immediate
    assert (
        offers.purchase(subscription, today, Selection(package_id=1, seats=4), Currency.GEL, NOW).purpose
        is Purpose.UPGRADE
    )
    assert (
        offers.purchase(subscription, today, Selection(package_id=1, seats=2), Currency.GEL, NOW).purpose
        is not Purpose.UPGRADE
    )


def test_packages_are_compared_on_one_price_list() -> None:
    today, subscription = (
        repriced("150.00"),
        of_agents(1),
    )  # agreed at 50.00; today 150.00, and the other package 145.00
    company = pricing.plan(today, Selection(package_id=2), Currency.GEL)
    assert not offers.preview(subscription, company, NOW, today).is_immediate


def test_more_features_are_an_upgrade_although_they_cost_less_now() -> None:
    sold = catalogue()
    one = pricing.plan(sold, Selection(features=("tickets",), seats=2), Currency.GEL)
    cheap = evolve(
        sold, features=tuple(evolve(each, prices_per_seat={Currency.GEL: gel("1.00")}) for each in sold.features)
    )
    both = pricing.plan(cheap, Selection(features=("tickets", "calls"), seats=2), Currency.GEL)
    assert pricing.is_more(both, one, cheap)
    assert not pricing.is_more(one, both, cheap)


def test_discontinued_items_are_compared_at_agreed_prices() -> None:
    bare = Catalogue(packages=(catalogue().packages[1],), version=3)
    company = pricing.plan(bare, Selection(package_id=2), Currency.GEL)
    assert pricing.is_more(company, a_plan(1, 2), bare)
    assert not pricing.is_more(company, a_plan(1, 3), bare)


def test_the_unused_value_of_a_discounted_month_is_what_was_paid() -> None:
    subscription = Subscription(tenant_id="acme", term=Term(time_zone="Asia/Tbilisi"))
    order = an_order(plan=a_plan(1, 2), captured=gel("10.00"))
    take_payment(subscription, order, NOW)
    assert [(one.period, one.amount, one.begins) for one in subscription.paid] == [(0, gel("10.00"), NOW)]
    assert offers.preview(subscription, a_plan(1, 4), NOW, catalogue()).extra_days == 2  # 10.00 of 200.00 a month


def test_used_grace_counts_when_time_is_bought_again() -> None:
    subscription = running()
    bought = 1
    moment = NOW
    for _ in range(6):
        until = subscription.paid_until
        assert until is not None
        moment = until + timedelta(days=6)
        on_time(subscription, moment)
        cancel(subscription, moment, immediately=True)
        assert subscription.state is SubscriptionState.ENDED
        order = an_order(order_id=f"SUB-00000000001{bought}", period=subscription.next_period)
        assert offers.pays_until(
            subscription,
            offers.purchase(subscription, catalogue(), Selection(package_id=2), Currency.GEL, moment),
            moment,
        ) < moment + timedelta(days=26)
        take_payment(subscription, order, moment)
        bought += 1
    assert subscription.paid_until is not None
    assert subscription.paid_until - NOW < timedelta(days=bought * 31)


def test_every_offer_says_until_when_it_pays() -> None:
    subscription = running()
    suspended = FEBRUARY + timedelta(days=27)
    on_time(subscription, suspended)
    on_time(subscription, suspended)
    assert subscription.state is SubscriptionState.SUSPENDED
    owed = offers.renewal(subscription, suspended)
    promised = offers.pays_until(subscription, owed, suspended)
    take_payment(subscription, an_order(order_id="MAN-000000000001", period=owed.period), suspended)
    assert promised == subscription.paid_until == datetime(2026, 4, 27, 9, 30, tzinfo=UTC)


async def test_an_early_charge_overtaken_by_a_cancellation_blocks_no_period(world: World) -> None:
    from echodesk_billing.application.payment_requests import Terms  # noqa: PLC0415
    from echodesk_billing.domain.orders.payment_request import SaveCard  # noqa: PLC0415

    await world.buy_and_pay(terms=Terms(save_card=SaveCard.AUTOMATIC))
    charge = await world.charging.charge(ACME)
    await world.cancel.cancel(ACME)
    await world.answer(charge.order)  # paid, and refunded by itself
    await world.cancel.resume(ACME)
    subscription = await world.subscription()
    assert subscription.due_at is not None
    world.clock.moment = FEBRUARY
    again = await world.charge_due()
    assert (again.period, (await world.subscription()).next_period) == (1, 2)


@pytest.mark.parametrize("charged", [None, 1])
def test_every_active_subscription_has_a_due_date(charged: int | None) -> None:
    subscription = running()
    subscription.dunning = Dunning(charged_period=charged)
    for days in (0, 20, 29, 36, 37, 60, 400):
        moment = NOW + timedelta(days=days)
        on_time(subscription, moment, POLICY)
        plan_next(subscription, moment, POLICY)
        live = subscription.state not in (SubscriptionState.SUSPENDED, SubscriptionState.ENDED)
        assert (subscription.due_at is not None) is live, days
    assert subscription.state is SubscriptionState.SUSPENDED
