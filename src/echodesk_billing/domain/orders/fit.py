"""Whether a report is consistent with an order, and the gross amount it states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echodesk_billing.domain.errors import InvalidMoney
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders import refund
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.payment_request import Capture
from echodesk_billing.domain.orders.report import BankReport, BankStatus, Source
from echodesk_billing.domain.orders.response_codes import PAID, PREAUTHORISED

if TYPE_CHECKING:
    from echodesk_billing.domain.orders.order import Order


def gross(order: Order, report: BankReport) -> Money | None:
    """The gross amount paid by a report: after refunds the bank states it net or gross.

    Source: the bank's documentation shows a refunded order with a transfer_amount of 0.0; live shops see both.
    """
    stated = report.transferred
    if stated is None or stated.currency is not order.amount.currency or not report.follows_payment:
        return stated
    try:
        return _gross(order, report, stated, report.returned or Money.zero(stated.currency))
    except InvalidMoney:  # amounts that are too large never match
        return stated


def _gross(order: Order, report: BankReport, stated: Money, returned: Money) -> Money:
    expected = _expected(order, report)
    if expected is None:  # how much of a pre-authorisation was captured is not known yet
        return stated + returned if stated + returned <= order.amount else stated
    is_all_returned = report.status is BankStatus.REFUNDED and not stated
    is_net = stated in (expected - returned, expected - order.refunded)
    return expected if is_net or is_all_returned else stated


def _expected(order: Order, report: BankReport) -> Money | None:
    """The amount that must have been paid; None for a pre-authorisation captured by an unknown amount."""
    if order.captured is not None or order.request.capture is Capture.MANUAL:
        return order.captured
    discount = report.discount
    fits = discount is not None and discount.currency is order.amount.currency
    return order.amount - discount if discount is not None and fits else order.amount


def misfit(order: Order, report: BankReport) -> str | None:
    """Why the report contradicts this order; None where it does not."""
    if report.external_order_id is not None and report.external_order_id != order.id:
        return f"the bank links its order {report.bank_order_id} to our order {report.external_order_id}"
    if order.bank_order_id is not None and report.bank_order_id != order.bank_order_id:
        return f"the bank knows it as {order.bank_order_id}, but reports {report.bank_order_id}"
    if not isinstance(report.status, BankStatus):
        return f"unknown bank status {report.status!r}"
    if not report.claims_money:
        return None
    return _wrong_code(report.status, report.code) or _wrong_amount(order, report)


def _wrong_code(status: BankStatus, code: str | None) -> str | None:
    """A payment counts only with its code; after a refund was asked for, the code may be gone or of the refund."""
    if status.follows_payment:
        fits = code is None or code == PAID or code.startswith("16") or code == "179"
    else:
        fits = code == (PREAUTHORISED if status is BankStatus.BLOCKED else PAID)
    return None if fits else f"bank status {status} with code {code}"


def _wrong_amount(order: Order, report: BankReport) -> str | None:
    paid = report.transferred
    if paid is None:
        return f"bank status {report.status} without an amount"
    if paid.currency is not order.amount.currency:
        return f"{paid} was paid for an order of {order.amount}"
    held = report.status is BankStatus.BLOCKED
    if order.captured is not None and paid != order.captured and not held:
        return f"{paid} is reported as paid, but {order.captured} was before"
    discount = report.discount or Money.zero(paid.currency)
    if discount.currency is not paid.currency or discount.amount < 0:
        return f"a discount of {discount} is stated for an order of {order.amount}"
    return _unexpected_amount(order, paid, discount, report) or _wrong_refund(order, report, paid)


def _unexpected_amount(order: Order, paid: Money, discount: Money, report: BankReport) -> str | None:
    """Automatic capture takes the amount minus the discount; after a pre-authorisation it may be less."""
    expected = order.amount - discount
    manual = order.request.capture is Capture.MANUAL
    if not manual and report.status in (BankStatus.BLOCKED, BankStatus.PARTIAL_COMPLETED):
        return f"bank status {report.status} for an order that is captured automatically"
    if paid.amount <= 0 or (paid > expected if manual else paid != expected):
        return f"{paid} was paid for an order of {order.amount} with a discount of {discount}"
    return None


def _wrong_refund(order: Order, report: BankReport, paid: Money) -> str | None:
    stated = [refund.amount for refund in report.refunds]
    if report.refunded is not None:
        stated.append(report.refunded)
    if any(amount.currency is not paid.currency or not 0 <= amount.amount <= paid.amount for amount in stated):
        return f"refunds of {', '.join(map(str, stated))} are reported of {paid}"
    returned = refund.completed(refund.merged(order.refunds, report, paid), paid.currency)
    return f"{returned} is reported refunded of {paid}" if returned > paid else None


def can_be_paid_after_all(order: Order, report: BankReport) -> bool:
    """Whether the bank has an order recorded here as rejected: two processes submitted it and one was refused."""
    is_open = report.status in (BankStatus.CREATED, BankStatus.PROCESSING, BankStatus.AUTH_REQUESTED)
    return order.state is OrderState.REJECTED and is_open and report.source is not Source.CALLBACK


TARGETS = {  # the state that a report leads to
    BankStatus.CREATED: OrderState.PROCESSING,
    BankStatus.PROCESSING: OrderState.PROCESSING,
    BankStatus.AUTH_REQUESTED: OrderState.PROCESSING,
    BankStatus.BLOCKED: OrderState.BLOCKED,
    BankStatus.COMPLETED: OrderState.COMPLETED,
    BankStatus.PARTIAL_COMPLETED: OrderState.COMPLETED,
    BankStatus.REJECTED: OrderState.REJECTED,
    BankStatus.REFUND_REQUESTED: OrderState.COMPLETED,
    BankStatus.REFUNDED: OrderState.COMPLETED,
    BankStatus.REFUNDED_PARTIALLY: OrderState.COMPLETED,
}
