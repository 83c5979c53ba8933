"""Payments by bank transfer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from echodesk_billing.domain.accounting.proforma import Proforma
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.subscriptions.purchase import chosen
from echodesk_billing.face.base import LIBRARY, Face, checks_arguments, choice, operator


@checks_arguments
class Transfers(Face):
    """Payments by bank transfer: a proforma invoice before, a recorded payment after."""

    async def create_proforma(
        self,
        tenant_id: str,
        *,
        package_id: int | None = None,
        features: Sequence[str] = (),
        seats: int = 1,
        interval: int = 1,
        currency: str = "GEL",
        tenant_name: str = "",
        by: str = LIBRARY,
    ) -> Proforma:
        """Make the proforma invoice of one period; its `number` is the payment reference.

        Args:
            package_id: what is bought, or give `features`; the tenant's own plan where neither is given.
            tenant_name: of a tenant that is not a customer yet.
            by: who makes it, for the record.

        Raises:
            NoActiveSubscription: the tenant never had a plan, and none is chosen.
            InvalidSelection: it is not in the catalogue.
            ChangeRefused: the plan is complimentary, or the seller has no bank account.
        """
        selection = chosen(package_id, features, seats, interval)
        return await self._container.transfers().create_proforma(
            operator(by),
            self._reader(tenant_id).tenant_id,
            selection,
            currency=choice(Currency, currency, "currency"),
            tenant_name=tenant_name,
        )

    async def proformas(self, tenant_id: str) -> Sequence[Proforma]:
        """A tenant's proforma invoices, newest first, at most 50."""
        return await self._container.transfers().listed(self._reader(tenant_id).tenant_id)

    async def proforma_pdf(self, number: str, *, language: str = "ka") -> bytes:
        """One proforma invoice as a PDF, in Georgian (`ka`) or English (`en`).

        Raises:
            ProformaNotFound: there is none with this number.
            InvoiceNotFound: the extra [pdf] is not installed.
        """
        _, pdf = await self._container.transfers().pdf(operator(LIBRARY), number, language)
        return pdf

    async def record_transfer(
        self,
        number: str,
        amount: Decimal,
        reference: str,
        reason: str,
        *,
        paid_on: date | None = None,
        by: str = LIBRARY,
    ) -> Order:
        """Record the transfer that pays a proforma invoice. Repeating it with the same reference records it once.

        Args:
            number: of the proforma invoice.
            amount: that arrived, in its currency; it has to be the whole amount.
            reference: the bank's, from the statement.
            reason: for the record.
            paid_on: the day on which it arrived; today where None.
            by: who records it.

        Raises:
            ProformaNotFound: there is none with this number.
            InvalidSelection: the number, amount, reference, reason or day is not possible.
            ChangeRefused: another transfer has paid it.
        """
        order = await self._container.transfers().record(
            operator(by), number, amount, reference, reason, paid_on=paid_on
        )
        await self._announce()
        return order
