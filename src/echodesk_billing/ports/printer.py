"""Printing of invoices, credit notes and proforma invoices."""

from __future__ import annotations

from typing import Protocol

from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice
from echodesk_billing.domain.accounting.proforma import Proforma

Document = Invoice | CreditNote | Proforma


class InvoicePrinter(Protocol):
    """Makes PDFs."""

    @property
    def is_available(self) -> bool:
        """Whether PDFs are available."""
        ...

    def print(self, document: Document, buyer: str, language: str) -> bytes:
        """The document as a PDF, the same bytes every time.

        Args:
            buyer: its name.
            language: `ka` or `en`.
        """
        ...
