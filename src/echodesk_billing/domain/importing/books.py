"""The books of imported payments: one opening entry each, and the invoices with the numbers that they have."""

from __future__ import annotations

from datetime import datetime

from echodesk_billing.domain.accounting import invoice, journal
from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.errors import InvalidMoney
from echodesk_billing.domain.importing.findings import Finding, Kind
from echodesk_billing.domain.importing.payment import Payment, amount_of
from echodesk_billing.domain.importing.records import OldInvoice, OldOrder
from echodesk_billing.domain.importing.rows import TenantRows
from echodesk_billing.domain.orders.order import Order


def opening_entries(order: Order, at: datetime) -> list[Entry]:
    """The one entry of an imported payment: what is left of it at the bank."""
    if order.captured is None or order.captured == order.refunded:
        return []
    return [journal.opening(order.tenant_id, order.id, at, order.captured - order.refunded)]


def invoices(rows: TenantRows) -> tuple[list[Invoice], list[Finding]]:
    """The invoices as they were issued; an order has one, and none while it can still be paid."""
    made: list[Invoice] = []
    found: list[Finding] = []
    payments = {one.old.id: one for one in rows.payments if isinstance(one.old, OldOrder)}
    seen: set[str] = set()
    for old in sorted(rows.invoices, key=lambda one: one.id):
        payment = payments.get(old.payment_order_id)
        is_open = payment is not None and payment.order is not None and payment.order.is_open
        if payment is None or is_open or payment.order_id in seen:
            message = "its payment is not imported, is not paid, or has another invoice: its number stays with the CRM"
            found.append(_finding(Kind.NOT_IMPORTED, rows, old, message))
            continue
        seen.add(payment.order_id)
        try:
            issued = _invoice(old, payment, rows)
        except InvalidMoney as error:
            found.append(_finding(Kind.NOT_IMPORTED, rows, old, f"its amount cannot be kept: {error}"))
            continue
        paid = payment.order.captured if payment.order else None
        if paid is not None and issued.amount != paid:
            message = f"it says {issued.amount}, and {paid} was paid: it stays as it was issued"
            found.append(_finding(Kind.AMOUNT_DIFFERS, rows, old, message))
        made.append(issued)
    return made, found


def _finding(kind: Kind, rows: TenantRows, old: OldInvoice, message: str) -> Finding:
    return Finding(kind=kind, tenant=rows.tenant_id, subject=old.number, message=message)


def _invoice(old: OldInvoice, payment: Payment, rows: TenantRows) -> Invoice:
    is_address = old.pdf_url.startswith(("https://", "http://"))
    return Invoice(
        series=invoice.IMPORTED,
        serial=old.id,
        tenant_id=rows.tenant_id,
        order_id=payment.order_id,
        amount=amount_of(old.amount, old.currency),
        description=old.description,
        package_name="",
        seats=old.seats,
        issued_at=old.issued_at,
        buyer=rows.buyer.name,
        external_number=old.number,
        external_url=old.pdf_url if is_address else "",
    )
