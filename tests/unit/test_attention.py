"""What needs attention ends: by an operator's word, or because the bank proved it settled."""

from __future__ import annotations

from decimal import Decimal

import pytest

from echodesk_billing import InvalidSelection, OrderAttentionResolved, OrderNotFound
from echodesk_billing.domain.orders.report import BankStatus, Source
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, an_order, gel, misfits, paid, principal, refund, report
from tests.unit.conftest import World

OPERATOR = principal("us", Scope.OPERATOR)
S = BankStatus


async def test_an_operator_resolves_an_order_once_with_a_note(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order, transferred=gel("1.00"))
    await world.hear(order)
    assert len((await world.views.overview()).needs_attention) == 1
    with pytest.raises(InvalidSelection, match="what you found"):
        await world.settlement.resolve(OPERATOR, order.id, " ")
    for _ in range(2):
        await world.settlement.resolve(OPERATOR, order.id, "refunded in the business manager")
    assert (await world.views.overview()).needs_attention == []
    (told,) = [event for event in await world.events() if isinstance(event, OrderAttentionResolved)]
    assert (told.by, told.note) == ("admin@us", "refunded in the business manager")
    history = await world.storage.read(lambda uow: uow.orders.history(order.id))
    assert [(step.by, step.detail) for step in history if step.event == "resolved"] == [
        ("admin@us", "refunded in the business manager")
    ]
    await world.hear(order)  # the same again is known
    assert (await world.order(order.id)).attention == ()


async def test_a_tenant_cannot_resolve_another_tenants_order(world: World) -> None:
    order = await world.buy()
    with pytest.raises(OrderNotFound):
        await world.settlement.resolve(principal("globex"), order.id, "mine")


def test_a_refund_that_failed_and_then_succeeded_needs_no_attention() -> None:
    order = paid()
    order.observe(report(S.COMPLETED, refunds=(refund("a1", "10.00", failed="163"),)), NOW)
    assert len(order.attention) == 1
    events = order.observe(report(S.REFUNDED_PARTIALLY, refunds=(refund("a1", "10.00"),)), NOW)
    assert misfits(order) == ()
    assert [event.note for event in events if isinstance(event, OrderAttentionResolved)] == ["the refund succeeded"]


def test_everything_refunded_settles_every_failed_refund() -> None:
    order = paid()
    order.observe(report(S.COMPLETED, refunds=(refund("a1", "145.00", failed="162"),)), NOW)
    order.observe(report(S.REFUNDED, refunds=(refund("a1", "145.00", failed="162"), refund("a2", "145.00"))), NOW)
    assert misfits(order) == ()


def test_a_consistent_receipt_settles_a_wrong_callback() -> None:
    order = an_order()
    order.observe(report("unheard_of"), NOW)
    order.observe(report(S.COMPLETED, transferred=gel("1.00")), NOW)
    assert len(order.attention) == 2
    order.observe(report(S.COMPLETED, source=Source.CALLBACK), NOW)
    assert len(order.attention) == 2
    order.observe(report(S.COMPLETED, source=Source.RECEIPT), NOW)
    assert (order.attention, order.resolved) == ((), ())


async def test_an_error_of_the_operator_leaves_a_failed_refund_marked(world: World) -> None:
    order = await world.buy_and_pay()
    await world.refunds.refund(OPERATOR, order.id, Decimal("10.00"))
    world.bank.give_back(await world.order(order.id), failed="163")
    await world.hear(order)
    world.clock.advance(hours=1)
    async for _ in world.reconcile.run():
        pass
    assert len((await world.order(order.id)).attention) == 1
