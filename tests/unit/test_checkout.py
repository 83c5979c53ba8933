"""Buying: an order here, a payment page there, one of each."""

import pytest
from attrs import evolve

from echodesk_billing import (
    Currency,
    GatewayNonsense,
    GatewayNotConfigured,
    GatewayRefused,
    GatewayTimeout,
    GatewayUnavailable,
    InvalidSelection,
)
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.purpose import Purpose
from tests.builders import catalogue, gel, principal
from tests.unit.conftest import World


async def test_an_order_is_stored_before_the_bank_is_asked(world: World) -> None:
    seen = []
    world.bank.on_create = lambda order: seen.append(order.state)
    order = await world.buy()
    assert seen == [OrderState.CREATED]
    assert (order.state, order.amount) == (OrderState.PROCESSING, gel("145.00"))
    assert order.payment_url == "https://bank.example/?order_id=bank-1"


async def test_the_payment_request_carries_description_and_masked_buyer(world: World) -> None:
    request = (await world.buy()).request
    assert request.description == "EchoDesk Company - Acme"
    assert request.success_url == "https://acme.echodesk.ge/settings/subscription?payment=success"
    assert request.fail_url == "https://acme.echodesk.ge/settings/subscription?payment=failed"
    assert (request.buyer_name, request.buyer_email) == ("N*** B******", "n***@acme.example")


async def test_a_double_click_makes_one_order(world: World) -> None:
    first, second = await world.buy(), await world.buy()
    assert first.id == second.id
    assert world.bank.count("create") == 1


async def test_two_requests_with_different_data_create_two_orders(world: World) -> None:
    first, second = await world.buy(distinct=True), await world.buy(distinct=True)
    assert first.id != second.id


async def test_a_minute_later_it_is_not_a_double_click(world: World) -> None:
    first = await world.buy()
    world.clock.advance(minutes=2)
    assert (await world.buy()).id != first.id


async def test_another_choice_makes_another_order(world: World) -> None:
    assert (await world.buy(package_id=1)).id != (await world.buy(package_id=1, seats=2)).id


async def test_after_a_timeout_the_same_order_is_submitted_again_with_the_same_key(world: World) -> None:
    world.bank.after_effect = GatewayTimeout("silence")
    with pytest.raises(GatewayTimeout):
        await world.buy(distinct=True)
    order = await world.buy(distinct=True)
    assert order.payment_url is not None
    assert len(await world.orders()) == len(world.bank.created) == 1
    assert len({key for kind, key in world.bank.calls if kind == "create"}) == 1


@pytest.mark.parametrize("error", [GatewayTimeout("a"), GatewayNonsense("b"), GatewayUnavailable("c")])
async def test_an_order_with_unknown_outcome_stays_created(world: World, error: Exception) -> None:
    world.bank.failures = [error]  # type: ignore[list-item]
    with pytest.raises(type(error)):
        await world.buy()
    (order,) = await world.orders()
    assert (order.state, order.check_at is not None) == (OrderState.CREATED, True)


async def test_an_order_that_the_bank_refuses_is_rejected_with_its_reason(world: World) -> None:
    world.bank.failures = [GatewayRefused(400, "callback_url must be an https address")]
    with pytest.raises(GatewayRefused):
        await world.buy()
    (order,) = await world.orders()
    assert order.state is OrderState.REJECTED
    assert order.reject_reason == "The bank refused: callback_url must be an https address (HTTP 400)"
    assert await world.names() == ["OrderCreated", "OrderRejected"]


async def test_without_credentials_nothing_is_stored(world: World) -> None:
    world.bank.is_configured = False
    with pytest.raises(GatewayNotConfigured, match="BOG_CLIENT_ID"):
        await world.buy()
    assert await world.orders() == []


async def test_an_unknown_item_creates_no_order(world: World) -> None:
    with pytest.raises(InvalidSelection):
        await world.buy(package_id=9)
    assert await world.orders() == []


async def test_buying_the_current_plan_pays_the_next_period_at_the_agreed_price(world: World) -> None:
    await world.buy_and_pay()
    dearer = catalogue().packages[1].prices | {Currency.GEL: gel("999.00")}
    await world.load_catalogue.load(evolve(catalogue(), packages=(evolve(catalogue().packages[1], prices=dearer),)))
    again = await world.buy()
    assert (again.period, again.amount, again.purpose) == (1, gel("145.00"), Purpose.SUBSCRIPTION)


async def test_buying_something_more_expensive_while_active_is_an_upgrade_now(world: World) -> None:
    await world.buy_and_pay()
    upgrade = await world.buy_and_pay(package_id=1, seats=4)
    assert (upgrade.purpose, upgrade.amount) == (Purpose.UPGRADE, gel("200.00"))
    subscription = await world.subscription()
    assert subscription.running_plan(world.clock.moment).price == gel("200.00")


async def test_buying_something_cheaper_while_active_pays_the_next_period_and_changes_then(world: World) -> None:
    await world.buy_and_pay()
    order = await world.buy_and_pay(package_id=1, seats=1)
    assert (order.purpose, order.amount, order.period) == (Purpose.SUBSCRIPTION, gel("50.00"), 1)
    subscription = await world.subscription()
    assert subscription.running_plan(world.clock.moment).price == gel("145.00")
    assert subscription.plan_of(1).price == gel("50.00")
    assert subscription.next_period == 2


async def test_paid_time_keeps_its_currency(world: World) -> None:
    await world.buy_and_pay(package_id=1)
    with pytest.raises(InvalidSelection, match="This subscription is paid in GEL"):
        await world.checkout.buy(principal("acme"), Selection(package_id=1, seats=2), currency=Currency.EUR)


async def test_a_new_catalogue_does_not_change_what_was_agreed(world: World) -> None:
    order = await world.buy()
    await world.load_catalogue.load(evolve(catalogue(), packages=catalogue().packages[:1]))  # what was bought is gone
    assert (await world.order(order.id)).plan == order.plan
    assert (await world.views.catalogue()).version == 2
