"""What an operator is told of an order that is not settled."""

from __future__ import annotations

import pytest

from echodesk_billing import GatewayRefused, GatewayTimeout, SaveCard
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.orders.attention import unknown_outcome
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.ports.access import Scope
from tests.builders import an_order, principal
from tests.unit.conftest import World

OPERATOR = principal("us", Scope.OPERATOR)


async def test_an_order_the_bank_did_not_answer_to(world: World) -> None:
    world.bank.failures = [GatewayTimeout("silence")]
    with pytest.raises(GatewayTimeout):
        await world.buy()
    (order,) = (await world.views.overview()).unknown_outcomes
    assert unknown_outcome(order) == "the bank's answer to its creation is not known"
    history = await world.storage.read(lambda uow: uow.orders.history(order.id))
    assert [(step.event, step.detail) for step in history][-1] == ("create_in_doubt", "silence")
    (found,) = [one async for one in world.reconcile.run(older_than=order.created_at - order.created_at)]
    assert (found.unknown_outcome, found.since) == (unknown_outcome(order), order.created_at)


async def test_an_order_awaiting_its_customer_has_no_unknown_outcome(world: World) -> None:
    await world.buy()
    assert (await world.views.overview()).unknown_outcomes == []


async def test_a_refund_in_progress_is_reported(world: World) -> None:
    order = await world.buy_and_pay()
    world.bank.failures_of["refund"] = [GatewayTimeout("silence")]
    with pytest.raises(GatewayTimeout):
        await world.refunds.refund(OPERATOR, order.id)
    assert unknown_outcome(await world.order(order.id)) == "a refund may not have reached the bank"
    async for _ in world.reconcile.run():
        pass
    world.clock.advance(hours=1)
    async for _ in world.reconcile.run():
        pass
    assert unknown_outcome(await world.order(order.id)) == "the bank has not finished a refund"
    world.bank.give_back(await world.order(order.id))
    await world.hear(order)
    assert unknown_outcome(await world.order(order.id)) is None


async def test_a_charge_without_an_answer(world: World) -> None:
    await world.buy_and_pay(terms=Terms(save_card=SaveCard.AUTOMATIC))
    charge = await world.charging.charge(principal("acme"))
    assert unknown_outcome(await world.order(charge.order.id)) == "the charge of the saved card has no answer"


async def test_a_corrected_rejection_is_checked_until_the_receipt_is_read(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order, status=BankStatus.REJECTED, code="107")
    await world.hear(order)
    world.bank.pay(order)
    world.bank.failures_of["receipt"] = [GatewayTimeout("silence"), GatewayTimeout("silence")]
    with pytest.raises(GatewayTimeout):
        await world.hear(order)
    assert "took its rejection back" in (unknown_outcome(await world.order(order.id)) or "")
    async for _ in world.reconcile.run():
        pass
    assert unknown_outcome(await world.order(order.id)) is not None
    world.clock.advance(hours=1)
    async for _ in world.reconcile.run():
        pass
    assert (await world.order(order.id)).is_paid


def test_a_refused_call_leaves_no_unknown_outcome() -> None:
    order = an_order()
    order.refuse(str(GatewayRefused(400, "no")), order.created_at)
    assert unknown_outcome(order) is None


async def test_the_history_shows_every_call_to_the_bank(world: World) -> None:
    order = await world.buy()
    world.clock.advance(minutes=2)
    world.bank.failures_of["receipt"] = [GatewayTimeout("silence")]
    async for _ in world.reconcile.run():
        pass
    world.clock.advance(minutes=5)
    async for _ in world.reconcile.run():
        pass
    history = await world.storage.read(lambda uow: uow.orders.history(order.id))
    assert [step.detail for step in history if step.event == "asked"] == ["silence", ""]
