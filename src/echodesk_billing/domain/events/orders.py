"""Events of orders, cards, invoices and credit notes."""

from __future__ import annotations

from attrs import frozen

from echodesk_billing.domain.events.base import OrderEvent
from echodesk_billing.domain.money import Money


@frozen(kw_only=True)
class OrderCreated(OrderEvent):
    """An order was stored here; the bank may not know it yet."""

    amount: Money


@frozen(kw_only=True)
class OrderCompleted(OrderEvent):
    """An order is paid; `captured` is the amount charged to the card."""

    amount: Money
    captured: Money


@frozen(kw_only=True)
class OrderRejected(OrderEvent):
    """The bank declined the payment, or the order expired at the bank."""

    code: str | None
    reason: str | None


@frozen(kw_only=True)
class OrderCorrected(OrderEvent):
    """A rejected order turned out to be paid, confirmed by the bank's receipt."""

    captured: Money


@frozen(kw_only=True)
class OrderRefunded(OrderEvent):
    """Money was refunded: `amount` now, `refunded` in total."""

    amount: Money
    refunded: Money


@frozen(kw_only=True)
class OrderMismatch(OrderEvent):
    """The bank's report contradicts the order; a person has to check it."""

    reason: str


@frozen(kw_only=True)
class OrderContested(OrderEvent):
    """A payment was refunded at the bank without a request from here, or is disputed."""

    reason: str


@frozen(kw_only=True)
class OrderAttentionResolved(OrderEvent):
    """An order no longer needs attention.

    Args:
        reasons: why it needed attention.
        note: what the operator found, or what settled it.
    """

    reasons: tuple[str, ...]
    note: str


@frozen(kw_only=True)
class CardSaved(OrderEvent):
    """The bank saved the card that paid the order."""

    masked_number: str


@frozen(kw_only=True)
class DefaultCardChosen(OrderEvent):
    """Another saved card is charged from now on; `order_id` identifies the order that saved it."""

    masked_number: str


@frozen(kw_only=True)
class CardForgotten(OrderEvent):
    """A saved card was removed; `order_id` identifies the order that saved it."""

    masked_number: str


@frozen(kw_only=True)
class InvoiceIssued(OrderEvent):
    """The invoice of a completed payment was issued."""

    number: str
    amount: Money


@frozen(kw_only=True)
class CreditNoteIssued(OrderEvent):
    """The credit note of a refund was issued; it reduces the invoice `invoice_number`."""

    number: str
    invoice_number: str
    amount: Money


@frozen(kw_only=True)
class CouponRedeemed(OrderEvent):
    """A payment used a coupon."""

    code: str


@frozen(kw_only=True)
class PaymentActionRequired(OrderEvent):
    """The next period cannot be charged automatically; the customer has to pay at `payment_url`."""

    payment_url: str
    reason: str
