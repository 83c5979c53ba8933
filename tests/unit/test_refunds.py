"""Money goes back once, never more than was paid, and a failure is told."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from attrs import evolve

from echodesk_billing import (
    AmountTooLarge,
    GatewayRefused,
    GatewayTimeout,
    IllegalTransition,
    InvalidMoney,
    OrderMismatch,
    OrderNotFound,
)
from echodesk_billing.domain.errors import CurrencyMismatch
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders import refunding
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.refund import RefundState
from echodesk_billing.domain.orders.report import BankRefund, BankStatus
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, an_order, gel, principal, refund, report
from tests.unit.conftest import World

OPERATOR = principal("echodesk", Scope.OPERATOR)
S = BankStatus


async def test_a_refund_is_stored_before_the_bank_is_called_and_completed_by_its_report(world: World) -> None:
    order = await world.buy_and_pay()
    order, asked = await world.refunds.refund(OPERATOR, order.id, Decimal("45.00"), "unhappy")
    assert (order.state, order.refunded) == (OrderState.COMPLETED, gel("0.00"))
    assert [one.state for one in order.refunds] == [RefundState.REQUESTED]
    assert order.refunds[0].action_id == f"action-{asked.id}"
    world.bank.give_back(order)
    await world.hear(order)
    order = await world.order(order.id)
    assert (order.state, order.refunded, order.check_at) == (OrderState.REFUNDED_PARTIALLY, gel("45.00"), None)


async def test_a_partial_refund_then_the_rest_then_no_more(world: World) -> None:
    order = await world.buy_and_pay()
    await world.refunds.refund(OPERATOR, order.id, Decimal("45.00"))
    _, rest = await world.refunds.refund(OPERATOR, order.id)
    assert rest.amount == gel("100.00")
    with pytest.raises(AmountTooLarge, match=r"has 0.00 GEL to refund, not 0.01 GEL"):
        await world.refunds.refund(OPERATOR, order.id, Decimal("0.01"))
    world.bank.give_back(await world.order(order.id))
    await world.hear(order)
    assert (await world.order(order.id)).state is OrderState.REFUNDED
    with pytest.raises(IllegalTransition, match="is refunded: refund is not possible"):
        await world.refunds.refund(OPERATOR, order.id)
    assert world.bank.count("refund") == 2


@pytest.mark.parametrize(
    ("amount", "error"),
    [("145.01", AmountTooLarge), ("0.00", InvalidMoney), ("-5.00", InvalidMoney), ("1.001", InvalidMoney)],
)
async def test_an_impossible_amount_causes_no_call_to_the_bank(
    world: World, amount: str, error: type[Exception]
) -> None:
    order = await world.buy_and_pay()
    with pytest.raises(error):
        await world.refunds.refund(OPERATOR, order.id, Decimal(amount))
    assert world.bank.count("refund") == 0


async def test_an_unpaid_order_cannot_be_refunded(world: World) -> None:
    order = await world.buy()
    with pytest.raises(IllegalTransition, match="is processing: refund is not possible"):
        await world.refunds.refund(OPERATOR, order.id)
    with pytest.raises(OrderNotFound):
        await world.refunds.refund(principal("globex"), order.id)


async def test_a_refund_that_the_bank_refuses_has_failed_and_frees_its_amount(world: World) -> None:
    order = await world.buy_and_pay()
    world.bank.failures_of["refund"] = [GatewayRefused(400, "not today")]
    with pytest.raises(GatewayRefused):
        await world.refunds.refund(OPERATOR, order.id)
    order = await world.order(order.id)
    assert [one.state for one in order.refunds] == [RefundState.FAILED]
    assert "not today" in order.attention[0]
    await world.refunds.refund(OPERATOR, order.id)


async def test_a_refund_with_unknown_outcome_is_repeated_with_its_key(world: World) -> None:
    order = await world.buy_and_pay()
    world.bank.failures_of["refund"] = [GatewayTimeout("silence")]
    with pytest.raises(GatewayTimeout):
        await world.refunds.refund(OPERATOR, order.id)
    assert [one.state for one in (await world.order(order.id)).refunds] == [RefundState.REQUESTED]
    async for _ in world.reconcile.run(older_than=timedelta(0)):
        pass
    keys = [key for kind, key in world.bank.calls if kind == "refund"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_a_refund_that_fails_later_is_reported_once_and_can_be_retried(world: World) -> None:
    order = await world.buy_and_pay()
    order, _ = await world.refunds.refund(OPERATOR, order.id)
    world.bank.give_back(order, failed="162")
    for _ in range(2):
        await world.hear(order)
        async for _ in world.reconcile.run(older_than=timedelta(0)):
            pass
    order = await world.order(order.id)
    assert (order.state, order.refunds[0].state) == (OrderState.COMPLETED, RefundState.FAILED)
    assert "failed: declined by the issuer (code 162)" in order.attention[0]
    assert order.check_at is None
    assert len([event for event in await world.events() if isinstance(event, OrderMismatch)]) == 1
    order, again = await world.refunds.refund(OPERATOR, order.id)
    assert again.amount == gel("145.00")


def test_a_callback_before_the_answer_to_our_request_is_the_same_refund() -> None:
    order = an_order()
    order.observe(report(S.COMPLETED), NOW)
    refunding.request_refund(order, gel("45.00"), refund_id="ours", reason="", at=NOW)
    order.observe(report(S.REFUNDED_PARTIALLY, refunds=(refund("a1", "45.00"),)), NOW)
    refunding.refund_accepted(order, "ours", "a1", NOW)
    assert [(one.id, one.action_id, one.state) for one in order.refunds] == [("ours", "a1", RefundState.COMPLETED)]


def test_a_refund_made_in_the_banks_back_office_reduces_what_is_left() -> None:
    order = an_order()
    order.observe(report(S.REFUNDED_PARTIALLY, refunds=(refund("a1", "100.00"),)), NOW)
    with pytest.raises(AmountTooLarge):
        refunding.request_refund(order, gel("50.00"), refund_id="ours", reason="", at=NOW)


def test_a_refund_repeated_with_its_id_is_requested_once() -> None:
    order = an_order()
    order.observe(report(S.COMPLETED), NOW)
    first, second = (refunding.request_refund(order, None, refund_id="r", reason="", at=NOW) for _ in range(2))
    assert first == second
    assert len(order.refunds) == 1


def test_a_refund_in_another_currency_is_refused() -> None:
    order = an_order()
    order.observe(report(S.COMPLETED), NOW)
    with pytest.raises(CurrencyMismatch):
        refunding.request_refund(order, Money(Decimal(1), Currency.EUR), refund_id="r", reason="", at=NOW)


def test_a_success_after_a_failure_is_accepted() -> None:
    order = an_order()
    order.observe(report(S.COMPLETED, refunds=(refund("a1", "145.00", failed="162"),)), NOW)
    assert order.refunds[0].state is RefundState.FAILED
    order.observe(report(S.REFUNDED, refunds=(refund("a1", "145.00"),)), NOW)
    assert order.state is OrderState.REFUNDED
    order.observe(report(S.COMPLETED, refunds=(refund("a1", "145.00", failed="162"),)), NOW)
    assert (order.state, order.refunded) == (OrderState.REFUNDED, gel("145.00"))
    assert [one.state for one in order.refunds] == [RefundState.COMPLETED]


async def test_a_slow_refund_is_checked_until_it_is_completed(world: World) -> None:
    order = await world.buy_and_pay()
    order, _ = await world.refunds.refund(OPERATOR, order.id)
    for _ in range(3):
        world.clock.advance(hours=1)
        assert len([one async for one in world.reconcile.run()]) == 1
    world.bank.give_back(order)
    world.clock.advance(hours=1)
    assert [one.after async for one in world.reconcile.run()] == ["refunded"]
    world.clock.advance(hours=1)
    assert [one async for one in world.reconcile.run()] == []


async def test_two_equal_refunds_are_both_made_when_the_second_arrives_first(world: World) -> None:
    order = await world.buy_and_pay()
    world.bank.failures_of["refund"] = [GatewayTimeout("silence"), GatewayTimeout("silence")]
    for _ in range(2):
        with pytest.raises(GatewayTimeout):
            await world.refunds.refund(OPERATOR, order.id, gel("40.00").amount, refund_id=str(uuid4()))
    stored = await world.order(order.id)
    first, second = stored.refunds
    action = f"action-{second.id}"  # the bank took up the second only, and tells before it answers
    gone = BankRefund(action_id=action, amount=gel("40.00"), completed=True)
    known = world.bank.receipts[stored.bank_order_id or ""]
    world.bank.receipts[known.bank_order_id] = evolve(
        known, status=BankStatus.REFUNDED_PARTIALLY, refunds=(gone,), refunded=gel("40.00")
    )
    await world.hear(order)
    for _ in range(2):
        async for _ in world.reconcile.run(older_than=timedelta(0)):
            pass
    stored = await world.order(order.id)
    assert {one.id: one.action_id for one in stored.refunds} == {first.id: f"action-{first.id}", second.id: action}
    assert {one.id: one.state for one in stored.refunds} == {
        first.id: RefundState.REQUESTED,
        second.id: RefundState.COMPLETED,
    }


def test_two_equal_refunds_with_swapped_actions_are_corrected_without_loss() -> None:
    order = an_order()
    order.observe(report(BankStatus.COMPLETED), NOW)
    for refund_id in ("one", "other"):
        refunding.request_refund(order, gel("40.00"), refund_id=refund_id, reason="", at=NOW)
    both = (refund("action-other", "40.00"), refund("action-one", "40.00"))
    order.observe(report(BankStatus.REFUNDED_PARTIALLY, refunds=both, refunded=gel("80.00")), NOW)
    for refund_id in ("other", "one"):
        refunding.refund_accepted(order, refund_id, f"action-{refund_id}", NOW)
        assert {one.action_id for one in order.refunds} == {"action-one", "action-other"}
    assert {one.id: one.action_id for one in order.refunds} == {"one": "action-one", "other": "action-other"}
    assert order.refunded == gel("80.00")


def test_swapped_refunds_take_their_outcome_and_reason_with_them() -> None:
    order = an_order()
    order.observe(report(BankStatus.COMPLETED), NOW)
    for refund_id in ("one", "other"):
        refunding.request_refund(order, gel("40.00"), refund_id=refund_id, reason=f"reason of {refund_id}", at=NOW)
    failed = (refund("action-other", "40.00", failed="162"),)
    order.observe(report(BankStatus.COMPLETED, refunds=failed), NOW)
    refunding.refund_accepted(order, "other", "action-other", NOW)
    assert {one.id: (one.action_id, one.state, one.reason, one.failure) for one in order.refunds} == {
        "one": (None, RefundState.REQUESTED, "reason of one", ""),
        "other": ("action-other", RefundState.FAILED, "reason of other", "declined by the issuer (code 162)"),
    }
