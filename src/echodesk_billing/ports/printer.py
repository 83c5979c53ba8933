"""Printing of invoices."""

from __future__ import annotations

from typing import Protocol

from echodesk_billing.domain.accounting.invoice import Invoice


class InvoicePrinter(Protocol):
    """Makes a PDF of an invoice."""

    @property
    def is_available(self) -> bool:
        """Whether PDFs are available."""
        ...

    def print(self, invoice: Invoice, buyer: str, language: str) -> bytes:
        """The invoice as a PDF, the same bytes every time.

        Args:
            buyer: its name.
            language: `ka` or `en`.
        """
        ...
