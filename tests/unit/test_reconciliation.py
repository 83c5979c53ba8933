"""Orders that nothing was heard of are found out."""

from datetime import timedelta

import pytest

from echodesk_billing import GatewayNotConfigured, GatewayTimeout, GatewayUnavailable
from echodesk_billing.application.reconciliation import Reconciled
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.report import BankStatus
from tests.unit.conftest import World


async def reconcile(world: World, older_than: timedelta | None = timedelta(0)) -> list[Reconciled]:
    return [one async for one in world.reconcile.run(older_than=older_than)]


async def test_an_order_lost_in_a_timeout_is_found_without_a_second_order(world: World) -> None:
    world.bank.after_effect = GatewayTimeout("silence")
    with pytest.raises(GatewayTimeout):
        await world.buy()
    (found,) = await reconcile(world)
    assert (found.before, found.after, found.problem) == ("created", "processing", None)
    assert len(world.bank.created) == 1


async def test_a_payment_whose_callback_was_lost_is_read_from_the_receipt(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order)
    (found,) = await reconcile(world)
    assert (found.after, (await world.subscription()).has_access(world.clock.moment)) == ("completed", True)


async def test_an_order_that_expired_at_the_bank_is_rejected(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order, status=BankStatus.REJECTED, code=None, reject_reason="expiration")
    await reconcile(world)
    assert (await world.order(order.id)).reject_reason == "expiration"


async def test_our_own_clock_rejects_nothing(world: World) -> None:
    order = await world.buy()
    world.clock.advance(days=30)
    await reconcile(world)
    assert (await world.order(order.id)).state is OrderState.PROCESSING


async def test_only_due_orders_are_checked(world: World) -> None:
    await world.buy()
    assert await reconcile(world, None) == []
    world.clock.advance(minutes=1)
    assert len(await reconcile(world, None)) == 1
    assert await reconcile(world, None) == []


async def test_young_orders_can_be_skipped(world: World) -> None:
    await world.buy()
    assert await reconcile(world, timedelta(minutes=5)) == []
    world.clock.advance(minutes=5)
    assert len(await reconcile(world, timedelta(minutes=5))) == 1


async def test_a_check_is_repeated_later_where_the_bank_cannot_be_reached(world: World) -> None:
    order = await world.buy()
    world.bank.failures = [GatewayUnavailable("down")]
    world.clock.advance(minutes=1)
    (found,) = await reconcile(world, None)
    assert (found.problem, found.after) == ("down", "processing")
    assert (await world.order(order.id)).check_at == world.clock.moment + timedelta(minutes=1)


async def test_many_orders_are_each_checked_once(world: World) -> None:
    for number in range(130):
        await world.buy(f"tenant-{number}")
    assert len(await reconcile(world)) == 130
    assert len([call for call in world.bank.calls if call[0] == "receipt"]) == 130


async def test_without_credentials_it_reports_that(world: World) -> None:
    world.bank.is_configured = False
    with pytest.raises(GatewayNotConfigured):
        await reconcile(world)
