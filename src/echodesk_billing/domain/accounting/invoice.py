"""Invoices: one for every completed payment of a plan, numbered without a gap per series."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from attrs import field, frozen

from echodesk_billing.domain.accounting.vat import vat_in
from echodesk_billing.domain.calendar import Period
from echodesk_billing.domain.catalogue.pricing import Item, Plan
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import Wallet

IMPORTED = "imported"
"""The series of invoices that another billing system issued; their serials are that system's ids."""


UNNUMBERED = 0
"""Stands for the serial of a document whose number is taken when it is stored."""


def series_of(moment: datetime, time_zone: str, prefix: str = "INV") -> str:
    """The series of what is issued at `moment`: one a year, by the calendar of `time_zone`."""
    return f"{prefix}-{moment.astimezone(ZoneInfo(time_zone)).year}"


def document_number(series: str, serial: int) -> str:
    """As printed: `INV-2026-000123`."""
    return f"{series}-{serial:06}"


@frozen(kw_only=True)
class Party:
    """Seller or buyer, as it was when the invoice was issued."""

    name: str = ""
    identification_code: str = ""
    address: str = ""
    bank_account: str = ""

    @classmethod
    def of(cls, customer: Customer | None, name: str) -> Party:
        """A customer, or somebody of whom only the name is known."""
        if customer is None:
            return cls(name=name)
        profile = customer.profile
        return cls(
            name=profile.legal_name or name,
            identification_code=profile.identification_code,
            address=profile.address,
        )


@frozen(kw_only=True)
class Seller:
    """Who sells.

    Args:
        vat_percent: of prices, which include it; None where the seller pays none.
    """

    party: Party = field(factory=Party)
    vat_percent: Decimal | None = None


@frozen(kw_only=True)
class InvoiceLine:
    """A line of an invoice. A discount has a negative amount; its description is a coupon, or empty."""

    description: str
    quantity: int = 1
    unit_price: Money
    amount: Money
    is_discount: bool = False


@frozen(kw_only=True)
class InvoiceDetails:
    """What is printed besides the sum; empty on invoices of older versions and of other systems.

    Args:
        identification_code: of the buyer.
        address: of the buyer.
        begins: of the period that is paid; None where the payment bought none.
        ends: of the same.
        method: `card`, `saved_card`, `google_pay`, `apple_pay` or `bank_transfer`.
        paid_on: the day of a bank transfer.
        proforma: the number of the proforma invoice that was paid; empty for payments by card.
    """

    seller: Party = field(factory=Party)
    identification_code: str = ""
    address: str = ""
    lines: tuple[InvoiceLine, ...] = ()
    begins: datetime | None = None
    ends: datetime | None = None
    vat_percent: Decimal | None = None
    vat: Money | None = None
    method: str = ""
    paid_on: date | None = None
    proforma: str = ""


@frozen(kw_only=True)
class Invoice:
    """What was paid, for what, and its number.

    Args:
        id: numeric id for the frontend, 0 before it is stored.
        series: for example `INV-2026`.
        serial: counts up from 1 within the series.
        amount: the amount charged to the card; VAT is included.
        buyer: the customer's name when the invoice was issued; empty on invoices of older versions.
        external_number: of an invoice that another billing system issued; it is never renumbered.
        external_url: where that system keeps its PDF; empty where it has none.

    Source: docs/books.md.
    """

    id: int = 0
    series: str
    serial: int
    tenant_id: str
    order_id: str
    amount: Money
    description: str
    package_name: str
    seats: int
    issued_at: datetime
    buyer: str = ""
    external_number: str = ""
    external_url: str = ""
    details: InvoiceDetails = field(factory=InvoiceDetails)

    @property
    def number(self) -> str:
        """As printed: `INV-2026-000123`."""
        return self.external_number or document_number(self.series, self.serial)

    @classmethod
    def of(
        cls,
        order: Order,
        captured: Money,
        at: datetime,
        *,
        series: str,
        serial: int,
        buyer: Party,
        seller: Seller,
        period: Period | None = None,
    ) -> Invoice:
        """The invoice of an order that was just paid.

        Args:
            captured: what was charged.
            period: that it pays; None where it bought none.
        """
        percent, transfer = seller.vat_percent, order.request.transfer
        return cls(
            series=series,
            serial=serial,
            tenant_id=order.tenant_id,
            order_id=order.id,
            amount=captured,
            description=order.request.description,
            package_name=order.plan.name if order.plan else "",
            seats=order.plan.selection.seats if order.plan else 0,
            issued_at=at,
            buyer=buyer.name,
            details=InvoiceDetails(
                seller=seller.party,
                identification_code=buyer.identification_code,
                address=buyer.address,
                lines=lines(order, captured),
                begins=period.start if period else None,
                ends=period.end if period else None,
                vat_percent=percent or None,
                vat=vat_in(captured, percent) if percent else None,
                method=_method(order),
                paid_on=transfer.paid_on if transfer else None,
                proforma=transfer.proforma if transfer else "",
            ),
        )


def _method(order: Order) -> str:
    if order.request.transfer is not None:
        return "bank_transfer"
    if order.request.is_automatic:
        return "saved_card"
    return "card" if order.request.wallet is Wallet.NONE else order.request.wallet.value


def lines(order: Order, captured: Money) -> tuple[InvoiceLine, ...]:
    """The lines of an order's invoice; they always add up to what was charged."""
    plan = order.plan
    found = lines_of(plan) if plan is not None else ()
    if sum((line.amount for line in found), Money.zero(captured.currency)) != order.amount:
        name = plan.name if plan else order.request.description
        found = (InvoiceLine(description=name, unit_price=order.amount, amount=order.amount),)
    discount = captured - order.amount
    if not discount:
        return found
    return (*found, InvoiceLine(description="", unit_price=discount, amount=discount, is_discount=True))


def lines_of(plan: Plan) -> tuple[InvoiceLine, ...]:
    """A line for each item that costs something, and one for the discount of a coupon."""
    found = tuple(_line(plan, item) for item in plan.items if item.price(plan.selection.seats))
    if plan.discount is None:
        return found
    off = Money.zero(plan.price.currency) - plan.discount.amount
    name = f"{plan.discount.code}, {plan.discount.percent} %"
    return (*found, InvoiceLine(description=name, unit_price=off, amount=off, is_discount=True))


def _line(plan: Plan, item: Item) -> InvoiceLine:
    is_flat = plan.pricing_model == "crm" and not item.key
    seats = 1 if is_flat else plan.selection.seats
    amount = item.price(seats)
    if amount == item.unit_price * seats:
        return InvoiceLine(description=item.name, quantity=seats, unit_price=item.unit_price, amount=amount)
    return InvoiceLine(description=item.name, unit_price=amount, amount=amount)


@frozen(kw_only=True)
class CreditNote:
    """What was given back of an invoice.

    Args:
        id: numeric id for the frontend, 0 before it is stored.
        series: for example `CN-2026`.
        invoice_number: of the invoice that it reduces.
        amount: given back; VAT is included.
        vat: the part of the invoice's VAT that is given back; None where that had none.
        reason: why it was refunded; empty where it is not known.

    Source: docs/books.md.
    """

    id: int = 0
    series: str
    serial: int
    tenant_id: str
    order_id: str
    invoice_number: str
    amount: Money
    vat: Money | None = None
    reason: str = ""
    issued_at: datetime
    buyer: str = ""
    details: InvoiceDetails = field(factory=InvoiceDetails)

    @property
    def number(self) -> str:
        """As printed: `CN-2026-000012`."""
        return document_number(self.series, self.serial)

    @classmethod
    def of(
        cls, invoice: Invoice, amount: Money, refunded: Money, at: datetime, *, series: str, serial: int, reason: str
    ) -> CreditNote:
        """The credit note of a refund.

        Args:
            amount: refunded now.
            refunded: in total, `amount` included, so that the parts of VAT add up to that of the invoice.
        """
        percent = invoice.details.vat_percent
        vat = vat_in(refunded, percent) - vat_in(refunded - amount, percent)
        return cls(
            series=series,
            serial=serial,
            tenant_id=invoice.tenant_id,
            order_id=invoice.order_id,
            invoice_number=invoice.number,
            amount=amount,
            vat=vat if percent else None,
            reason=reason,
            issued_at=at,
            buyer=invoice.buyer,
            details=invoice.details,
        )
