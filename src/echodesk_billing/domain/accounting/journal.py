"""The journal: every movement of money as an entry with two sides, so that it cannot fail to balance."""

from __future__ import annotations

import enum
from datetime import datetime

from attrs import field, frozen

from echodesk_billing.domain.events import Event, OrderCompleted, OrderCorrected, OrderRefunded
from echodesk_billing.domain.money import Money, positive

BANK = "bank"
REVENUE = "revenue"


class EntryKind(enum.StrEnum):
    """Why money moved. A `correction` takes back revenue that was refunded."""

    PAYMENT = "payment"
    INVOICE = "invoice"
    REFUND = "refund"
    CORRECTION = "correction"


def tenant_account(tenant_id: str) -> str:
    """The account of a tenant: what it paid and was not invoiced for yet."""
    return f"tenant:{tenant_id}"


def _positive_amount(_entry: object, _field: object, value: Money) -> None:
    positive(value, "the amount of an entry")


@frozen(kw_only=True)
class Entry:
    """One amount, from the account it is credited to, to the account it is debited to. Entries are never changed.

    Args:
        debit: the account that receives: `bank`, `revenue` or a `tenant_account`.
        credit: the account that gives.
        amount: more than nothing.

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
    """What an event means for the books; nothing for events that move no money."""
    match event:
        case OrderCompleted() | OrderCorrected():
            return _both(event, event.captured, paid=True)
        case OrderRefunded():
            return _both(event, event.amount, paid=False)
        case _:
            return ()


def _both(event: OrderCompleted | OrderCorrected | OrderRefunded, amount: Money, *, paid: bool) -> tuple[Entry, Entry]:
    """The movement at the bank, and its meaning for what we earned."""
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
