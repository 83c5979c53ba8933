"""Invoices, statements, and the daily comparison with the bank."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from echodesk_billing.application.errors import InvoiceNotFound
from echodesk_billing.application.views import OrderTimeline
from echodesk_billing.domain.accounting.audit import Comparison
from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.catalogue.catalogue import LARGEST_ID
from echodesk_billing.face.base import LIBRARY, Face, checks_arguments, operator


@checks_arguments
class Accounts(Face):
    """Invoices, statements, and the daily comparison with the bank."""

    async def invoices(self, tenant_id: str) -> Sequence[Invoice]:
        """A tenant's invoices, newest first."""
        return await self._container.views().invoices(self._reader(tenant_id))

    async def invoice_pdf(self, tenant_id: str, invoice_id: int, *, language: str = "ka") -> bytes:
        """One invoice as a PDF, in Georgian (`ka`) or English (`en`).

        Raises:
            InvoiceNotFound: it does not exist, or the extra [pdf] is not installed.
        """
        if not 0 < invoice_id <= LARGEST_ID:
            raise InvoiceNotFound
        _, pdf = await self._container.views().invoice_pdf(self._reader(tenant_id), invoice_id, language)
        return pdf

    async def statement(self, tenant_id: str) -> Sequence[Entry]:
        """Every journal entry of a tenant's account, oldest first."""
        return await self._container.audit().statement(self._reader(tenant_id).tenant_id)

    async def reconciliation_report(self, day: date | None = None) -> list[Comparison]:
        """Every order that changed on a day, compared with the bank's receipt and the journal.

        Args:
            day: by the calendar of `BILLING_TIME_ZONE`; yesterday where None.

        Raises:
            GatewayError: the bank did not return a receipt.
        """
        audit = self._container.audit()
        return [one async for one in audit.report(await audit.day(day))]

    async def timeline(self, order_id: str) -> OrderTimeline:
        """One order of any tenant with its full history.

        Raises:
            OrderNotFound: it does not exist.
        """
        return await self._container.views().timeline(operator(LIBRARY), order_id)
