"""Invoices on paper."""

from __future__ import annotations

from typing import Protocol

from echodesk_billing.domain.accounting.invoice import Invoice


class InvoicePrinter(Protocol):
    """Makes a PDF of an invoice."""

    @property
    def is_available(self) -> bool:
        """Whether it can."""
        ...

    def print(self, invoice: Invoice, tenant_name: str, language: str) -> bytes:
        """The invoice as a PDF, the same bytes every time.

        Args:
            tenant_name: who is billed.
            language: `ka` or `en`.
        """
        ...
