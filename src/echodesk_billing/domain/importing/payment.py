"""One payment of the old tables, before and after it is settled."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from attrs import define, frozen

from echodesk_billing.domain.importing.findings import Finding, Kind
from echodesk_billing.domain.importing.records import OldAttempt, OldOrder
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose

LONGEST_ID = 25
LONGEST_BANK_ID = 64
RETRY = "RETRY"
PURPOSES = {
    "SUB": Purpose.SUBSCRIPTION,
    "REG": Purpose.SUBSCRIPTION,
    "TRIAL": Purpose.SUBSCRIPTION,
    "TRIAL-CONV": Purpose.SUBSCRIPTION,
    "REC": Purpose.RENEWAL,
    RETRY: Purpose.RENEWAL,
    "REACT": Purpose.MANUAL,
    "MAN": Purpose.MANUAL,
    "FEAT": Purpose.UPGRADE,
    "CARD": Purpose.CARD,
    "ECARD": Purpose.CARD,
}


@frozen(kw_only=True)
class Buyer:
    """Whose payments they are; the subdomain is empty where it follows from the id."""

    tenant_id: str
    name: str
    subdomain: str = ""


@define(kw_only=True)
class Payment:
    """One payment of the old tables.

    Args:
        order_id: the CRM's, which the bank knows.
        bank_order_id: empty where it is not known, or belongs to another order.
        prefix: of the CRM's id; `RETRY` for a charge that no payment order has.
        stated: the amount in the tables.
        paid_at: when the CRM processed it, else when it was made.
        old: the row.
        order: as it is here; None where it cannot be an order, because it is of 0.00.
    """

    order_id: str
    bank_order_id: str
    prefix: str
    stated: Money
    paid_at: datetime
    old: OldOrder | OldAttempt
    order: Order | None = None

    @property
    def is_paid(self) -> bool:
        """Whether it was paid, and not refunded in full."""
        return self.order is not None and self.order.is_paid and self.order.refunded != self.order.captured

    @property
    def paid(self) -> Money:
        """What was paid; what the tables state where nothing was."""
        return (self.order.captured if self.order else None) or self.stated

    def finding(self, kind: Kind, tenant: str, message: str) -> Finding:
        """Something that was found about it."""
        return Finding(kind=kind, tenant=tenant, subject=self.order_id, message=message)


def amount_of(amount: Decimal, currency: str = "GEL") -> Money:
    """An amount of the tables.

    Raises:
        InvalidMoney: it is in another currency, or not an amount.
    """
    return Money.parse(str(amount), currency)
