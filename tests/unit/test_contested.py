"""Money that the bank gives back without being asked from here, and disputes, reach a person and end access if set."""

from datetime import timedelta

import pytest
from attrs import evolve

from echodesk_billing import OrderContested
from echodesk_billing.adapters.bog import codec
from echodesk_billing.domain.orders import attention, refunding
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.report import BankRefund, BankReport, BankStatus, Source
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, an_order, catalogue, gel, principal, refund, report
from tests.unit.conftest import World

S = BankStatus
OFFICE = "refunded at the bank: 45.00 GEL, which nobody here asked for"


def told(events: object) -> list[str]:
    return [event.reason for event in events if isinstance(event, OrderContested)]  # type: ignore[attr-defined]


def part(*refunds: BankRefund, **changes: object) -> BankReport:
    return evolve(report(S.REFUNDED_PARTIALLY, refunds=refunds), source=Source.RECEIPT, **changes)


def test_a_refund_that_nobody_here_asked_for_needs_attention_once() -> None:
    order = an_order()
    assert told(order.observe(part(refund("office", "45.00")), NOW)) == [OFFICE]
    assert told(order.observe(part(refund("office", "45.00")), NOW)) == []
    assert order.attention == (OFFICE,)
    attention.resolve(order, "the office gave it back", "op", NOW)
    assert told(order.observe(part(refund("office", "45.00")), NOW)) == []
    assert order.attention == ()
    further = order.observe(part(refund("office", "45.00"), refund("second", "5.00")), NOW)
    assert told(further) == ["refunded at the bank: 50.00 GEL, which nobody here asked for"]


def test_a_receipt_that_fits_does_not_clear_it() -> None:
    order = an_order()
    order.observe(part(refund("office", "45.00")), NOW)
    order.observe(part(refund("office", "45.00")), NOW + timedelta(days=1))
    assert order.attention == (OFFICE,)


def test_a_total_without_a_list_counts_once_also_when_the_list_comes_later() -> None:
    order = an_order()
    assert told(order.observe(part(refunded=gel("45.00")), NOW)) == [OFFICE]
    assert told(order.observe(part(refund("office", "45.00"), refunded=gel("45.00")), NOW)) == []


@pytest.mark.parametrize("listed", [True, False])
def test_our_own_refund_is_not_contested_even_where_its_answer_was_lost(listed: bool) -> None:
    order = an_order()
    order.observe(report(S.COMPLETED), NOW)
    refunding.request_refund(order, gel("45.00"), refund_id="ours", reason="", at=NOW)
    first = part(refund("a1", "45.00")) if listed else part(refunded=gel("45.00"))
    assert told(order.observe(first, NOW)) == []
    assert told(order.observe(part(refund("a1", "45.00")), NOW)) == []
    assert told(refunding.refund_accepted(order, "ours", "a1", NOW)) == []
    assert order.attention == ()


def test_one_that_was_taken_for_ours_is_told_when_ours_gets_another_id() -> None:
    order = an_order()
    order.observe(report(S.COMPLETED), NOW)
    refunding.request_refund(order, gel("45.00"), refund_id="ours", reason="", at=NOW)
    assert told(order.observe(part(refund("office", "45.00")), NOW)) == []
    assert told(refunding.refund_accepted(order, "ours", "a2", NOW)) == [OFFICE]


def test_a_refund_of_the_office_beside_one_of_ours_is_told() -> None:
    order = an_order()
    order.observe(report(S.COMPLETED), NOW)
    refunding.request_refund(order, gel("10.00"), refund_id="ours", reason="", at=NOW)
    refunding.refund_accepted(order, "ours", "a1", NOW)
    assert told(order.observe(part(refund("a1", "10.00"), refund("office", "45.00")), NOW)) == [OFFICE]


def test_a_dispute_needs_attention_until_a_person_resolves_it() -> None:
    order = an_order()
    disputed = report(S.COMPLETED, source=Source.RECEIPT, disputed=True)
    reason = "the bank reports a dispute: answer it in the bank's business manager"
    assert told(order.observe(disputed, NOW)) == [reason]
    assert told(order.observe(disputed, NOW)) == []
    order.observe(evolve(disputed, disputed=False), NOW)
    assert order.attention == (reason,)
    attention.resolve(order, "answered", "op", NOW)
    order.observe(disputed, NOW)
    assert (order.attention, order.state) == ((), OrderState.COMPLETED)


@pytest.mark.parametrize(("stated", "is_one"), [(None, False), ([], False), ([{"id": 1}], True), ({"a": 1}, True)])
def test_anything_but_nothing_is_a_dispute(stated: object, is_one: bool) -> None:
    document = {"order_id": "b1", "order_status": {"key": "completed"}, "disputes": stated}
    assert codec.receipt(document, Source.RECEIPT).disputed is is_one


async def paid(*, suspends: bool) -> tuple[World, Order]:
    world = World(policy=RenewalPolicy(suspends_contested=suspends))
    await world.load_catalogue.load(catalogue())
    order = await world.buy_and_pay()
    return world, order


def of(order: Order, **changes: object) -> BankReport:
    same = {"bank_order_id": order.bank_order_id, "external_order_id": order.id, "transferred": gel("145.00")}
    return evolve(report(S.COMPLETED, source=Source.RECEIPT), **{**same, **changes})


async def test_nothing_is_suspended_unless_the_setting_says_so() -> None:
    world, order = await paid(suspends=False)
    await world.settlement.apply(of(order, disputed=True))
    assert (await world.subscription()).state is SubscriptionState.ACTIVE
    assert (await world.names()).count("OrderContested") == 1


@pytest.mark.parametrize("how", ["dispute", "refund"])
async def test_by_setting_the_access_it_paid_ends_and_a_payment_brings_it_back(how: str) -> None:
    world, order = await paid(suspends=True)
    paid_until = (await world.subscription()).paid_until
    back = {"status": S.REFUNDED, "refunds": (refund("office", "145.00"),)}
    await world.settlement.apply(of(order, **({"disputed": True} if how == "dispute" else back)))
    held = await world.subscription()
    assert (held.state, held.has_access(world.clock.moment)) == (SubscriptionState.SUSPENDED, False)
    assert "SubscriptionSuspended" in await world.names()
    world.clock.advance(days=2)
    assert await world.renewals() == []
    await world.buy_and_pay()
    again = await world.subscription()
    assert (again.state, again.has_access(world.clock.moment)) == (SubscriptionState.ACTIVE, True)
    assert paid_until is not None
    assert again.paid_until == again.term.period(1).end
    assert again.term.period(1).start == paid_until


async def test_days_that_an_operator_gives_bring_it_back_after_a_dispute_was_won() -> None:
    world, order = await paid(suspends=True)
    await world.settlement.apply(of(order, disputed=True))
    before = await world.subscription()
    await world.subscription_acts.give_days(principal("op", Scope.OPERATOR), "acme", 1, "the dispute was won")
    after = await world.subscription()
    assert after.has_access(world.clock.moment)
    assert (after.paid_until or NOW) - (before.paid_until or NOW) == timedelta(days=1)


async def test_one_for_time_that_has_passed_suspends_nothing() -> None:
    world, order = await paid(suspends=True)
    world.clock.advance(days=32)
    await world.buy_and_pay()
    assert (await world.subscription()).next_period == 2
    await world.settlement.apply(of(order, disputed=True))
    assert (await world.subscription()).state is SubscriptionState.ACTIVE


async def test_the_access_of_a_cancelled_one_ends() -> None:
    world, order = await paid(suspends=True)
    await world.cancel.cancel(principal(), immediately=False)
    await world.settlement.apply(of(order, disputed=True))
    assert (await world.subscription()).state is SubscriptionState.ENDED


async def test_a_second_payment_that_was_refunded_before_it_was_heard_of_buys_nothing() -> None:
    world, _ = await paid(suspends=False)
    late = await world.buy("acme", distinct=True)
    late_period = late.period
    world.clock.advance(days=1)
    await world.buy_and_pay()
    before = await world.subscription()
    back = of(late, status=S.REFUNDED, refunds=(refund("office", "145.00"),))
    await world.settlement.apply(back)
    order = await world.order(late.id)
    assert late_period == 1
    assert (order.state, order.is_given_back, order.period) == (OrderState.REFUNDED, True, None)
    assert order.refunded == gel("145.00")
    assert (await world.subscription()).paid_until == before.paid_until


async def test_a_card_check_that_was_refunded_before_it_was_heard_of_is_not_refunded_again() -> None:
    world, _ = await paid(suspends=False)
    order = await world.cards.add(principal())
    money = gel(str(order.amount.amount))
    back = of(order, status=S.REFUNDED, transferred=money, refunds=(refund("office", str(money.amount)),))
    await world.settlement.apply(back)
    checked = await world.order(order.id)
    assert (checked.state, checked.refunded, checked.pending_refunds) == (OrderState.REFUNDED, money, ())


async def test_one_order_that_cannot_be_reconciled_keeps_no_other_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = await paid(suspends=False)
    first, second = await world.buy("one"), await world.buy("two")
    for order in (first, second):
        world.bank.pay(order)
    world.clock.advance(hours=1)
    settle = world.settlement.apply

    async def apply(report: BankReport) -> object:
        if report.external_order_id == first.id:
            raise AssertionError("this cannot be")
        return await settle(report)

    monkeypatch.setattr(world.settlement, "apply", apply)
    results = {one.order_id: one async for one in world.reconcile.run()}
    assert results[first.id].problem == "AssertionError: this cannot be"
    assert (await world.order(second.id)).state is OrderState.COMPLETED
    assert (await world.order(first.id)).check_at is not None
