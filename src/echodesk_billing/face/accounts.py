"""Invoices, statements, and the daily comparison with the bank."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from echodesk_billing.application.errors import InvoiceNotFound
from echodesk_billing.application.views import OrderTimeline
from echodesk_billing.domain.accounting.audit import Comparison
from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.accounting.statistics import Business
from echodesk_billing.domain.catalogue.catalogue import LARGEST_ID
from echodesk_billing.domain.customers.customer import Customer
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

    async def credit_notes(self, tenant_id: str) -> Sequence[CreditNote]:
        """A tenant's credit notes, newest first."""
        return await self._container.views().credit_notes(self._reader(tenant_id))

    async def credit_note_pdf(self, tenant_id: str, note_id: int, *, language: str = "ka") -> bytes:
        """One credit note as a PDF, in Georgian (`ka`) or English (`en`).

        Raises:
            InvoiceNotFound: it does not exist, or the extra [pdf] is not installed.
        """
        if not 0 < note_id <= LARGEST_ID:
            raise InvoiceNotFound
        _, pdf = await self._container.views().credit_note_pdf(self._reader(tenant_id), note_id, language)
        return pdf

    async def customer(self, tenant_id: str) -> Customer:
        """A tenant as a customer, with its billing profile; before its first payment, what is known of it."""
        return await self._container.customers().profile(self._reader(tenant_id))

    async def change_billing_profile(
        self,
        tenant_id: str,
        *,
        legal_name: str | None = None,
        identification_code: str | None = None,
        is_vat_payer: bool | None = None,
        address: str | None = None,
        emails: Sequence[str] | None = None,
        language: str | None = None,
        tenant_name: str = "",
        by: str = LIBRARY,
    ) -> Customer:
        """Change a tenant's billing profile; invoices that were issued stay as they are.

        Args:
            legal_name: as registered; unchanged where None, like the others.
            identification_code: 9 digits of a company, 11 of a person, or a foreign one.
            is_vat_payer: whether it is registered for VAT.
            address: legal address.
            emails: where invoices go, at most five.
            language: of invoices and mails: `ka`, `en` or `ru`.
            tenant_name: its display name, where it is not a customer yet.
            by: who asks, for the record.

        Raises:
            InvalidSelection: a value is not valid; it names the field.
        """
        given = {
            "legal_name": legal_name,
            "identification_code": identification_code,
            "is_vat_payer": is_vat_payer,
            "address": address,
            "emails": emails,
            "language": language,
        }
        changes = {name: value for name, value in given.items() if value is not None}
        return await self._container.customers().change_profile(self._writer(tenant_id, tenant_name, by), changes)

    async def set_customer(self, tenant_id: str, *, name: str = "", subdomain: str = "", by: str = LIBRARY) -> Customer:
        """Set the display name and the subdomain of a customer.

        Args:
            name: unchanged where empty.
            subdomain: what `{tenant}` in return addresses becomes; unchanged where empty.
            by: who asks, for the record.

        Raises:
            CustomerNotFound: the tenant has never paid.
            InvalidTenant: the subdomain is not valid.
            NameTaken: another customer has it.
        """
        return await self._container.customers().set(
            operator(by), self._reader(tenant_id).tenant_id, {}, name=name, subdomain=subdomain
        )

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

    async def statistics(self) -> Sequence[Business]:
        """Recurring revenue, customers, money and collection per month, a currency at a time."""
        figures = self._container.figures()
        await figures.catch_up()
        return await figures.read()

    async def timeline(self, order_id: str) -> OrderTimeline:
        """One order of any tenant with its full history.

        Raises:
            OrderNotFound: it does not exist.
        """
        return await self._container.views().timeline(operator(LIBRARY), order_id)
