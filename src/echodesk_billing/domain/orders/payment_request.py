"""The request of a payment sent to the bank; stored, so that a repetition is identical."""

from __future__ import annotations

import enum
import re
from datetime import date
from decimal import Decimal

from attrs import frozen

from echodesk_billing.domain.arguments import typed
from echodesk_billing.domain.errors import InvalidPaymentOption
from echodesk_billing.domain.money import Currency, Money


class Capture(enum.StrEnum):
    """Whether a payment is captured at once, or held until it is captured."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class SaveCard(enum.StrEnum):
    """Whether a card is saved when the order is paid, and for what.

    `recurrent`: the customer is present at every later payment, of any amount. `automatic`: the bank repeats the
    amount of this order, and no other, without the customer.
    """

    NO = "no"
    RECURRENT = "recurrent"
    AUTOMATIC = "automatic"


class Wallet(enum.StrEnum):
    """The wallet that collected the card on the merchant's own page, instead of the bank's page."""

    NONE = "none"
    GOOGLE_PAY = "google_pay"
    APPLE_PAY = "apple_pay"


class PaymentMethod(enum.StrEnum):
    """The payment methods on the payment page. Source: the bank's documentation of orders (docs/bank-calls.md)."""

    CARD = "card"
    GOOGLE_PAY = "google_pay"
    APPLE_PAY = "apple_pay"
    BOG_P2P = "bog_p2p"
    BOG_LOYALTY = "bog_loyalty"
    BNPL = "bnpl"
    BOG_LOAN = "bog_loan"
    GIFT_CARD = "gift_card"


class Theme(enum.StrEnum):
    """The theme of the payment page."""

    LIGHT = "light"
    DARK = "dark"


@frozen(kw_only=True, field_transformer=typed)
class BasketItem:
    """A line of the basket, instead of one line of the whole amount.

    Args:
        quantity: how many, above zero.
        unit_price: price of one.
        unit_discount: discount on one.
        vat: included in the price.
    """

    product_id: str
    quantity: int
    unit_price: Money
    description: str = ""
    unit_discount: Money | None = None
    vat: Money | None = None
    vat_percent: Decimal | None = None
    image: str | None = None
    package_code: str | None = None
    tin: str | None = None


SPLIT_METHODS = (
    PaymentMethod.CARD,
    PaymentMethod.GOOGLE_PAY,
    PaymentMethod.APPLE_PAY,
    PaymentMethod.BOG_LOYALTY,
    PaymentMethod.BOG_P2P,
)
MOST_SPLIT_PARTS = 10
_SPLIT_DESCRIPTION = re.compile(r"[0-9 /\-?:().,'+a-zA-Z]{0,25}")


@frozen(kw_only=True, field_transformer=typed)
class SplitPart:
    """One recipient of a marketplace split: a fixed amount, or a percentage.

    Args:
        description: at most 25 Latin letters, digits, spaces and `/-?:().,'+`.

    Raises:
        InvalidPaymentOption: the share is zero, or the bank would reject the description.
    """

    iban: str
    amount: Money | None = None
    percent: Decimal | None = None
    description: str = ""

    def __attrs_post_init__(self) -> None:
        received = self.percent if self.amount is None else self.amount.amount
        if received is not None and received <= 0:
            raise InvalidPaymentOption("split", "Each part of a split is above zero")
        if not _SPLIT_DESCRIPTION.fullmatch(self.description):
            raise InvalidPaymentOption(
                "split", "The description of a part of a split is up to 25 Latin letters, digits, spaces and /-?:().,'+"
            )


@frozen(kw_only=True, field_transformer=typed)
class Split:
    """The recipients of a split payment, ten at most. All parts are amounts, or all are percentages.

    Raises:
        InvalidPaymentOption: the parts are mixed or too many, or percentages do not add up to 100.
    """

    parts: tuple[SplitPart, ...]

    def __attrs_post_init__(self) -> None:
        amounts = [part.amount for part in self.parts if part.amount is not None]
        shares = [part.percent for part in self.parts if part.percent is not None]
        if len(amounts) + len(shares) != len(self.parts) or (amounts and shares) or not self.parts:
            raise InvalidPaymentOption("split", "Give each part of a split an amount, or each a share in per cent")
        if len(self.parts) > MOST_SPLIT_PARTS:
            raise InvalidPaymentOption("split", f"A split has at most {MOST_SPLIT_PARTS} parts")
        if shares and sum(shares) != 100:  # noqa: PLR2004 - per cent
            raise InvalidPaymentOption("split", f"The shares of a split make {sum(shares)} per cent, not 100")

    def require_fits(self, total: Money, methods: tuple[PaymentMethod, ...]) -> None:
        """Check that the bank can split a payment of `total`.

        Raises:
            InvalidPaymentOption: it is not in GEL, the amounts do not add up to it, or a method cannot be split.
        """
        if total.currency is not Currency.GEL:
            raise InvalidPaymentOption("split", "Only payments in GEL are split")
        amounts = [part.amount for part in self.parts if part.amount is not None]
        if amounts and sum(amounts, Money.zero(amounts[0].currency)) != total:
            raise InvalidPaymentOption("split", f"The amounts of the split do not make {total}")
        if others := set(methods) - set(SPLIT_METHODS):
            names = ", ".join(sorted(others))
            raise InvalidPaymentOption("split", f"Payments by {names} are not split")


@frozen(kw_only=True, field_transformer=typed)
class Loan:
    """Which instalment plan the page offers, with `bnpl` and `bog_loan`."""

    type: str
    month: int


@frozen(kw_only=True, field_transformer=typed)
class Campaign:
    """A discount campaign of the bank, for cards of a kind."""

    card: str
    type: str


@frozen(kw_only=True, field_transformer=typed)
class PaymentOptions:
    """Rarely used payment options.

    Args:
        methods: offered on the page; all methods of the merchant's contract where empty.
        account_tag: the merchant's account that receives the money.
        delivery: shown as the price of delivery, part of the amount.
        discount: shown as the merchant's discount, already taken off the amount.
        basket: lines instead of the one line of the whole amount.

    Raises:
        InvalidPaymentOption: an instalment method as the only one, without a loan.
    """

    methods: tuple[PaymentMethod, ...] = ()
    theme: Theme = Theme.LIGHT
    account_tag: str | None = None
    loan: Loan | None = None
    campaign: Campaign | None = None
    split: Split | None = None
    delivery: Money | None = None
    discount: Money | None = None
    basket: tuple[BasketItem, ...] = ()

    def __attrs_post_init__(self) -> None:
        only = self.methods[0] if len(set(self.methods)) == 1 else None
        if self.loan is None and only in (PaymentMethod.BNPL, PaymentMethod.BOG_LOAN):
            raise InvalidPaymentOption("loan", f"{only} as the only method needs a loan: its type and its months")

    def require_fits(self, amount: Money) -> None:
        """Check the options that depend on the amount.

        Raises:
            InvalidPaymentOption: the split does not fit.
        """
        if self.split is not None:
            self.split.require_fits(amount, self.methods)


@frozen(kw_only=True)
class Transfer:
    """A bank transfer that paid an order, as an operator recorded it.

    Args:
        proforma: the number of the proforma invoice that it pays.
        reference: the bank's, on the statement of the seller's account.
        paid_on: the day on which it arrived.
    """

    proforma: str
    reference: str
    paid_on: date


@frozen(kw_only=True)
class PaymentRequest:
    """The request sent to the bank, besides the amount.

    Args:
        product_id: of the one basket item.
        description: of the one basket item.
        buyer_name: masked.
        buyer_email: masked.
        language: of the payment page, `ka` or `en`.
        capture: at once, or later.
        save_card: whether the card is saved, and for what.
        makes_default: whether the saved card becomes the tenant's default.
        wallet: the wallet that collects the card.
        parent_order_id: the bank's id of the order whose saved card pays; None where a card is entered.
        is_automatic: whether the saved card is charged without the customer, for the parent's amount.
        ttl_minutes: how long the order stays payable at the bank, 2 to 1440.
        tenant_name: the buyer, as on the invoice.
        subdomain: of the buyer; empty where it is not known.
        tenant_language: of the buyer, for invoices and mails; empty where it is not known.
        transfer: the bank transfer that paid it instead; the bank never hears of the order then.
        coupon: the code that it redeems; empty without one.
        free_days: days at the start of the period that the coupon gives.
        wallet_digest: SHA-256 of the Google Pay token, to detect a repeated request; empty without one.
    """

    product_id: str
    description: str
    callback_url: str
    success_url: str
    fail_url: str
    buyer_name: str = ""
    buyer_email: str = ""
    language: str = "ka"
    capture: Capture = Capture.AUTOMATIC
    save_card: SaveCard = SaveCard.NO
    makes_default: bool = False
    wallet: Wallet = Wallet.NONE
    parent_order_id: str | None = None
    is_automatic: bool = False
    ttl_minutes: int = 15
    tenant_name: str = ""
    subdomain: str = ""
    tenant_language: str = ""
    transfer: Transfer | None = None
    coupon: str = ""
    free_days: int = 0
    wallet_digest: str = ""
    options: PaymentOptions = PaymentOptions()
