"""Comparing our record of an order with the bank's receipt and the journal."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from echodesk_billing.domain.accounting.journal import Entry, account_of
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders import fit, refund
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.report import BankReport, BankStatus


@frozen(kw_only=True)
class Comparison:
    """One order as recorded here, at the bank and in the journal.

    Args:
        differences: discrepancies in words; empty where all three agree.
    """

    order_id: str
    tenant_id: str
    state: str
    bank_status: str
    captured: Money
    refunded: Money
    at_the_bank: Money
    in_the_books: Money
    differences: tuple[str, ...]


def compare(order: Order, receipt: BankReport | None, entries: Sequence[Entry]) -> Comparison:
    """Compare an order with the bank's receipt and its entries in the journal.

    Args:
        receipt: None where the bank does not know the order.

    Source: docs/books.md: the bank's balance is what was captured less what was refunded.
    """
    zero = Money.zero(order.amount.currency)
    captured, account = order.captured or zero, account_of(order)
    taken = returned = zero
    if order.request.transfer is not None:  # the card bank has no part in it
        taken, returned = captured, order.refunded
    elif receipt is not None:
        receipt = evolve(receipt, transferred=fit.gross(order, receipt))
        taken, returned = _taken(receipt, zero), _returned(receipt, zero)
    held = sum((entry.amount for entry in entries if entry.debit == account), zero)
    given = sum((entry.amount for entry in entries if entry.credit == account), zero)
    differences = [
        f"{what}: {ours} here, {theirs} {where}"
        for what, ours, theirs, where in (
            ("captured", captured, taken, "at the bank"),
            ("refunded", order.refunded, returned, "at the bank"),
            ("balance", captured - order.refunded, held - given, "in the books"),
        )
        if ours != theirs
    ]
    if receipt is None and order.state is OrderState.CREATED:
        differences.append("the bank's answer to its creation is not known")
    return Comparison(
        order_id=order.id,
        tenant_id=order.tenant_id,
        state=order.state,
        bank_status=str(receipt.status) if receipt else "not found",
        captured=captured,
        refunded=order.refunded,
        at_the_bank=taken - returned,
        in_the_books=held - given,
        differences=(*differences, *order.attention),
    )


def _taken(receipt: BankReport, zero: Money) -> Money:
    """The amount captured by the bank; held money is not counted."""
    if not receipt.claims_money or receipt.status is BankStatus.BLOCKED:
        return zero
    taken = receipt.transferred or zero
    return taken if taken.currency is zero.currency else zero


def _returned(receipt: BankReport, zero: Money) -> Money:
    if not receipt.claims_money:
        return zero
    paid = _taken(receipt, zero)
    return refund.completed(refund.merged((), receipt, paid), zero.currency) if paid else zero
