"""The bank's callback is evidence, a hint, or nothing."""

import pytest
from attrs import evolve

from echodesk_billing import (
    CallbackOrderUnknown,
    CallbackRefused,
    GatewayNotConfigured,
    GatewayRefused,
    GatewayTimeout,
    MalformedCallback,
)
from echodesk_billing.application.callbacks import HINT_EVERY
from echodesk_billing.application.settled import Outcome
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.report import BankReport, BankStatus
from tests.builders import gel, report
from tests.unit.conftest import World


async def test_a_signed_callback_activates_the_subscription(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order)
    await world.hear(order)
    assert (await world.order(order.id)).state is OrderState.COMPLETED
    assert (await world.subscription()).has_access(world.clock.moment)
    assert await world.names() == ["OrderCreated", "OrderCompleted", "SubscriptionActivated", "InvoiceIssued"]
    assert ("receipt", "bank-1") not in world.bank.calls


async def test_the_same_callback_again_changes_nothing(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order)
    body = world.bank.callback("bank-1")
    assert (await world.callbacks.receive(body, "good")).outcome is Outcome.APPLIED
    assert (await world.callbacks.receive(body, "good")).outcome is Outcome.DUPLICATE
    assert await world.names() == ["OrderCreated", "OrderCompleted", "SubscriptionActivated", "InvoiceIssued"]


async def test_an_invalid_signature_changes_nothing_and_is_recorded(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order)
    with pytest.raises(CallbackRefused):
        await world.hear(order, "forged")
    assert (await world.order(order.id)).state is OrderState.PROCESSING
    assert world.bank.count("receipt") == 0


async def test_an_unsigned_callback_is_checked_against_the_receipt(world: World) -> None:
    order = await world.buy()
    body = b'{"order": "bank-1", "status": "completed"}'  # a lie: nobody has paid
    settled = await world.callbacks.receive(body, None)
    assert settled.outcome is Outcome.UNCHANGED
    assert ("receipt", "bank-1") in world.bank.calls
    assert (await world.order(order.id)).state is OrderState.PROCESSING

    world.bank.pay(order)
    await world.hear(order, None)  # too soon for another call: it is asked about a moment later
    assert world.bank.count("receipt") == 1
    assert (await world.order(order.id)).check_at == world.clock.moment + HINT_EVERY
    world.clock.advance(seconds=5)
    await world.hear(order, None)
    assert (await world.order(order.id)).state is OrderState.COMPLETED


async def test_an_unsigned_callback_does_not_spoil_the_signed_one(world: World) -> None:
    order = await world.buy()
    await world.hear(order, None)
    world.bank.pay(order)
    await world.hear(order, None)
    await world.hear(order)
    assert (await world.names()).count("SubscriptionActivated") == 1


async def test_a_hint_about_an_order_we_do_not_have_costs_no_call_to_the_bank(world: World) -> None:
    with pytest.raises(CallbackOrderUnknown):
        await world.callbacks.receive(b'{"order": "bank-9", "status": "completed"}', None)
    assert world.bank.calls == []


async def test_a_hint_without_credentials_is_left_for_later(world: World) -> None:
    order = await world.buy()
    world.bank.is_configured = False
    with pytest.raises(GatewayNotConfigured):
        await world.hear(order, None)


async def test_a_signed_callback_for_an_unknown_order_is_not_recorded_as_processed(world: World) -> None:
    body = b'{"order": "bank-1", "status": "completed"}'
    with pytest.raises(CallbackOrderUnknown):
        await world.callbacks.receive(body, "good")
    order = await world.buy()
    world.bank.pay(order)
    assert (await world.callbacks.receive(body, "good")).outcome is Outcome.APPLIED


async def test_a_callback_before_the_create_answer_is_stored_works(world: World) -> None:
    create = world.bank.create_order

    async def create_and_be_paid_at_once(order: Order, wallet_token: str = "") -> BankReport:
        answer = await create(order, wallet_token)
        world.bank.pay(order)
        await world.callbacks.receive(world.bank.callback(answer.bank_order_id), "good")
        return answer

    world.bank.create_order = create_and_be_paid_at_once  # type: ignore[method-assign]
    order = await world.buy()
    assert (order.state, order.payment_url is not None) == (OrderState.COMPLETED, True)
    assert (await world.names()).count("OrderCompleted") == 1


async def test_a_malformed_callback_is_recorded_and_rejected(world: World) -> None:
    with pytest.raises(MalformedCallback):
        await world.callbacks.receive(b"[]", "good")


async def test_paid_after_rejected_is_confirmed_by_receipt(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order, status=BankStatus.REJECTED, code="107")
    await world.hear(order)
    assert (await world.order(order.id)).state is OrderState.REJECTED
    world.bank.pay(order)
    await world.hear(order)
    assert ("receipt", "bank-1") in world.bank.calls
    assert (await world.order(order.id)).state is OrderState.COMPLETED
    assert await world.names() == [
        "OrderCreated",
        "OrderRejected",
        "OrderCorrected",
        "SubscriptionActivated",
        "InvoiceIssued",
    ]


async def test_paid_after_rejected_without_a_receipt_changes_nothing(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order, status=BankStatus.REJECTED, code="107")
    await world.hear(order)
    world.bank.pay(order)
    world.bank.failures = [GatewayRefused(400, "no")]
    with pytest.raises(GatewayRefused):
        await world.hear(order)
    assert (await world.order(order.id)).state is OrderState.REJECTED
    await world.hear(order)
    assert (await world.order(order.id)).state is OrderState.COMPLETED


async def test_a_changed_amount_needs_attention(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order, transferred=gel("1.00"))
    await world.hear(order)
    stored = await world.order(order.id)
    assert (stored.state, len(stored.attention)) == (OrderState.PROCESSING, 1)
    assert await world.names() == ["OrderCreated", "OrderMismatch"]
    assert not (await world.subscription()).has_access(world.clock.moment)


async def test_two_tabs_both_paid_activate_once_and_the_other_is_refunded(world: World) -> None:
    first, second = await world.buy(distinct=True), await world.buy(distinct=True)
    for order in (first, second):
        world.bank.pay(order)
        await world.hear(order)
    names = await world.names()
    assert (names.count("SubscriptionActivated"), names.count("OrderMismatch")) == (1, 1)
    assert (await world.subscription()).next_period == 1
    async for _ in world.reconcile.run():
        pass
    assert world.bank.count("refund") == 1
    world.bank.give_back(await world.order(second.id))
    await world.hear(second)
    assert (await world.order(second.id)).state is OrderState.REFUNDED
    assert (await world.order(first.id)).state is OrderState.COMPLETED


async def test_a_callback_signed_for_another_merchant_completes_nothing(world: World) -> None:
    """The bank signs for all merchants with one key, and any of them may name an order as we do."""
    world.bank.failures_of["create"] = [GatewayTimeout("silence")]
    with pytest.raises(GatewayTimeout):
        await world.buy()  # the bank's id of our order is not known here
    (order,) = await world.orders()
    theirs = report(BankStatus.COMPLETED, bank_order_id="theirs", external_order_id=order.id)
    world.bank.read_callback = lambda _: theirs  # type: ignore[method-assign]
    with pytest.raises(CallbackOrderUnknown):
        await world.callbacks.receive(b"{}", "good")
    after = await world.order(order.id)
    assert (after.state, after.bank_order_id, after.attention) == (OrderState.CREATED, None, ())


async def test_another_merchants_callback_about_an_order_of_known_id_changes_and_marks_nothing(world: World) -> None:
    order = await world.buy()
    theirs = report(BankStatus.COMPLETED, bank_order_id="theirs", external_order_id=order.id)
    world.bank.read_callback = lambda _: theirs  # type: ignore[method-assign]
    await world.callbacks.receive(b"{}", "good")  # the receipt of our own order says nothing new
    after = await world.order(order.id)
    assert (after.state, after.attention) == (OrderState.PROCESSING, ())
    assert ("receipt", "bank-1") in world.bank.calls


async def test_a_callback_that_names_another_merchant_is_refused_where_the_settings_name_ours(world: World) -> None:
    order = await world.buy()
    world.bank.pay(order)
    paid = world.bank.receipts["bank-1"]
    world.bank.receipts["bank-1"] = evolve(paid, merchant_id="20002")
    with pytest.raises(CallbackOrderUnknown):
        await world.hear(order)
    world.bank.receipts["bank-1"] = evolve(paid, merchant_id="10001")
    await world.hear(order)
    assert (await world.order(order.id)).state is OrderState.COMPLETED


async def test_hints_cost_one_receipt_in_some_seconds_and_none_once_the_order_is_settled(world: World) -> None:
    order = await world.buy()
    for _ in range(20):
        await world.hear(order, None)
    assert world.bank.count("receipt") == 1
    world.bank.pay(order)
    await world.hear(order)
    world.clock.advance(hours=1)
    for _ in range(20):
        await world.hear(order, None)
    assert world.bank.count("receipt") == 1


async def test_hints_about_ever_more_orders_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echodesk_billing.application.callbacks.MOST_HINTS", 2)
    for tenant in ("one", "two", "three"):
        await world.hear(await world.buy(tenant), None)
    assert world.bank.count("receipt") == 2
