"""Payments: start, status, the bank's webhook."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from echodesk_billing.application.payment_requests import Terms, page_language
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import (
    Capture,
    PaymentMethod,
    PaymentOptions,
    SaveCard,
    Theme,
    Wallet,
)
from echodesk_billing.domain.orders.refund import RefundState
from echodesk_billing.domain.orders.response_codes import response_code
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import STATUS, Choice, CouponCode, Id, Language, Nothing, Status
from echodesk_billing.entrypoints.http.messages import coupon_notice
from echodesk_billing.ports.access import Scope

WEBHOOK = "/api/payments/webhook/"


class CreatePayment(Choice, frozen=True, kw_only=True):
    """What to buy, and how to pay."""

    save_card: bool | None = None
    card_save_type: Literal["automatic", "recurrent"] = "automatic"
    card_id: Id | None = None
    language: Language = "ka"
    theme: Theme = Theme.LIGHT
    payment_method: list[PaymentMethod] = msgspec.field(default_factory=list)
    capture: Capture = Capture.AUTOMATIC
    google_pay_token: Annotated[str, Meta(min_length=1, max_length=16_384)] | None = None
    apple_pay: bool = False
    coupon: CouponCode = ""

    def terms(self) -> Terms:
        """How to pay, checked by the domain."""
        wallet = Wallet.APPLE_PAY if self.apple_pay else Wallet.NONE
        return Terms(
            language=page_language(self.language),
            save_card=self._save_card(),
            capture=self.capture,
            wallet=Wallet.GOOGLE_PAY if self.google_pay_token else wallet,
            card_id=self.card_id,
            options=PaymentOptions(methods=tuple(self.payment_method), theme=self.theme),
            coupon=self.coupon,
        )

    def _save_card(self) -> SaveCard | None:
        if self.save_card is None and self.card_save_type == SaveCard.AUTOMATIC.value:
            return None
        return SaveCard(self.card_save_type) if self.save_card is not False else SaveCard.NO


class PaymentCreated(Struct, frozen=True, kw_only=True):
    """Where the customer pays."""

    payment_id: str
    order_id: str
    payment_url: str
    amount: Decimal
    currency: str
    status: Status
    saves_card: bool | None
    paid_until: datetime | None
    coupon_notice: str | None = None

    @classmethod
    def of(cls, order: Order, language: str = "en") -> PaymentCreated:
        """From an order; a wallet payment may have no page."""
        return cls(
            status=STATUS[order.state],
            saves_card=order.saves_card,
            payment_id=order.id,
            order_id=order.id,
            payment_url=order.payment_url or "",
            amount=order.amount.amount,
            currency=order.amount.currency,
            paid_until=order.pays_until,
            coupon_notice=coupon_notice(order.plan, order.request.free_days, language),
        )


class PaymentPage(Struct, frozen=True, kw_only=True):
    """Where the customer pays manually, and the end of the period if paid now."""

    payment_url: str
    order_id: str
    amount: Decimal
    currency: str
    paid_until: datetime | None

    @classmethod
    def of(cls, order: Order) -> PaymentPage:
        """From an order."""
        return cls(
            payment_url=order.payment_url or "",
            order_id=order.id,
            amount=order.amount.amount,
            currency=order.amount.currency,
            paid_until=order.pays_until,
        )


class PaymentStatus(Struct, frozen=True, kw_only=True):
    """The status of a payment."""

    payment_id: str
    order_id: str
    bank_order_id: str | None
    status: Status
    state: OrderState
    paid: bool
    amount: Decimal
    currency: str
    captured: Decimal
    refunded: Decimal
    response_code: str | None
    saves_card: bool | None
    message: str
    updated_at: datetime

    @classmethod
    def of(cls, order: Order, language: str) -> PaymentStatus:
        """From an order, with its message in `language`."""
        captured = order.captured.amount if order.captured else Decimal("0.00")
        return cls(
            payment_id=order.id,
            order_id=order.id,
            bank_order_id=order.bank_order_id,
            status=STATUS[order.state],
            state=order.state,
            paid=order.state in (OrderState.COMPLETED, OrderState.REFUNDED_PARTIALLY),
            amount=order.amount.amount,
            currency=order.amount.currency,
            captured=captured,
            refunded=order.refunded.amount,
            response_code=order.response_code,
            saves_card=order.saves_card,
            message=status_message(order, language),
            updated_at=order.updated_at,
        )


class ApplePayToken(Struct, frozen=True, kw_only=True):
    """The payment token from Apple."""

    apple_pay_token: Annotated[str, Meta(min_length=1, max_length=16_384)]


class RefundView(Struct, frozen=True, kw_only=True):
    """One refund: its reason, who requested it, and why it failed, if it did."""

    refund_id: str
    amount: Decimal
    state: RefundState
    reason: str
    failure: str
    by: str


class CallbackTaken(Struct, frozen=True, kw_only=True):
    """The answer to the bank."""

    status: Literal["success"] = "success"


def refund_views(order: Order) -> list[RefundView]:
    """The refunds of an order."""
    return [
        RefundView(
            refund_id=one.id,
            amount=one.amount.amount,
            state=one.state,
            reason=one.reason,
            failure=one.failure,
            by=one.by,
        )
        for one in order.refunds
    ]


def status_message(order: Order, language: str) -> str:
    """The message for the customer about an order."""
    if order.state is OrderState.REJECTED and order.response_code is None:
        expired = order.reject_reason == "expiration"
        english = (
            "The payment was not made in time. Please start again." if expired else "The payment did not go through."
        )
        georgian = "გადახდა დროულად არ შესრულდა. დაიწყეთ თავიდან." if expired else "გადახდა ვერ შესრულდა."
        return georgian if language == "ka" else english
    if order.state in (OrderState.CREATED, OrderState.PROCESSING):
        return "ველოდებით გადახდას." if language == "ka" else "Waiting for the payment."
    if order.state in (OrderState.REFUNDED, OrderState.REFUNDED_PARTIALLY):
        return f"დაბრუნდა {order.refunded}." if language == "ka" else f"{order.refunded} was refunded."
    return response_code(order.response_code or "").message(language)


async def create(call: Call[CreatePayment]) -> PaymentCreated:
    """`POST /api/payments/create/`."""
    order = await call.uses.checkout.buy(
        call.who,
        call.body.selection(),
        currency=call.body.currency,
        terms=call.body.terms(),
        wallet_token=call.body.google_pay_token or "",
        key=call.key,
    )
    return PaymentCreated.of(order, call.language)


async def status(call: Call[Nothing]) -> PaymentStatus:
    """`GET /api/payments/status/<order_id>/`."""
    order = await call.uses.views.order(call.who, call.request.parameters["order_id"])
    return PaymentStatus.of(order, call.language)


async def webhook(call: Call[Nothing]) -> CallbackTaken:
    """`POST /api/payments/webhook/`: answered once the effect is committed."""
    body = await call.request.body()
    await call.uses.callbacks.receive(body, call.request.header("Callback-Signature"))
    return CallbackTaken()


async def apple_pay(call: Call[ApplePayToken]) -> PaymentStatus:
    """`POST /api/payments/<order_id>/apple-pay/`."""
    order_id = call.request.parameters["order_id"]
    order = await call.uses.checkout.complete_apple_pay(call.who, order_id, call.body.apple_pay_token)
    return PaymentStatus.of(order, call.language)


async def manual(call: Call[Nothing]) -> PaymentPage:
    """`POST /api/payments/manual/`."""
    return PaymentPage.of(await call.uses.checkout.pay_now(call.who, key=call.key))


async def reactivate(call: Call[Nothing]) -> PaymentPage:
    """`POST /api/payments/reactivate/`."""
    return PaymentPage.of(await call.uses.checkout.reactivate(call.who, key=call.key))


ROUTES = (
    Route(
        method="POST",
        path="/api/payments/create/",
        handler=create,
        operation="createPayment",
        summary="Start a payment for a package or a set of features",
        takes=CreatePayment,
        gives=PaymentCreated,
        scope=Scope.WRITE,
    ),
    Route(
        method="GET",
        path="/api/payments/status/{order_id}/",
        handler=status,
        operation="getPaymentStatus",
        summary="The status of a payment, by our id or the bank's",
        gives=PaymentStatus,
        scope=Scope.READ,
    ),
    Route(
        method="POST",
        path="/api/payments/{order_id}/apple-pay/",
        handler=apple_pay,
        operation="completeApplePay",
        summary="The second step of Apple Pay on the merchant's own page",
        takes=ApplePayToken,
        gives=PaymentStatus,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path=WEBHOOK,
        handler=webhook,
        operation="receiveCallback",
        summary="The bank's callback",
        gives=CallbackTaken,
    ),
    Route(
        method="POST",
        path="/api/payments/manual/",
        handler=manual,
        operation="payManually",
        summary="Create a page to pay the next period",
        gives=PaymentPage,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path="/api/payments/reactivate/",
        handler=reactivate,
        operation="reactivateSubscription",
        summary="Create a page to pay for a suspended or ended subscription",
        gives=PaymentPage,
        scope=Scope.WRITE,
    ),
)
