"""Invoices and credit notes, issued in the transaction of the payment or refund that they are for."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from echodesk_billing.domain.accounting import journal
from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice, Party, Seller, series_of
from echodesk_billing.domain.calendar import Period
from echodesk_billing.domain.events import (
    CreditNoteIssued,
    Event,
    InvoiceIssued,
    OrderCompleted,
    OrderCorrected,
    OrderRefunded,
)
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.refund import RefundState
from echodesk_billing.ports.storage import UnitOfWork

CREDIT_NOTES = "CN"


@frozen(kw_only=True)
class Invoicing:
    """Issues invoices and credit notes.

    Args:
        time_zone: by whose calendar a series is one year.
    """

    time_zone: str
    seller: Seller

    def invoice(
        self,
        uow: UnitOfWork,
        order: Order,
        paid: OrderCompleted | OrderCorrected,
        buyer: Party,
        period: Period | None,
    ) -> InvoiceIssued:
        """Issue the invoice of an order that was just paid, and book it.

        Args:
            period: that the payment pays; None where it bought none.
        """
        series = series_of(paid.at, self.time_zone)
        issued = Invoice.of(
            order,
            paid.captured,
            paid.at,
            series=series,
            serial=uow.books.serial_when_stored(series),
            buyer=buyer,
            seller=self.seller,
            period=period,
        )
        uow.books.issue(issued)
        uow.books.post(journal.invoice_entries(paid, issued.details.vat or Money.zero(paid.captured.currency)))
        return InvoiceIssued(
            tenant_id=order.tenant_id, at=paid.at, order_id=order.id, number=issued.number, amount=issued.amount
        )

    def credit_note(self, uow: UnitOfWork, order: Order, refunded: OrderRefunded) -> Sequence[Event]:
        """Issue the credit note of a refund, and book it; none where the payment had no invoice."""
        invoice = uow.books.invoice_of_order(order.id)
        if invoice is None:
            return []
        series = series_of(refunded.at, self.time_zone, CREDIT_NOTES)
        note = CreditNote.of(
            invoice,
            refunded.amount,
            refunded.refunded,
            refunded.at,
            series=series,
            serial=uow.books.next_serial(series),
            reason=_reason(order, refunded),
        )
        uow.books.issue_credit_note(note)
        uow.books.post(journal.credit_entries(refunded, note.vat or Money.zero(note.amount.currency)))
        return [
            CreditNoteIssued(
                tenant_id=order.tenant_id,
                at=refunded.at,
                order_id=order.id,
                number=note.number,
                invoice_number=note.invoice_number,
                amount=note.amount,
            )
        ]


def _reason(order: Order, refunded: OrderRefunded) -> str:
    """Why the last refund of this amount was asked for; empty for one of the bank's office."""
    done = [one for one in order.refunds if one.state is RefundState.COMPLETED and one.amount == refunded.amount]
    return done[-1].reason if done else ""
