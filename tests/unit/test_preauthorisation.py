"""Money that is held is taken or let go, once."""

import contextlib
from decimal import Decimal

import pytest

from echodesk_billing import (
    AmountTooLarge,
    Capture,
    GatewayError,
    GatewayRefused,
    GatewayTimeout,
    IllegalTransition,
    OrderNotFound,
    SaveCard,
)
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.ports.access import Scope
from tests.builders import gel, principal
from tests.unit.conftest import World

OPERATOR = principal("echodesk", Scope.OPERATOR)
HELD = Terms(capture=Capture.MANUAL, save_card=SaveCard.NO)


async def held(world: World) -> Order:
    order = await world.buy(terms=HELD)
    world.bank.pay(order, status=BankStatus.BLOCKED)
    await world.hear(order)
    return await world.order(order.id)


async def test_held_money_gives_no_access_until_it_is_captured(world: World) -> None:
    order = await held(world)
    assert order.state is OrderState.BLOCKED
    assert not (await world.subscription()).has_access(world.clock.moment)
    order = await world.preauthorisation.capture(OPERATOR, order.id)
    assert (order.state, order.captured) == (OrderState.COMPLETED, gel("145.00"))
    assert (await world.subscription()).has_access(world.clock.moment)


async def test_part_of_a_hold_can_be_captured(world: World) -> None:
    order = await world.preauthorisation.capture(OPERATOR, (await held(world)).id, Decimal("100.00"))
    assert (order.state, order.captured) == (OrderState.COMPLETED, gel("100.00"))


async def test_a_hold_can_be_released(world: World) -> None:
    order = await world.preauthorisation.release(OPERATOR, (await held(world)).id)
    assert order.state is OrderState.REJECTED


async def test_capture_and_release_happen_once_and_exclude_each_other(world: World) -> None:
    order = await held(world)
    captured = await world.preauthorisation.capture(OPERATOR, order.id)
    assert (await world.preauthorisation.capture(OPERATOR, order.id)).captured == captured.captured
    with pytest.raises(IllegalTransition, match="is completed"):
        await world.preauthorisation.capture(OPERATOR, order.id, Decimal("1.00"))
    with pytest.raises(IllegalTransition, match="is completed"):
        await world.preauthorisation.release(OPERATOR, order.id)
    assert (world.bank.count("capture"), world.bank.count("release")) == (1, 0)


async def test_a_capture_takes_only_held_money_and_no_more(world: World) -> None:
    order = await held(world)
    with pytest.raises(AmountTooLarge):
        await world.preauthorisation.capture(OPERATOR, order.id, Decimal("145.01"))
    other = await world.buy("globex")
    with pytest.raises(IllegalTransition, match="is processing: capture is not possible"):
        await world.preauthorisation.capture(OPERATOR, other.id)
    with pytest.raises(OrderNotFound):
        await world.preauthorisation.capture(principal("globex"), order.id)
    assert world.bank.count("capture") == 0


async def test_after_a_timeout_the_receipt_settles_the_order(world: World) -> None:
    order = await held(world)
    world.bank.failures_of["receipt"] = [GatewayTimeout("silence")]
    with pytest.raises(GatewayTimeout):
        await world.preauthorisation.capture(OPERATOR, order.id)
    assert (await world.order(order.id)).state is OrderState.BLOCKED
    world.clock.advance(hours=1)
    async for _ in world.reconcile.run():
        pass
    assert (await world.order(order.id)).state is OrderState.COMPLETED


@pytest.mark.parametrize("name", ["capture", "release"])
@pytest.mark.parametrize(
    ("error", "told"),
    [(None, "accepted"), (GatewayRefused(409, "not any more"), "refused"), (GatewayTimeout("silence"), "in_doubt")],
)
async def test_the_history_shows_the_result_of_the_call(
    world: World, name: str, error: GatewayError | None, told: str
) -> None:
    order = await held(world)
    world.bank.failures_of[name] = [error] if error else []
    with pytest.raises(type(error)) if error else contextlib.nullcontext():
        await getattr(world.preauthorisation, name)(OPERATOR, order.id)
    history = (await world.views.timeline(OPERATOR, order.id)).history
    notes = [
        (step.event, step.detail, step.before == step.after) for step in history if step.event.startswith(name + "_")
    ]
    assert notes == [(f"{name}_{told}", str(error or ""), True)]
