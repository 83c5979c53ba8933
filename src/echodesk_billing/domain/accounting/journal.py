"""The journal: every movement of money as an entry with a debit and a credit, so that it always balances."""

from __future__ import annotations

import enum
from datetime import datetime

from attrs import field, frozen

from echodesk_billing.domain.events import Event, OrderCompleted, OrderCorrected, OrderRefunded
from echodesk_billing.domain.money import Money, positive

BANK = "bank"
REVENUE = "revenue"
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
        debit: the debited account: `bank`, `revenue`, `opening balance` or a `tenant_account`.
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


def entries(event: Event) -> tuple[Entry, ...]:
    """The journal entries of an event; none for events that move no money."""
    match event:
        case OrderCompleted() | OrderCorrected():
            return _both(event, event.captured, paid=True)
        case OrderRefunded():
            return _both(event, event.amount, paid=False)
        case _:
            return ()


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


def _both(event: OrderCompleted | OrderCorrected | OrderRefunded, amount: Money, *, paid: bool) -> tuple[Entry, Entry]:
    """The movement at the bank, and its effect on revenue."""
    tenant = tenant_account(event.tenant_id)
    taken = ((EntryKind.PAYMENT, BANK, tenant), (EntryKind.INVOICE, tenant, REVENUE))
    returned = ((EntryKind.REFUND, tenant, BANK), (EntryKind.CORRECTION, REVENUE, tenant))
    first, second = (
        Entry(
            kind=kind,
            tenant_id=event.tenant_id,
            order_id=event.order_id,
            at=event.at,
            debit=debit,
            credit=credit,
            amount=amount,
        )
        for kind, debit, credit in (taken if paid else returned)
    )
    return first, second
