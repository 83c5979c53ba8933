"""The journal: every movement of money as an entry with a debit and a credit, so that it always balances."""

from __future__ import annotations

import enum
from datetime import datetime

from attrs import field, frozen

from echodesk_billing.domain.events import OrderCompleted, OrderCorrected, OrderEvent, OrderRefunded
from echodesk_billing.domain.money import Money, positive
from echodesk_billing.domain.orders.order import Order

BANK = "bank"
TRANSFERS = "bank transfers"
"""The seller's own bank account, to which customers transfer money."""
REVENUE = "revenue"
VAT = "vat"
OPENING_BALANCE = "opening balance"


class EntryKind(enum.StrEnum):
    """Why money moved.

    A `correction` reverses revenue that was refunded; an `opening` takes over a payment of another billing system.
    """

    PAYMENT = "payment"
    INVOICE = "invoice"
    REFUND = "refund"
    CORRECTION = "correction"
    OPENING = "opening"


def tenant_account(tenant_id: str) -> str:
    """The account of a tenant: what it paid and has not been invoiced for."""
    return f"tenant:{tenant_id}"


def _positive_amount(_entry: object, _field: object, value: Money) -> None:
    positive(value, "the amount of an entry")


@frozen(kw_only=True)
class Entry:
    """One amount, debited to one account and credited to another. Entries are immutable.

    Args:
        debit: the debited account: `bank`, `bank transfers`, `revenue`, `vat`, `opening balance` or a `tenant_account`.
        credit: the credited account.
        amount: above zero.

    Source: docs/books.md.
    """

    kind: EntryKind
    tenant_id: str
    order_id: str
    at: datetime
    debit: str
    credit: str
    amount: Money = field(validator=_positive_amount)


def opening(tenant_id: str, order_id: str, at: datetime, balance: Money) -> Entry:
    """The entry of an imported payment: what the bank holds of it. Its revenue is in the books it comes from."""
    return Entry(
        kind=EntryKind.OPENING,
        tenant_id=tenant_id,
        order_id=order_id,
        at=at,
        debit=BANK,
        credit=OPENING_BALANCE,
        amount=balance,
    )


def account_of(order: Order) -> str:
    """The account in which the money of an order is kept."""
    return BANK if order.request.transfer is None else TRANSFERS


def payment_entries(event: OrderCompleted | OrderCorrected, account: str = BANK) -> list[Entry]:
    """The entry of money that was taken into an account."""
    return [_entry(event, EntryKind.PAYMENT, account, tenant_account(event.tenant_id), event.captured)]


def invoice_entries(event: OrderCompleted | OrderCorrected, vat: Money) -> list[Entry]:
    """The entries of an invoice: what was paid becomes revenue, and VAT that is owed.

    Args:
        vat: in the amount; zero for none.
    """
    tenant = tenant_account(event.tenant_id)
    parts = ((REVENUE, event.captured - vat), (VAT, vat))
    return [_entry(event, EntryKind.INVOICE, tenant, account, part) for account, part in parts if part]


def refund_entries(event: OrderRefunded, account: str = BANK) -> list[Entry]:
    """The entry of money that went back from an account."""
    return [_entry(event, EntryKind.REFUND, tenant_account(event.tenant_id), account, event.amount)]


def credit_entries(event: OrderRefunded, vat: Money) -> list[Entry]:
    """The entries of a credit note, which reverse those of the invoice.

    Args:
        vat: in the amount; zero for none.
    """
    tenant = tenant_account(event.tenant_id)
    parts = ((REVENUE, event.amount - vat), (VAT, vat))
    return [_entry(event, EntryKind.CORRECTION, account, tenant, part) for account, part in parts if part]


def _entry(event: OrderEvent, kind: EntryKind, debit: str, credit: str, amount: Money) -> Entry:
    return Entry(
        kind=kind,
        tenant_id=event.tenant_id,
        order_id=event.order_id,
        at=event.at,
        debit=debit,
        credit=credit,
        amount=amount,
    )
