"""Printing of invoices and credit notes."""

from __future__ import annotations

from typing import Protocol

from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice


class InvoicePrinter(Protocol):
    """Makes a PDF of an invoice or a credit note."""

    @property
    def is_available(self) -> bool:
        """Whether PDFs are available."""
        ...

    def print(self, document: Invoice | CreditNote, buyer: str, language: str) -> bytes:
        """The document as a PDF, the same bytes every time.

        Args:
            buyer: its name.
            language: `ka` or `en`.
        """
        ...
