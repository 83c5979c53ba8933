"""Payment requests sent to the bank: descriptions, URLs, masked buyers, payment options."""

from __future__ import annotations

from datetime import timedelta

from attrs import frozen

from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.customers.customer import known_language
from echodesk_billing.domain.errors import InvalidPaymentOption
from echodesk_billing.domain.masking import mask_email, mask_name
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.payment_request import (
    Capture,
    PaymentOptions,
    PaymentRequest,
    SaveCard,
    Wallet,
)
from echodesk_billing.domain.orders.return_pages import Returning, ReturnPages
from echodesk_billing.domain.subscriptions.subscription import DEFAULT_GRACE, Subscription
from echodesk_billing.domain.subscriptions.term import Term
from echodesk_billing.ports.access import Principal

AS_USUAL = PaymentOptions()
LONGEST_TTL_MINUTES = 1440


@frozen(kw_only=True)
class Terms:
    """Payment options of a customer.

    Args:
        language: of the payment page, `ka` or `en`.
        returning: which pages the browser comes back to.
        save_card: whether the card is saved, and for what. Where None, it is saved for automatic charges, except
            for a pre-authorisation, which saves none.
        capture: at once, or later with a separate call.
        wallet: whose card form was shown on the merchant's own page.
        card_id: of a saved recurrent card; the customer is present.
        options: rarely used options.
        ttl_minutes: how long the order can be paid; the builder's default where None.
        coupon: a code to redeem; empty without one.

    Raises:
        InvalidPaymentOption: a pre-authorisation with an automatic card, whose charges would only hold money.
    """

    language: str = "ka"
    returning: Returning = Returning.PAYMENT
    save_card: SaveCard | None = None
    capture: Capture = Capture.AUTOMATIC
    wallet: Wallet = Wallet.NONE
    card_id: int | None = None
    options: PaymentOptions = AS_USUAL
    ttl_minutes: int | None = None
    coupon: str = ""

    def __attrs_post_init__(self) -> None:
        if self.capture is Capture.MANUAL and self.save_card is SaveCard.AUTOMATIC:
            raise InvalidPaymentOption(
                "save_card",
                "A pre-authorisation cannot save a card that is charged automatically, because the bank would only "
                "hold the money of each charge: save it as recurrent, or not at all",
            )

    @property
    def saves_card(self) -> SaveCard:
        """Whether the card is saved, and for what."""
        if self.save_card is not None:
            return self.save_card
        return SaveCard.NO if self.capture is Capture.MANUAL else SaveCard.AUTOMATIC


def page_language(language: str) -> str:
    """The language of the bank's page for a customer's language: Georgian or English."""
    return "ka" if language == "ka" else "en"


CUSTOMER_ASKED = Terms(ttl_minutes=LONGEST_TTL_MINUTES)


@frozen(kw_only=True)
class PaymentRequestBuilder:
    """Builds payment requests from the merchant's settings.

    Args:
        product_name: begins the description on the payment page.
        callback_url: the public URL of our webhook.
        pages: where the browser returns to.
        ttl_minutes: how long an order can be paid.
        time_zone: of the calendar months of new subscriptions.
        card_check: the amount charged and refunded to save a card without a purchase.
        grace: how long access of new subscriptions lasts after the paid period while a payment is owed.
    """

    product_name: str
    callback_url: str
    pages: ReturnPages
    ttl_minutes: int
    time_zone: str
    card_check: Money
    grace: timedelta = DEFAULT_GRACE

    def subscription(self, buyer: Principal) -> Subscription:
        """A subscription awaiting its first payment."""
        return Subscription(
            tenant_id=buyer.tenant_id,
            term=Term(time_zone=self.time_zone),
            grace=self.grace,
        )

    def request(self, buyer: Principal, plan: Plan, terms: Terms, card: Card | None = None) -> PaymentRequest:
        """The request for a period of `plan`, paid by `buyer` on a page or charged to `card`.

        Source: docs/bank-calls.md.
        """
        success, failed = self.pages.of(terms.returning, buyer.subdomain)
        return PaymentRequest(
            product_id="subscription" if plan.selection.package_id is not None else "feature",
            description=f"{self.product_name} {plan.name} - {buyer.tenant_name}",
            callback_url=self.callback_url,
            success_url=success,
            fail_url=failed,
            buyer_name=mask_name(buyer.full_name),
            buyer_email=mask_email(buyer.email),
            language=terms.language,
            capture=terms.capture,
            save_card=SaveCard.NO if card else terms.saves_card,
            wallet=terms.wallet,
            parent_order_id=card.bank_order_id if card else None,
            is_automatic=card is not None and card.kind is SaveCard.AUTOMATIC,
            ttl_minutes=terms.ttl_minutes or self.ttl_minutes,
            tenant_name=buyer.tenant_name,
            subdomain=buyer.subdomain,
            tenant_language=known_language(buyer.language),
            options=terms.options,
        )

    def card_request(
        self, buyer: Principal, *, make_default: bool, returning: Returning = Returning.CARD
    ) -> PaymentRequest:
        """The request of a `buyer` who adds a card."""
        success, failed = self.pages.of(returning, buyer.subdomain)
        return PaymentRequest(
            product_id="card",
            description=f"{self.product_name} - {buyer.tenant_name}",
            callback_url=self.callback_url,
            success_url=success,
            fail_url=failed,
            buyer_name=mask_name(buyer.full_name),
            buyer_email=mask_email(buyer.email),
            save_card=SaveCard.RECURRENT,
            makes_default=make_default,
            ttl_minutes=self.ttl_minutes,
        )
