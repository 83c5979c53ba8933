"""The bank's report about an order, whatever its source."""

from __future__ import annotations

import enum

from attrs import frozen

from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.payment_request import SaveCard


class BankStatus(enum.StrEnum):
    """`order_status.key` of the bank. Source: the bank's documentation of order statuses (docs/bank-calls.md)."""

    CREATED = "created"
    PROCESSING = "processing"
    COMPLETED = "completed"
    REJECTED = "rejected"
    REFUND_REQUESTED = "refund_requested"
    REFUNDED = "refunded"
    REFUNDED_PARTIALLY = "refunded_partially"
    AUTH_REQUESTED = "auth_requested"
    BLOCKED = "blocked"
    PARTIAL_COMPLETED = "partial_completed"

    @property
    def follows_payment(self) -> bool:
        """Whether the status implies a refund, so that the order was paid before."""
        return self in _FOLLOW_PAYMENT


_S = BankStatus
_FOLLOW_PAYMENT = {_S.REFUND_REQUESTED, _S.REFUNDED, _S.REFUNDED_PARTIALLY}
_CLAIM_MONEY = {_S.COMPLETED, _S.PARTIAL_COMPLETED, _S.BLOCKED, *_FOLLOW_PAYMENT}


class Source(enum.StrEnum):
    """The source of a report; `request` marks our own requests, `import` the tables of another billing system."""

    CALLBACK = "callback"
    RECEIPT = "receipt"
    ANSWER = "answer"
    REQUEST = "request"
    IMPORT = "import"


@frozen(kw_only=True)
class BankRefund:
    """One refund in the bank's list of actions.

    Args:
        action_id: the bank's id of the action.
        amount: the refunded amount.
        completed: whether it is completed, rather than in progress or failed.
        failed: whether it failed.
        code: why it failed, one of 161 to 169 and 179.
    """

    action_id: str
    amount: Money
    completed: bool
    failed: bool = False
    code: str | None = None


@frozen(kw_only=True)
class ReportedCard:
    """The card that the bank saved when the order was paid."""

    kind: SaveCard
    masked_number: str
    brand: str
    expiry: str


@frozen(kw_only=True)
class BankReport:
    """One statement of the bank about one order: a callback, a receipt or the answer to a call.

    Args:
        source: how it reached us.
        bank_order_id: the bank's id of the order.
        external_order_id: our id, where the bank repeats it.
        status: the bank's status; an unknown one is kept as sent.
        code: the response code, as text.
        transferred: the amount charged to the card, or held.
        discount: the discount stated in the report.
        refunds: the refunds in the list of actions.
        refunded: the refunded total, where the bank states it.
        reject_reason: the bank's reason of a rejection.
        payment_url: the address of the payment page, in the answer to a create call.
        card: the card saved by the payment.
        saves_card: whether saving the card was enabled, in the answer to a create call; None where not requested.
        merchant_id: the merchant of the order, where the bank states it (`client.id`).
        disputed: whether the bank states a dispute.
    """

    source: Source
    bank_order_id: str
    status: BankStatus | str
    external_order_id: str | None = None
    code: str | None = None
    transferred: Money | None = None
    discount: Money | None = None
    refunds: tuple[BankRefund, ...] = ()
    refunded: Money | None = None
    reject_reason: str | None = None
    payment_url: str | None = None
    card: ReportedCard | None = None
    saves_card: bool | None = None
    merchant_id: str | None = None
    disputed: bool = False

    @property
    def claims_money(self) -> bool:
        """Whether money is, or was, held or captured."""
        return self.status in _CLAIM_MONEY

    @property
    def follows_payment(self) -> bool:
        """Whether it implies a refund, so that the order was paid before."""
        return isinstance(self.status, BankStatus) and (
            self.status.follows_payment or any(one.completed for one in self.refunds) or bool(self.refunded)
        )

    @property
    def returned(self) -> Money | None:
        """The refunded amount by the report's total or list; None where nothing was paid.

        Raises:
            InvalidMoney: the sum of the list is too large.
        """
        if self.transferred is None:
            return None
        currency = self.transferred.currency
        listed = [one.amount for one in self.refunds if one.completed and one.amount.currency is currency]
        stated = self.refunded if self.refunded and self.refunded.currency is currency else Money.zero(currency)
        return max(sum(listed, Money.zero(currency)), stated)
