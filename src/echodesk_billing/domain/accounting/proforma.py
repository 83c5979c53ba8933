"""Proforma invoices: what a customer is asked to transfer, for what, and to which account."""

from __future__ import annotations

import re
from datetime import datetime

from attrs import field, frozen

from echodesk_billing.domain.accounting.invoice import (
    InvoiceDetails,
    Party,
    Seller,
    document_number,
    lines_of,
    series_of,
)
from echodesk_billing.domain.accounting.vat import vat_in
from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.errors import ChangeRefused, InvalidSelection
from echodesk_billing.domain.money import Money

PROFORMAS = "PF"
_NUMBER = re.compile(r"(PF-\d{4})-(\d{6,9})")


@frozen(kw_only=True)
class Proforma:
    """A proforma invoice; its number is the reference of the transfer. It is not an invoice: nothing was paid.

    Args:
        id: numeric id, 0 before it is stored.
        plan: that it is for, at its price.
        valid_until: until when its price is promised.
        details: with the end of the period that it pays, if it is paid when it is made.
        order_id: of the payment that was recorded for it; empty before.
        by: who made it.

    Source: docs/transfers.md.
    """

    id: int = 0
    series: str
    serial: int
    tenant_id: str
    plan: Plan
    amount: Money
    description: str
    issued_at: datetime
    valid_until: datetime
    buyer: str
    details: InvoiceDetails = field(factory=InvoiceDetails)
    order_id: str = ""
    by: str = ""

    @property
    def number(self) -> str:
        """As printed, and as the customer states it: `PF-2026-000012`."""
        return document_number(self.series, self.serial)

    @classmethod
    def of(
        cls,
        plan: Plan,
        at: datetime,
        *,
        serial: int,
        tenant_id: str,
        description: str,
        valid_until: datetime,
        pays_until: datetime,
        time_zone: str,
        buyer: Party,
        seller: Seller,
        by: str,
    ) -> Proforma:
        """The proforma invoice of one period of a plan.

        Args:
            serial: the next one of `series_of(at, time_zone, PROFORMAS)`.
            pays_until: the end of the period that it pays, if it is paid now.

        Raises:
            ChangeRefused: the seller has no bank account.
        """
        if not seller.party.bank_account:
            raise ChangeRefused("There is no account to transfer to: set BILLING_SELLER_BANK_ACCOUNT")
        percent = seller.vat_percent
        return cls(
            series=series_of(at, time_zone, PROFORMAS),
            serial=serial,
            tenant_id=tenant_id,
            plan=plan,
            amount=plan.price,
            description=description,
            issued_at=at,
            valid_until=valid_until,
            buyer=buyer.name,
            details=InvoiceDetails(
                seller=seller.party,
                identification_code=buyer.identification_code,
                address=buyer.address,
                lines=lines_of(plan),
                ends=pays_until,
                vat_percent=percent or None,
                vat=vat_in(plan.price, percent) if percent else None,
                method="bank_transfer",
            ),
            by=by,
        )


def series_and_serial(number: str) -> tuple[str, int]:
    """The parts of a number such as `PF-2026-000012`.

    Raises:
        InvalidSelection: it is not the number of a proforma invoice.
    """
    found = _NUMBER.fullmatch(number.strip().upper())
    if found is None:
        raise InvalidSelection("proforma", f"{number[:40]!r} is not the number of a proforma such as PF-2026-000012")
    return found[1], int(found[2])
