"""Buying: an order here, a payment page there, one of each."""

import pytest

from echodesk_billing import (
    GatewayNonsense,
    GatewayNotConfigured,
    GatewayRefused,
    GatewayTimeout,
    GatewayUnavailable,
    InvalidSelection,
    SelectionChangeUnsupported,
)
from echodesk_billing.domain.lifecycle import OrderState
from tests.builders import gel
from tests.unit.conftest import World


async def test_an_order_is_stored_before_the_bank_is_asked(world: World) -> None:
    seen = []
    world.bank.on_create = lambda order: seen.append(order.state)
    order = await world.buy()
    assert seen == [OrderState.CREATED]
    assert (order.state, order.amount) == (OrderState.PROCESSING, gel("145.00"))
    assert order.payment_url == "https://bank.example/?order_id=bank-1"


async def test_the_bank_is_told_what_the_customer_may_see(world: World) -> None:
    request = (await world.buy()).request
    assert request.description == "EchoDesk Company - Acme"
    assert request.success_url == "https://acme.echodesk.ge/settings/subscription/success"
    assert request.fail_url == "https://acme.echodesk.ge/settings/subscription/failed"
    assert (request.buyer_name, request.buyer_email) == ("N*** B******", "n***@acme.example")


async def test_a_double_click_makes_one_order(world: World) -> None:
    first, second = await world.buy(), await world.buy()
    assert first.id == second.id
    assert world.bank.count("create") == 1


async def test_two_requests_that_say_they_differ_make_two_orders(world: World) -> None:
    first, second = await world.buy(distinct=True), await world.buy(distinct=True)
    assert first.id != second.id


async def test_a_minute_later_it_is_no_double_click(world: World) -> None:
    first = await world.buy()
    world.clock.advance(minutes=2)
    assert (await world.buy()).id != first.id


async def test_another_choice_makes_another_order(world: World) -> None:
    assert (await world.buy(package_id=1)).id != (await world.buy(package_id=1, seats=2)).id


async def test_after_a_timeout_the_same_order_is_asked_for_again_with_the_same_key(world: World) -> None:
    world.bank.after_effect = GatewayTimeout("silence")
    with pytest.raises(GatewayTimeout):
        await world.buy(distinct=True)
    order = await world.buy(distinct=True)
    assert order.payment_url is not None
    assert len(await world.orders()) == len(world.bank.created) == 1
    assert len({key for kind, key in world.bank.calls if kind == "create"}) == 1


@pytest.mark.parametrize("error", [GatewayTimeout("a"), GatewayNonsense("b"), GatewayUnavailable("c")])
async def test_an_order_in_doubt_stays_created(world: World, error: Exception) -> None:
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


async def test_what_is_not_sold_makes_no_order(world: World) -> None:
    with pytest.raises(InvalidSelection):
        await world.buy(package_id=9)
    assert await world.orders() == []


async def test_a_running_subscription_pays_ahead_or_refuses_another_selection(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order)
    await world.hear(order)
    assert (await world.buy()).period == 1
    with pytest.raises(SelectionChangeUnsupported):
        await world.buy(package_id=1)


async def test_a_new_catalogue_does_not_change_what_was_agreed(world: World) -> None:
    order = await world.buy()
    await world.load_catalogue.load(type(await world.views.catalogue())())
    assert (await world.order(order.id)).plan == order.plan
    assert (await world.views.catalogue()).version == 2
