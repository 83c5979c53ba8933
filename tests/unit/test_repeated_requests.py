"""What a caller may repeat after an unknown outcome is done once, with or without a key."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from echodesk_billing import GatewayRefused, GatewayTimeout, GatewayUnavailable, InvalidSelection, Wallet
from echodesk_billing.application.changes import When
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.ports.access import Scope
from tests.builders import gel, principal
from tests.unit.conftest import World

ACME = principal("acme")
OPERATOR = principal("us", Scope.OPERATOR)
TEN = Decimal("10.00")
AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("error", [GatewayTimeout("silence"), GatewayUnavailable("busy", 30)])
async def test_a_refund_repeated_after_an_error_is_made_once(world: World, error: Exception, named: bool) -> None:
    order = await world.buy_and_pay()
    name = str(uuid4()) if named else None
    world.bank.failures_of["refund"] = [error]  # type: ignore[list-item]
    with pytest.raises(type(error)):
        await world.refunds.refund(OPERATOR, order.id, TEN, refund_id=name)
    world.clock.advance(seconds=30)
    after, _ = await world.refunds.refund(OPERATOR, order.id, TEN, refund_id=name)
    assert [one.amount for one in after.refunds] == [gel("10.00")]
    assert len({key for kind, key in world.bank.calls if kind == "refund"}) == 1


async def test_two_refunds_of_the_same_amount_with_two_ids_are_two(world: World) -> None:
    order = await world.buy_and_pay()
    for _ in range(2):
        after, _ = await world.refunds.refund(OPERATOR, order.id, TEN, refund_id=str(uuid4()))
    assert len(after.refunds) == 2


async def test_a_refund_accepted_a_minute_ago_is_not_repeated(world: World) -> None:
    order = await world.buy_and_pay()
    await world.refunds.refund(OPERATOR, order.id, TEN)
    world.clock.advance(minutes=2)
    after, _ = await world.refunds.refund(OPERATOR, order.id, TEN)
    assert len(after.refunds) == 2


async def test_one_refund_id_on_two_orders_makes_two_refunds(world: World) -> None:
    orders, name = [await world.buy_and_pay(tenant) for tenant in ("acme", "globex")], str(uuid4())
    for order in orders:
        await world.refunds.refund(OPERATOR, order.id, TEN, refund_id=name)
    assert len({key for kind, key in world.bank.calls if kind == "refund"}) == 2


async def test_a_refund_id_is_a_uuid_and_belongs_to_one_amount(world: World) -> None:
    order, name = await world.buy_and_pay(), str(uuid4())
    await world.refunds.refund(OPERATOR, order.id, TEN, refund_id=name)
    with pytest.raises(InvalidSelection, match=r"asked for 10.00 GEL, not 20.00 GEL"):
        await world.refunds.refund(OPERATOR, order.id, 2 * TEN, refund_id=name)
    with pytest.raises(InvalidSelection, match="is not a UUID"):
        await world.refunds.refund(OPERATOR, order.id, TEN, refund_id="mine")


async def test_who_asked_for_a_refund_is_recorded(world: World) -> None:
    order = await world.buy_and_pay()
    _, refund = await world.refunds.refund(OPERATOR, order.id, TEN)
    assert refund.by == "admin@us"
    history = await world.storage.read(lambda uow: uow.orders.history(order.id))
    assert [step.by for step in history if step.event == "refund_requested"] == ["admin@us"]


async def test_a_purchase_repeated_under_its_key_is_the_same_order_whatever_became_of_it(world: World) -> None:
    order = await world.buy(key="mine")
    world.bank.pay(order)
    await world.hear(order)
    world.clock.advance(hours=1)
    again = await world.buy(key="mine")
    assert (again.id, again.state, world.bank.count("create")) == (order.id, OrderState.COMPLETED, 1)


async def test_equal_keys_of_two_tenants_are_different_keys(world: World) -> None:
    assert (await world.buy(key="k")).id != (await world.buy("globex", key="k")).id


async def test_a_key_used_for_another_plan_is_refused(world: World) -> None:
    await world.buy(key="k")
    with pytest.raises(InvalidSelection, match="is for another plan"):
        await world.buy(package_id=1, key="k")


async def test_two_keys_do_not_replace_the_protection_from_double_clicks(world: World) -> None:
    assert (await world.buy(key="a")).id == (await world.buy(key="b")).id


async def test_a_wallet_payment_repeated_after_an_error_is_charged_once(world: World) -> None:
    terms = Terms(wallet=Wallet.GOOGLE_PAY, save_card=SaveCard.NO)

    async def buy(token: str) -> object:
        return await world.checkout.buy(ACME, Selection(package_id=2), terms=terms, wallet_token=token)

    world.bank.after_effect = GatewayUnavailable("HTTP 503", 30)
    with pytest.raises(GatewayUnavailable):
        await buy("one")
    (order,) = await world.orders()
    world.bank.pay(order)
    for _ in range(2):
        async for _ in world.reconcile.run(older_than=order.created_at - order.created_at):
            pass
    world.clock.advance(seconds=30)
    again = await buy("one")
    assert (again.id, len(await world.orders())) == (order.id, 1)  # type: ignore[attr-defined]
    await buy("another")
    assert len(await world.orders()) == 2


async def test_a_charge_repeated_under_its_key_pays_no_further_period(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    charge = await world.charging.charge(ACME, key="november")
    await world.answer(charge.order)
    again = await world.charging.charge(ACME, key="november")
    assert (again.order.id, (await world.subscription()).next_period) == (charge.order.id, 2)


async def test_a_card_check_repeated_after_an_error_is_one_order(world: World) -> None:
    world.bank.failures_of["create"] = [GatewayTimeout("silence")]
    with pytest.raises(GatewayTimeout):
        await world.cards.add(ACME)
    await world.cards.add(ACME)
    await world.cards.add(ACME)
    assert len(await world.orders()) == 1


async def test_an_upgrade_repeated_under_its_key_after_it_was_paid_is_the_same_order(world: World) -> None:
    await world.buy_and_pay(package_id=1, seats=1)

    def more(has: Selection) -> Selection:
        return Selection(package_id=has.package_id, seats=4)

    changed = await world.change_plan.change(ACME, more, When.NOW, key="k")
    assert changed.order is not None
    world.bank.pay(changed.order)
    await world.hear(changed.order)
    again = await world.change_plan.change(ACME, more, When.NOW, key="k")
    assert again.order is not None
    assert again.order.id == changed.order.id


async def test_an_order_refused_by_the_bank_is_refused_again_under_its_key(world: World) -> None:
    world.bank.failures_of["create"] = [GatewayRefused(400, "callback_url")]
    for _ in range(2):
        with pytest.raises(GatewayRefused, match="callback_url"):
            await world.buy(key="k")
    assert world.bank.count("create") == 1
