"""After refunds the bank states what was paid net of them, or gross; both are read."""

from __future__ import annotations

import pytest

from echodesk_billing.domain.accounting import audit, journal
from echodesk_billing.domain.events import OrderRefunded
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.report import BankReport, BankStatus, Source
from tests.builders import NOW, a_manual_order, gel, misfits, paid, refund, report

S = BankStatus


def refunded(status: BankStatus, transferred: str, amount: str | None, *listed: str) -> BankReport:
    actions = tuple(refund(f"a{number}", one) for number, one in enumerate(listed))
    total = None if amount is None else gel(amount)
    return report(status, transferred=gel(transferred), refunded=total, refunds=actions, source=Source.RECEIPT)


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        (refunded(S.REFUNDED_PARTIALLY, "105.00", "40.00", "40.00"), "40.00"),
        (refunded(S.REFUNDED_PARTIALLY, "145.00", "40.00", "40.00"), "40.00"),
        (refunded(S.REFUNDED_PARTIALLY, "105.00", "40.00"), "40.00"),
        (refunded(S.REFUNDED_PARTIALLY, "105.00", None, "40.00"), "40.00"),
        (refunded(S.REFUNDED, "0.00", "145.00", "145.00"), "145.00"),
        (refunded(S.REFUNDED, "145.00", "145.00", "145.00"), "145.00"),
        (refunded(S.REFUNDED, "0.00", None), "145.00"),
        (refunded(S.REFUND_REQUESTED, "105.00", "40.00", "40.00"), "40.00"),
    ],
)
def test_a_refund_is_recorded_however_the_amount_is_stated(said: BankReport, gone: str) -> None:
    order = paid()
    order.observe(said, NOW)
    assert (order.refunded, order.captured, misfits(order)) == (gel(gone), gel("145.00"), ())


def test_an_order_first_reported_as_refunded_was_paid_in_full() -> None:
    order = paid(amount=gel("145.00"), state=OrderState.PROCESSING, captured=None)
    order.observe(refunded(S.REFUNDED_PARTIALLY, "105.00", "40.00", "40.00"), NOW)
    assert (order.captured, order.refunded) == (gel("145.00"), gel("40.00"))


def test_an_amount_that_is_neither_net_nor_gross_needs_attention() -> None:
    order = paid()
    order.observe(refunded(S.REFUNDED_PARTIALLY, "100.00", "40.00", "40.00"), NOW)
    assert order.attention == ("100.00 GEL is reported as paid, but 145.00 GEL was before",)


def test_a_report_from_between_two_refunds_may_come_late() -> None:
    order = paid()
    order.observe(refunded(S.REFUNDED_PARTIALLY, "65.00", "80.00", "40.00", "40.00"), NOW)
    order.observe(refunded(S.REFUNDED_PARTIALLY, "105.00", "40.00", "40.00"), NOW)
    assert (order.refunded, misfits(order)) == (gel("80.00"), ())


@pytest.mark.parametrize("stated", ["60.00", "100.00"])
def test_a_captured_part_that_is_refunded_in_part(stated: str) -> None:
    order = a_manual_order()
    order.observe(report(S.BLOCKED), NOW)
    order.observe(report(S.PARTIAL_COMPLETED, transferred=gel("100.00")), NOW)
    order.observe(refunded(S.REFUNDED_PARTIALLY, stated, "40.00", "40.00"), NOW)
    assert (order.captured, order.refunded, misfits(order)) == (gel("100.00"), gel("40.00"), ())


def test_the_daily_report_finds_no_difference_in_a_net_amount() -> None:
    order = paid()
    said = refunded(S.REFUNDED_PARTIALLY, "105.00", "40.00", "40.00")
    refunded_now = order.observe(said, NOW)[0]
    assert isinstance(refunded_now, OrderRefunded)
    entries = journal.refund_entries(refunded_now)
    compared = audit.compare(order, said, entries)
    assert (compared.at_the_bank, compared.refunded) == (gel("105.00"), gel("40.00"))
    assert [one for one in compared.differences if "at the bank" in one and one not in order.attention] == []
    assert Money.parse("0.00") == gel("0.00")
