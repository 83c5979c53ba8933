"""What the bank says is merged into an order, not obeyed."""

from datetime import timedelta

import pytest

from echodesk_billing import (
    InvalidMoney,
    OrderCompleted,
    OrderContested,
    OrderCorrected,
    OrderMismatch,
    OrderRefunded,
    OrderRejected,
)
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import LONGEST_CHECK_INTERVAL, MOST_ATTENTION_REASONS
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.report import BankStatus, Source
from tests.builders import BANK_ID, NOW, a_manual_order, a_plan, an_order, gel, refund, report

S = BankStatus
LATER = NOW + timedelta(minutes=5)


def test_a_paid_report_completes_an_order_step_by_step() -> None:
    order = an_order()
    events = order.observe(report(S.COMPLETED), LATER)
    assert [step.event for step in order.steps] == ["create", "begin", "complete"]
    assert (order.state, order.captured, order.response_code) == (OrderState.COMPLETED, gel("145.00"), "100")
    assert events == [
        OrderCompleted(tenant_id="acme", at=LATER, order_id=order.id, amount=gel("145.00"), captured=gel("145.00"))
    ]


def test_a_repeated_report_changes_nothing() -> None:
    order = an_order()
    order.observe(report(S.COMPLETED), NOW)
    steps = len(order.steps)
    assert order.observe(report(S.COMPLETED), LATER) == []
    assert (len(order.steps), order.updated_at) == (steps, NOW)


@pytest.mark.parametrize("late", [S.CREATED, S.PROCESSING, S.AUTH_REQUESTED, S.REJECTED])
def test_a_late_report_leaves_a_completed_order_alone(late: BankStatus) -> None:
    order = an_order()
    order.observe(report(S.COMPLETED), NOW)
    assert order.observe(report(late), LATER) == []
    assert order.state is OrderState.COMPLETED
    assert order.response_code == "100"


def test_a_rejection_keeps_code_and_reason() -> None:
    order = an_order()
    events = order.observe(report(S.REJECTED, code="107", reject_reason="Insufficient funds"), LATER)
    assert order.state is OrderState.REJECTED
    assert (order.response_code, order.reject_reason) == ("107", "Insufficient funds")
    assert [type(event) for event in events] == [OrderRejected]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"transferred": gel("1.00")}, "1.00 GEL was paid for an order of 145.00 GEL"),
        ({"transferred": gel("145.01")}, "145.01 GEL was paid"),
        ({"transferred": None}, "without an amount"),
        ({"transferred": a_plan(1, 1, "EUR").price}, "17.00 EUR was paid"),  # type: ignore[arg-type]
        ({"transferred": gel("100.00"), "discount": gel("40.00")}, "discount of 40.00"),
        ({"discount": gel("-1.00"), "transferred": gel("146.00")}, "discount of -1.00"),
        ({"code": "107"}, "completed with code 107"),
        ({"code": None}, "completed with code None"),
        ({"bank_order_id": "another"}, "knows it as"),
        ({"external_order_id": "SUB-000000000000"}, "to our order SUB-000000000000"),
    ],
)
def test_a_contradictory_report_marks_the_order_and_completes_nothing(changes: dict[str, object], reason: str) -> None:
    order = an_order()
    order.observe(report(S.PROCESSING), NOW)
    events = order.observe(report(S.COMPLETED, **changes), LATER)
    assert order.state is OrderState.PROCESSING
    assert order.captured is None
    assert [type(event) for event in events] == [OrderMismatch]
    assert reason in order.attention[0]
    assert order.observe(report(S.COMPLETED, **changes), LATER) == []


def test_an_unknown_status_is_kept_and_not_guessed_at() -> None:
    order = an_order()
    order.observe(report("abducted"), NOW)
    assert (order.state, order.attention) == (OrderState.CREATED, ("unknown bank status 'abducted'",))


def test_reasons_for_attention_are_bounded() -> None:
    order = an_order()
    for cents in range(MOST_ATTENTION_REASONS + 5):
        order.observe(report(S.COMPLETED, transferred=gel("1.00") + gel(f"0.{cents:02}")), NOW)
    assert len(order.attention) == MOST_ATTENTION_REASONS


def test_a_stated_discount_is_deducted() -> None:
    order = an_order()
    order.observe(report(S.COMPLETED, transferred=gel("140.00"), discount=gel("5.00")), NOW)
    assert (order.state, order.captured) == (OrderState.COMPLETED, gel("140.00"))


def test_paid_after_rejected_waits_for_the_receipt() -> None:
    order = an_order()
    order.observe(report(S.REJECTED), NOW)
    callback = report(S.COMPLETED)
    assert order.wants_confirmation(callback)
    assert order.observe(callback, LATER) == []
    assert order.state is OrderState.REJECTED

    events = order.observe(report(S.COMPLETED, source=Source.RECEIPT), LATER)
    assert order.state is OrderState.COMPLETED
    assert (order.response_code, order.reject_reason) == ("100", None)
    assert [type(event) for event in events] == [OrderCorrected]


def test_refunds_are_identified_by_their_actions() -> None:
    order = an_order()
    order.observe(report(S.COMPLETED), NOW)
    first, second = refund("a1", "10.00"), refund("a2", "10.00")
    events = order.observe(report(S.REFUNDED_PARTIALLY, refunds=(first,), refunded=gel("10.00")), NOW)
    assert order.state is OrderState.REFUNDED_PARTIALLY
    events += order.observe(report(S.REFUNDED_PARTIALLY, refunds=(first, second), refunded=gel("20.00")), NOW)
    assert [(event.amount, event.refunded) for event in events if isinstance(event, OrderRefunded)] == [
        (gel("10.00"), gel("10.00")),
        (gel("10.00"), gel("20.00")),
    ]


def test_a_total_without_a_list_counts_and_the_list_replaces_it() -> None:
    order = an_order()
    order.observe(report(S.REFUNDED_PARTIALLY, refunded=gel("10.00")), NOW)
    assert order.refunded == gel("10.00")
    events = order.observe(report(S.REFUNDED_PARTIALLY, refunds=(refund("a1", "10.00"),)), NOW)
    assert events == []
    assert order.refunded == gel("10.00")


def test_a_refund_in_progress_is_not_completed() -> None:
    order = an_order()
    order.observe(report(S.REFUND_REQUESTED, refunds=(refund("a1", "145.00", completed=False),)), NOW)
    assert (order.state, order.refunded) == (OrderState.COMPLETED, gel("0.00"))


def test_all_refunded_is_refunded() -> None:
    order = an_order()
    events = order.observe(report(S.REFUNDED, refunded=gel("145.00")), NOW)
    assert order.state is OrderState.REFUNDED
    assert [type(event) for event in events] == [OrderCompleted, OrderRefunded, OrderMismatch, OrderContested]


@pytest.mark.parametrize(
    "changes",
    [
        {"refunded": gel("146.00")},
        {"refunded": gel("-1.00")},
        {"refunds": (refund("a1", "100.00"), refund("a2", "100.00"))},
    ],
)
def test_more_refunded_than_paid_needs_attention(changes: dict[str, object]) -> None:
    order = an_order()
    order.observe(report(S.REFUNDED_PARTIALLY, **changes), NOW)
    assert order.state is OrderState.CREATED
    assert "refund" in order.attention[0]


def test_a_preauthorised_order_is_blocked_then_captured_in_part() -> None:
    order = a_manual_order()
    order.observe(report(S.BLOCKED), NOW)
    assert (order.state, order.captured) == (OrderState.BLOCKED, None)
    order.observe(report(S.PARTIAL_COMPLETED, transferred=gel("100.00")), NOW)
    assert (order.state, order.captured) == (OrderState.COMPLETED, gel("100.00"))
    assert order.observe(report(S.BLOCKED), LATER) == []
    assert order.attention == ()


def test_a_preauthorised_order_that_is_released_is_rejected() -> None:
    order = a_manual_order()
    order.observe(report(S.BLOCKED), NOW)
    order.observe(report(S.REJECTED, code=None), NOW)
    assert (order.state, order.steps[-1].event) == (OrderState.REJECTED, "release")


@pytest.mark.parametrize("status", [S.BLOCKED, S.PARTIAL_COMPLETED])
def test_a_hold_of_an_automatic_capture_needs_attention(status: BankStatus) -> None:
    order = an_order()
    order.observe(report(status), NOW)
    assert order.state is OrderState.CREATED
    assert "captured automatically" in order.attention[0]


def test_the_payment_page_is_learned_even_when_the_callback_came_first() -> None:
    order = an_order()
    order.observe(report(S.COMPLETED), NOW)
    order.observe(report(S.CREATED, source=Source.ANSWER, payment_url="https://bank.example/pay"), NOW)
    assert (order.bank_order_id, order.payment_url) == (BANK_ID, "https://bank.example/pay")
    assert order.state is OrderState.COMPLETED


def test_refused_by_the_bank_is_rejected_only_while_it_was_not_created_there() -> None:
    order = an_order()
    assert [type(event) for event in order.refuse("callback_url must be https", NOW)] == [OrderRejected]
    assert order.state is OrderState.REJECTED
    paid = an_order()
    paid.observe(report(S.COMPLETED), NOW)
    assert paid.refuse("no", NOW) == []
    assert paid.state is OrderState.COMPLETED


def test_checks_become_rarer_and_stop_when_the_order_is_settled() -> None:
    order = an_order()
    waits = []
    now = NOW
    for _ in range(12):
        assert order.check_at is not None
        waits.append(order.check_at - now)
        now = order.check_at
        order.checked(now, planned=order.check_at)
    assert waits[0] == timedelta(minutes=1)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_CHECK_INTERVAL
    order.observe(report(S.COMPLETED), now)
    assert order.check_at is None


def test_an_order_of_zero_is_rejected() -> None:
    with pytest.raises(InvalidMoney, match="the amount of an order"):
        an_order().__class__(
            id="SUB-0",
            idempotency_key="k",
            tenant_id="acme",
            purpose=Purpose.SUBSCRIPTION,
            amount=gel("0.00"),
            request=an_order().request,
            created_at=NOW,
            updated_at=NOW,
        )
