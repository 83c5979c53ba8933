"""The journal, and invoices with their serial numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.money import Currency, Money


class Books(Protocol):
    """The journal and the invoices."""

    def post(self, entries: Sequence[Entry]) -> None:
        """Store entries; they are immutable."""
        ...

    def of_order(self, order_id: str) -> Sequence[Entry]:
        """The entries of an order, oldest first."""
        ...

    def of_tenant(self, tenant_id: str, limit: int) -> Sequence[Entry]:
        """The entries of a tenant, oldest first."""
        ...

    def latest_of(self, tenant_id: str, limit: int) -> Sequence[Entry]:
        """The entries of a tenant, newest first."""
        ...

    def numbered(self, series: str, serial: int) -> Invoice | CreditNote | None:
        """The invoice or credit note with a number."""
        ...

    def balance(self, account: str) -> dict[Currency, Money]:
        """The balance of an account per currency: debits minus credits."""
        ...

    def refunded(self, order_ids: Sequence[str]) -> dict[str, Money]:
        """How much of each order was refunded; orders without a refund are left out."""
        ...

    def next_serial(self, series: str) -> int:
        """The next number of a series, from 1; if this transaction rolls back, the number is not used up."""
        ...

    def serial_when_stored(self, series: str) -> int:
        """The next number of a series, for an invoice that this unit of work issues.

        It may be `UNNUMBERED`: then the invoice, and the event that names it, get their number as they are stored.
        """
        ...

    def issue(self, invoice: Invoice) -> None:
        """Store an invoice."""
        ...

    def invoices_between(self, start: datetime, end: datetime, after: int, limit: int) -> Sequence[Invoice]:
        """Invoices issued within a time span, by id, those above `after`."""
        ...

    def credit_notes_between(self, start: datetime, end: datetime, after: int, limit: int) -> Sequence[CreditNote]:
        """Credit notes issued within a time span, by id, those above `after`."""
        ...

    def entries_between(self, start: datetime, end: datetime, after: int, limit: int) -> Sequence[tuple[int, Entry]]:
        """Entries posted within a time span with their ids, those above `after`."""
        ...

    def invoice_of_order(self, order_id: str) -> Invoice | None:
        """The invoice of an order."""
        ...

    def issue_credit_note(self, note: CreditNote) -> None:
        """Store a credit note."""
        ...

    def credit_note(self, note_id: int, tenant_id: str | None) -> CreditNote | None:
        """The credit note with this id, if it belongs to the tenant; of any tenant where that is None."""
        ...

    def credit_notes_of(self, tenant_id: str | None, limit: int, *, before: int = 0) -> Sequence[CreditNote]:
        """The credit notes of a tenant, newest first; of any tenant where that is None.

        Args:
            before: only those below this id.
        """
        ...

    def invoice(self, invoice_id: int, tenant_id: str | None) -> Invoice | None:
        """The invoice with this id, if it belongs to the tenant; of any tenant where that is None."""
        ...

    def invoices_of(self, tenant_id: str | None, limit: int, *, before: int = 0) -> Sequence[Invoice]:
        """The invoices of a tenant, newest first; of any tenant where that is None.

        Args:
            before: only those below this id.
        """
        ...
