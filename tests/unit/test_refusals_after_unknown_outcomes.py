"""A refusal says what the refused attempt did, and nothing of an attempt before it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from echodesk_billing import GatewayOutcomeUnknown, GatewayRefused, GatewayTimeout, OrderMismatch
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.customers.card import CardState
from echodesk_billing.domain.orders.attempt import Attempt, is_alone
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.refund import RefundState
from echodesk_billing.domain.orders.report import BankReport
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, an_order, gel, principal
from tests.unit.conftest import World

ACME = principal("acme")
OPERATOR = principal("us", Scope.OPERATOR)
AUTOMATIC = Terms(save_card=SaveCard.AUTOMATIC)
REFUSED = GatewayRefused(400, "no")


async def reconcile(world: World) -> None:
    async for _ in world.reconcile.run():
        pass


async def charge_with_unknown_outcome(world: World) -> Order:
    """The bank took a charge up, and nobody heard of it."""
    await world.buy_and_pay(terms=AUTOMATIC)
    world.bank.after_effect = GatewayTimeout("silence")
    with pytest.raises(GatewayTimeout):
        await world.charging.charge(ACME)
    return next(order for order in await world.orders() if order.state is OrderState.CREATED)


async def test_a_refused_repetition_does_not_reject_a_charge_that_went_through(world: World) -> None:
    order = await charge_with_unknown_outcome(world)
    world.bank.pay(order)
    world.bank.failures_of["create"] = [REFUSED]
    world.clock.advance(minutes=1)
    await reconcile(world)
    assert (await world.order(order.id)).state is OrderState.CREATED
    world.clock.advance(hours=1)
    await reconcile(world)  # the bank gives its id
    world.clock.advance(hours=1)
    await reconcile(world)
    assert (await world.order(order.id)).state is OrderState.COMPLETED


async def test_a_customer_who_retries_sees_that_the_outcome_is_unknown(world: World) -> None:
    world.bank.after_effect = GatewayTimeout("silence")
    with pytest.raises(GatewayTimeout):
        await world.buy()
    world.bank.failures_of["create"] = [REFUSED]
    with pytest.raises(GatewayOutcomeUnknown, match="an earlier attempt may have succeeded"):
        await world.buy()
    (order,) = await world.orders()
    assert order.state is OrderState.CREATED


async def test_a_refused_first_attempt_does_not_reject_a_charge_that_another_process_made_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that stops between storing and asking is overtaken by reconciliation."""
    await world.buy_and_pay(terms=AUTOMATIC)
    create = world.bank.create_order

    async def overtaken(order: Order, wallet_token: str = "") -> BankReport:  # noqa: ARG001
        monkeypatch.setattr(world.bank, "create_order", create)
        world.bank.after_effect = GatewayTimeout("silence")
        world.clock.advance(minutes=1)
        await reconcile(world)
        raise REFUSED

    monkeypatch.setattr(world.bank, "create_order", overtaken)
    with pytest.raises(GatewayOutcomeUnknown, match="an earlier attempt may have succeeded"):
        await world.charging.charge(ACME)
    order = next(order for order in await world.orders() if order.state is OrderState.CREATED)
    world.bank.pay(order)
    for _ in range(2):  # the bank gives its id, then its receipt
        world.clock.advance(hours=1)
        await reconcile(world)
    assert (await world.order(order.id)).state is OrderState.COMPLETED


async def test_a_refused_first_attempt_does_not_fail_a_refund_requested_by_another_process(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await world.buy_and_pay()
    refund = world.bank.refund

    async def overtaken(*_: object) -> str:
        monkeypatch.setattr(world.bank, "refund", refund)
        world.bank.failures_of["refund"] = [GatewayTimeout("silence")]
        world.clock.advance(minutes=1)
        await reconcile(world)
        raise REFUSED

    monkeypatch.setattr(world.bank, "refund", overtaken)
    with pytest.raises(GatewayOutcomeUnknown):
        await world.refunds.refund(ACME, order.id)
    (asked,) = (await world.order(order.id)).refunds
    assert asked.state is RefundState.REQUESTED


def test_a_check_requested_during_a_check_is_made_next() -> None:
    """A callback contradicts a rejection while reconciliation is still writing down what it found before."""
    order = an_order()
    planned = order.check_at
    order.refuse("no", NOW)
    order.check_at = NOW + timedelta(minutes=2)  # the callback
    order.checked(NOW + timedelta(minutes=3), planned=planned)
    assert order.check_at is not None
    order.checked(order.check_at, planned=order.check_at)
    assert order.check_at is None


@pytest.mark.parametrize(
    ("attempt", "repeated_hours_ago", "settles"),
    [
        (Attempt.FIRST, [], True),
        (Attempt.FIRST, [8], False),
        (Attempt.AGAIN, [0], False),
        (Attempt.LAST, [0], True),
        (Attempt.LAST, [1, 0], True),
        (Attempt.LAST, [0.5, 0], False),
        (Attempt.LAST, [24], False),  # it took a day: others may have asked meanwhile
    ],
)
def test_which_refusals_settle_an_order(attempt: Attempt, repeated_hours_ago: list[float], *, settles: bool) -> None:
    order = an_order()
    for hours in repeated_hours_ago:
        order.called("create", "repeated", NOW - timedelta(hours=hours))
    assert attempt.is_settled_by_refusal(order.steps, NOW) is settles


@pytest.mark.parametrize(("hours_ago", "settles"), [(0.5, False), (2, True)])
def test_a_last_refusal_settles_nothing_while_another_attempt_has_an_unknown_outcome(
    hours_ago: float, *, settles: bool
) -> None:
    order = an_order()
    order.called("create", "in_doubt", NOW - timedelta(hours=hours_ago), "half an answer")
    order.called("create", "repeated", NOW)
    assert Attempt.LAST.is_settled_by_refusal(order.steps, NOW) is settles


def test_a_doubt_after_a_rejection_has_the_bank_asked_again() -> None:
    """The process of the first attempt was held up for hours, and others were refused meanwhile."""
    order = an_order(state=OrderState.REJECTED)
    order.check_at = None
    order.called("create", "in_doubt", NOW, "silence")
    assert order.check_at == NOW
    settled = an_order(state=OrderState.COMPLETED)
    settled.check_at = None
    settled.called("create", "in_doubt", NOW, "silence")
    assert settled.check_at is None


def test_a_refused_refund_is_settled_by_the_only_process_that_tries() -> None:
    order = an_order()
    order.called("refund", "repeated", NOW, "one")
    order.called("refund", "repeated", NOW, "two")
    assert is_alone(order.steps, "refund", "one", NOW)
    order.called("refund", "repeated", NOW, "one")
    assert not is_alone(order.steps, "refund", "one", NOW)


async def test_an_old_charge_is_found_by_our_id_and_not_sent_again(world: World) -> None:
    order = await charge_with_unknown_outcome(world)
    world.bank.pay(order)
    sent = world.bank.count("create")
    world.clock.advance(hours=13)
    await reconcile(world)
    assert (await world.order(order.id)).state is OrderState.COMPLETED
    assert world.bank.count("create") == sent


async def test_an_old_charge_that_the_bank_does_not_find_needs_attention_and_is_not_sent_again(world: World) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    world.bank.failures_of["create"] = [GatewayTimeout("silence")]
    with pytest.raises(GatewayTimeout):
        await world.charging.charge(ACME)
    order = next(order for order in await world.orders() if order.state is OrderState.CREATED)
    sent = world.bank.count("create")
    for _ in range(3):
        world.clock.advance(hours=13)
        await reconcile(world)
    (reason,) = (await world.order(order.id)).attention
    assert "the bank does not find it by our id" in reason
    assert world.bank.count("create") == sent
    resolved = await world.settlement.resolve(OPERATOR, order.id, "not in the business manager")
    assert (resolved.state, resolved.attention) == (OrderState.REJECTED, ())


async def test_an_old_order_that_a_customer_was_to_pay_is_sent_again_and_may_be_refused_then(world: World) -> None:
    world.bank.failures_of["create"] = [GatewayTimeout("silence")]
    with pytest.raises(GatewayTimeout):
        await world.buy()
    (order,) = await world.orders()
    world.bank.failures_of["create"] = [REFUSED]
    world.clock.advance(hours=13)
    await reconcile(world)
    assert (await world.order(order.id)).state is OrderState.REJECTED


async def refund_with_unknown_outcome(world: World, *, with_effect: bool) -> Order:
    order = await world.buy_and_pay()
    world.bank.failures_of["refund"] = [GatewayTimeout("silence"), REFUSED]
    with pytest.raises(GatewayTimeout):
        await world.refunds.refund(OPERATOR, order.id, Decimal("40.00"))
    if with_effect:
        world.bank.give_back(await world.order(order.id))
    return order


async def test_a_refused_repetition_does_not_fail_a_successful_refund(world: World) -> None:
    order = await refund_with_unknown_outcome(world, with_effect=True)
    world.clock.advance(hours=2)
    await reconcile(world)
    after = await world.order(order.id)
    assert (after.refunded, after.state, after.attention) == (gel("40.00"), OrderState.REFUNDED_PARTIALLY, ())
    held = await world.storage.read(lambda uow: uow.books.balance("bank"))
    assert list(held.values()) == [gel("105.00")]


async def test_a_refund_that_is_refused_and_not_listed_fails_after_an_hour(world: World) -> None:
    order = await refund_with_unknown_outcome(world, with_effect=False)
    world.clock.advance(minutes=10)
    await reconcile(world)
    assert [one.state for one in (await world.order(order.id)).refunds] == [RefundState.REQUESTED]
    world.bank.failures_of["refund"] = [REFUSED]
    world.clock.advance(hours=1)
    await reconcile(world)
    after = await world.order(order.id)
    assert [one.state for one in after.refunds] == [RefundState.FAILED]
    assert any(isinstance(event, OrderMismatch) for event in await world.events())


async def test_a_refund_whose_key_may_be_forgotten_is_sent_again_only_where_the_receipt_lacks_it(world: World) -> None:
    order = await refund_with_unknown_outcome(world, with_effect=True)
    sent = world.bank.count("refund")
    world.clock.advance(hours=13)
    await reconcile(world)
    assert (await world.order(order.id)).refunded == gel("40.00")
    assert world.bank.count("refund") == sent


@pytest.mark.parametrize("status", [400, 409])
async def test_a_refused_deletion_does_not_count_as_deleted(world: World, status: int) -> None:
    await world.buy_and_pay(terms=AUTOMATIC)
    world.bank.failures_of["forget card"] = [GatewayRefused(status, "not now")]
    card = await world.cards.forget(ACME)
    stored = await world.storage.read(lambda uow: uow.cards.of_order(card.order_id))
    assert stored is not None
    assert stored.state is CardState.FORGETTING
    world.clock.advance(minutes=1)
    await reconcile(world)
    assert world.bank.forgotten == {"bank-1"}


async def test_a_card_that_the_bank_cannot_delete_does_not_block_others(world: World) -> None:
    for tenant in ("acme", "globex"):
        await world.buy_and_pay(tenant, terms=AUTOMATIC)
        world.bank.failures_of["forget card"] = [GatewayTimeout("silence")]
        await world.cards.forget(principal(tenant))
    world.bank.failures_of["forget card"] = [GatewayTimeout("silence")]
    world.clock.advance(minutes=1)
    await reconcile(world)
    assert world.bank.forgotten == {"bank-2"}
    waits = await world.storage.read(lambda uow: uow.cards.forgetting(world.clock.moment + timedelta(hours=1), 9))
    assert [card.tenant_id for card in waits] == ["acme"]


async def test_a_charge_is_not_sent_again_while_the_bank_may_still_have_a_removed_card(world: World) -> None:
    order = await charge_with_unknown_outcome(world)
    world.bank.failures_of["forget card"] = [GatewayTimeout("silence")]
    await world.cards.forget(ACME)
    sent = world.bank.count("create")
    world.bank.failures_of["forget card"] = [GatewayTimeout("silence")]
    world.clock.advance(minutes=1)
    await reconcile(world)
    assert world.bank.count("create") == sent
    world.clock.advance(hours=1)
    await reconcile(world)  # deletes the card
    world.clock.advance(hours=1)
    await reconcile(world)  # now asking is safe: the bank tells what became of it, and can charge nothing
    assert (await world.order(order.id)).state is OrderState.PROCESSING
