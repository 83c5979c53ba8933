"""Invoices: one for every completed payment, numbered without a gap per series."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from attrs import frozen

from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order

IMPORTED = "imported"
"""The series of invoices that another billing system issued; their serials are that system's ids."""


def series_of(moment: datetime, time_zone: str) -> str:
    """The series of invoices issued at `moment`: one a year, by the calendar of `time_zone`."""
    return f"INV-{moment.astimezone(ZoneInfo(time_zone)).year}"


@frozen(kw_only=True)
class Invoice:
    """What was paid, for what, and its number.

    Args:
        id: numeric id for the frontend, 0 before it is stored.
        series: for example `INV-2026`.
        serial: counts up from 1 within the series.
        amount: the amount charged to the card.
        buyer: the customer's name when the invoice was issued; empty on invoices of older versions.
        external_number: of an invoice that another billing system issued; it is never renumbered.
        external_url: where that system keeps its PDF; empty where it has none.

    Source: docs/books.md.
    """

    id: int = 0
    series: str
    serial: int
    tenant_id: str
    order_id: str
    amount: Money
    description: str
    package_name: str
    seats: int
    issued_at: datetime
    buyer: str = ""
    external_number: str = ""
    external_url: str = ""

    @property
    def number(self) -> str:
        """As printed: `INV-2026-000123`."""
        return self.external_number or f"{self.series}-{self.serial:06}"

    @classmethod
    def of(cls, order: Order, captured: Money, at: datetime, *, series: str, serial: int, buyer: str) -> Invoice:
        """The invoice of an order that was just paid."""
        return cls(
            series=series,
            serial=serial,
            tenant_id=order.tenant_id,
            order_id=order.id,
            amount=captured,
            description=order.request.description,
            package_name=order.plan.name if order.plan else "",
            seats=order.plan.selection.seats if order.plan else 0,
            issued_at=at,
            buyer=buyer,
        )
