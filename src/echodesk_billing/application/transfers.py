"""Payments by bank transfer: a proforma invoice before, a recorded payment and an invoice after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import structlog
from attrs import evolve

from echodesk_billing.application.customers import with_names
from echodesk_billing.application.errors import InvoiceNotFound, ProformaNotFound
from echodesk_billing.application.order_factory import OrderFactory
from echodesk_billing.application.payment_requests import PaymentRequestBuilder, Terms
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.accounting.invoice import Party, Seller, series_of
from echodesk_billing.domain.accounting.proforma import PROFORMAS, Proforma, series_and_serial
from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.errors import ChangeRefused, InvalidSelection
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import SaveCard, Transfer
from echodesk_billing.domain.orders.report import Source
from echodesk_billing.domain.orders.transfers import take_transfer
from echodesk_billing.domain.subscriptions import offers
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.printer import InvoicePrinter
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

VALID_FOR = timedelta(days=14)
PAGE = 50
LONGEST_REFERENCE = 100


class BankTransfers:
    """Makes proforma invoices, and records the transfers that pay them.

    Args:
        seller: who sells, with the account to transfer to.
        time_zone: by whose calendar a series is one year.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        order_factory: OrderFactory,
        settlement: Settlement,
        requests: PaymentRequestBuilder,
        printer: InvoicePrinter,
        seller: Seller,
        time_zone: str,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._order_factory = order_factory
        self._settlement = settlement
        self._requests = requests
        self._printer = printer
        self._seller = seller
        self._time_zone = time_zone

    async def create_proforma(
        self,
        by: Principal,
        tenant_id: str,
        selection: Selection | None = None,
        *,
        currency: Currency = Currency.GEL,
        tenant_name: str = "",
    ) -> Proforma:
        """Make the proforma invoice of one period.

        Args:
            selection: what is bought; the tenant's own plan where None.
            currency: of a selection.
            tenant_name: of a tenant that is not a customer yet.

        Raises:
            NoActiveSubscription: the tenant never had a plan, and none is selected.
            InvalidSelection: it is not in the catalogue.
            ChangeRefused: the plan is complimentary, or the seller has no bank account.
        """
        now = await self._clock.now()
        tenant = by.acting_for(tenant_id, tenant_name)

        def work(uow: UnitOfWork) -> Proforma:
            subscription = uow.subscriptions.get(tenant_id) or self._requests.subscription(tenant)
            catalogue = uow.catalogues.current()
            plan = offers.offered(subscription, catalogue, selection, currency, now)
            bought = offers.transferred(subscription, plan, now, catalogue)
            named = with_names(uow, tenant)
            proforma = Proforma.of(
                plan,
                now,
                serial=uow.books.next_serial(series_of(now, self._time_zone, PROFORMAS)),
                tenant_id=tenant_id,
                description=self._requests.request(named, plan, Terms()).description,
                valid_until=now + VALID_FOR,
                pays_until=offers.pays_until(subscription, bought, now),
                time_zone=self._time_zone,
                buyer=Party.of(uow.customers.get(tenant_id), named.tenant_name or tenant_id),
                seller=self._seller,
                by=by.name,
            )
            uow.proformas.add(proforma)
            return proforma

        proforma = await self._storage.transact(work)
        log.info("proforma.created", number=proforma.number, tenant_id=tenant_id, by=by.name)
        return proforma

    async def record(
        self, by: Principal, number: str, amount: Decimal, reference: str, reason: str, *, paid_on: date | None = None
    ) -> Order:
        """Record the transfer that pays a proforma invoice: the period is paid, and the invoice is issued.

        Repeating it with the same reference returns the same payment.

        Args:
            number: of the proforma invoice.
            amount: that arrived, in its currency; it has to be the whole amount.
            reference: the bank's, from the statement.
            reason: for the record.
            paid_on: the day on which it arrived; today where None.

        Raises:
            ProformaNotFound: there is none with this number.
            InvalidSelection: the number, amount, reference, reason or day is not possible.
            ChangeRefused: another transfer has paid it.
        """
        now = await self._clock.now()
        series, serial = series_and_serial(number)
        if not reason.strip():
            raise InvalidSelection("reason", "Say why the payment is recorded, for example: seen on the statement")
        if not 0 < len(reference.strip()) <= LONGEST_REFERENCE:
            raise InvalidSelection("reference", f"Give the bank's reference, up to {LONGEST_REFERENCE} characters")

        def work(uow: UnitOfWork) -> tuple[Order, bool]:
            proforma = uow.proformas.lock(series, serial)
            if proforma is None:
                raise ProformaNotFound(number)
            today = local_date(now, self._time_zone)
            day = paid_on or today
            if not proforma.issued_at.date() - timedelta(days=366) <= day <= today:
                raise InvalidSelection("paid_on", f"{day} is in the future, or long before the proforma")
            transfer = Transfer(proforma=proforma.number, reference=reference.strip(), paid_on=day)
            if proforma.order_id:
                return self._recorded(uow, proforma, transfer), False
            arrived = Money(amount, proforma.amount.currency)
            if arrived != proforma.amount:
                raise InvalidSelection("amount", f"{proforma.number} is for {proforma.amount}, not for {arrived}")
            return self._take(uow, by, proforma, transfer, reason, now), True

        order, is_new = await self._storage.transact(work)
        if is_new:
            log.info("transfer.recorded", order_id=order.id, tenant_id=order.tenant_id, by=by.name)
        return order

    async def listed(self, tenant_id: str | None, before: int = 0) -> Sequence[Proforma]:
        """Proforma invoices, newest first."""
        return await self._storage.read(lambda uow: uow.proformas.listed(tenant_id, before, PAGE))

    async def pdf(self, who: Principal, number: str, language: str) -> tuple[Proforma, bytes]:
        """A proforma invoice as a PDF.

        Raises:
            ProformaNotFound: there is none with this number that `who` may see.
            InvoiceNotFound: PDFs are not available.
        """
        series, serial = series_and_serial(number)
        proforma = await self._storage.read(lambda uow: uow.proformas.get(series, serial))
        if proforma is None or who.tenant_filter not in (None, proforma.tenant_id):
            raise ProformaNotFound(number)
        if not self._printer.is_available:
            raise InvoiceNotFound
        return proforma, await asyncio.to_thread(self._printer.print, proforma, proforma.buyer, language)

    def _recorded(self, uow: UnitOfWork, proforma: Proforma, transfer: Transfer) -> Order:
        order = uow.orders.get(proforma.order_id, None)
        if order is None or order.request.transfer is None or order.request.transfer.reference != transfer.reference:
            raise ChangeRefused(f"{proforma.number} was paid before, by {proforma.order_id}")
        return order

    def _take(
        self, uow: UnitOfWork, by: Principal, proforma: Proforma, transfer: Transfer, reason: str, now: datetime
    ) -> Order:
        tenant = with_names(uow, by.acting_for(proforma.tenant_id, proforma.buyer))
        uow.subscriptions.add(self._requests.subscription(tenant))
        subscription = uow.subscriptions.lock(proforma.tenant_id)
        purchase = offers.transferred(subscription, proforma.plan, now, uow.catalogues.current())
        request = self._requests.request(tenant, proforma.plan, Terms(save_card=SaveCard.NO))
        order = self._order_factory.add(uow, tenant, purchase, evolve(request, transfer=transfer), now)
        order.note("transfer_recorded", Source.REQUEST, now, f"{transfer.reference}: {reason}", by=by.name)
        self._settlement.record(uow, order, take_transfer(order, now, by.name), now, by.name)
        uow.proformas.pay(proforma, order.id)
        return order
