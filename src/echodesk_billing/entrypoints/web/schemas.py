"""Requests and answers, declared once: validation, rendering and /openapi.json come from these types."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from echodesk_billing.application.shop import Terms
from echodesk_billing.application.views import OrderTimeline, SubscriptionView
from echodesk_billing.domain.card import Card, CardState
from echodesk_billing.domain.catalogue import Catalogue, Package
from echodesk_billing.domain.invoice import Invoice
from echodesk_billing.domain.lifecycle import OrderState, SubscriptionState
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.order import Order
from echodesk_billing.domain.payment_request import (
    Capture,
    PaymentMethod,
    PaymentOptions,
    SaveCard,
    Theme,
    Wallet,
)
from echodesk_billing.domain.pricing import MOST_SEATS, Selection
from echodesk_billing.domain.refund import RefundState
from echodesk_billing.domain.response_codes import response_code
from echodesk_billing.domain.subscription import Subscription
from echodesk_billing.ports.usage import Usage

FeatureKey = Annotated[str, Meta(min_length=1, max_length=64)]
Status = Literal["pending", "paid", "failed", "refunded", "partially_refunded"]

_STATUS: dict[OrderState, Status] = {
    OrderState.CREATED: "pending",
    OrderState.PROCESSING: "pending",
    OrderState.BLOCKED: "pending",
    OrderState.COMPLETED: "paid",
    OrderState.REJECTED: "failed",
    OrderState.REFUNDED: "refunded",
    OrderState.REFUNDED_PARTIALLY: "partially_refunded",
}


class Nothing(Struct, frozen=True):
    """No input."""


class CreatePayment(Struct, frozen=True, kw_only=True):
    """What to buy: a package or a set of features."""

    package_id: Annotated[int, Meta(ge=1)] | None = None
    agent_count: Annotated[int, Meta(ge=1, le=MOST_SEATS, description="seats; ignored for flat packages")] = 1
    features: Annotated[list[FeatureKey], Meta(max_length=100)] = []
    currency: Currency = Currency.GEL
    save_card: bool = True
    card_save_type: Literal["automatic", "recurrent"] = "automatic"
    card_id: Annotated[int, Meta(description="a saved recurrent card to pay with")] | None = None
    language: Literal["ka", "en"] = "ka"
    theme: Theme = Theme.LIGHT
    payment_method: list[PaymentMethod] = []
    capture: Capture = Capture.AUTOMATIC
    google_pay_token: Annotated[str, Meta(min_length=1, max_length=16_384)] | None = None
    apple_pay: bool = False

    def selection(self) -> Selection:
        """The choice, checked by the domain."""
        return Selection(package_id=self.package_id, features=tuple(self.features), seats=self.agent_count)

    def terms(self) -> Terms:
        """How to pay, checked by the domain."""
        wallet = Wallet.APPLE_PAY if self.apple_pay else Wallet.NONE
        return Terms(
            language=self.language,
            save_card=SaveCard(self.card_save_type) if self.save_card else SaveCard.NO,
            capture=self.capture,
            wallet=Wallet.GOOGLE_PAY if self.google_pay_token else wallet,
            card_id=self.card_id,
            options=PaymentOptions(methods=tuple(self.payment_method), theme=self.theme),
        )


class PaymentCreated(Struct, frozen=True, kw_only=True):
    """Where the customer pays."""

    payment_id: str
    order_id: str
    payment_url: str
    amount: Decimal
    currency: str
    status: Status
    saves_card: bool | None

    @classmethod
    def of(cls, order: Order) -> PaymentCreated:
        """From an order; with a wallet there may be no page to go to."""
        return cls(
            status=_STATUS[order.state],
            saves_card=order.saves_card,
            payment_id=order.id,
            order_id=order.id,
            payment_url=order.payment_url or "",
            amount=order.amount.amount,
            currency=order.amount.currency,
        )


class PaymentStatus(Struct, frozen=True, kw_only=True):
    """What became of a payment."""

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
            status=_STATUS[order.state],
            state=order.state,
            paid=order.state in (OrderState.COMPLETED, OrderState.REFUNDED_PARTIALLY),
            amount=order.amount.amount,
            currency=order.amount.currency,
            captured=captured,
            refunded=order.refunded.amount,
            response_code=order.response_code,
            saves_card=order.saves_card,
            message=_message(order, language),
            updated_at=order.updated_at,
        )


class ApplePayToken(Struct, frozen=True, kw_only=True):
    """What Apple gave for the payment."""

    apple_pay_token: Annotated[str, Meta(min_length=1, max_length=16_384)]


class RefundPayment(Struct, frozen=True, kw_only=True):
    """How much goes back; all that is left where no amount is given."""

    amount: Decimal | None = None
    reason: Annotated[str, Meta(max_length=500)] = ""


class CapturePayment(Struct, frozen=True, kw_only=True):
    """How much of what is held is taken; all where no amount is given."""

    amount: Decimal | None = None


class RefundView(Struct, frozen=True, kw_only=True):
    """One refund."""

    refund_id: str
    amount: Decimal
    state: RefundState
    reason: str


class RefundRequested(Struct, frozen=True, kw_only=True):
    """A refund that was asked for; it goes later."""

    payment_id: str
    order_id: str
    status: Status
    currency: str
    captured: Decimal
    refunded: Decimal
    refund: RefundView

    @classmethod
    def of(cls, order: Order, refund_id: str) -> RefundRequested:
        """From an order and one of its refunds."""
        return cls(
            payment_id=order.id,
            order_id=order.id,
            status=_STATUS[order.state],
            currency=order.amount.currency,
            captured=order.captured.amount if order.captured else Decimal("0.00"),
            refunded=order.refunded.amount,
            refund=next(view for view in _refunds(order) if view.refund_id == refund_id),
        )


class TimelineStep(Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    at: datetime
    event: str
    source: str
    before: str
    after: str
    detail: str


class TimelineCallback(Struct, frozen=True, kw_only=True):
    """One callback that spoke of the order."""

    at: datetime
    verdict: str
    outcome: str
    digest: str


class Timeline(Struct, frozen=True, kw_only=True):
    """An order with everything that happened to it."""

    payment: PaymentStatus
    tenant_id: str
    attention: list[str]
    history: list[TimelineStep]
    callbacks: list[TimelineCallback]
    refunds: list[RefundView]

    @classmethod
    def of(cls, timeline: OrderTimeline, language: str) -> Timeline:
        """From an order's timeline."""
        order = timeline.order
        return cls(
            payment=PaymentStatus.of(order, language),
            tenant_id=order.tenant_id,
            attention=list(order.attention),
            history=[
                TimelineStep(
                    at=step.at,
                    event=step.event,
                    source=step.source,
                    before=step.before,
                    after=step.after,
                    detail=step.detail,
                )
                for step in timeline.history
            ],
            callbacks=[
                TimelineCallback(at=entry.at, verdict=entry.verdict, outcome=entry.outcome, digest=entry.digest)
                for entry in timeline.callbacks
            ],
            refunds=_refunds(order),
        )


class InvoiceView(Struct, frozen=True, kw_only=True):
    """An invoice. There are no PDFs yet: `pdf_url` is null and `pdf_generated` false."""

    id: int
    invoice_number: str
    amount: Decimal
    currency: str
    description: str
    package_name: str
    agent_count: int
    invoice_date: datetime
    paid_date: datetime
    due_date: datetime
    pdf_url: str | None = None
    pdf_generated: bool = False

    @classmethod
    def of(cls, invoice: Invoice) -> InvoiceView:
        """From an invoice; it is issued when it is paid, so that its three dates are one."""
        return cls(
            id=invoice.id,
            invoice_number=invoice.number,
            amount=invoice.amount.amount,
            currency=invoice.amount.currency,
            description=invoice.description,
            package_name=invoice.package_name,
            agent_count=invoice.seats,
            invoice_date=invoice.issued_at,
            paid_date=invoice.issued_at,
            due_date=invoice.issued_at,
        )


class Invoices(Struct, frozen=True, kw_only=True):
    """The tenant's invoices, newest first."""

    invoices: list[InvoiceView]


class CardChoice(Struct, frozen=True, kw_only=True):
    """Which saved card."""

    card_id: int


class MaybeCard(Struct, frozen=True, kw_only=True):
    """Which saved card; the query may name it instead of the body."""

    card_id: int | None = None


class AddCard(Struct, frozen=True, kw_only=True):
    """Whether the card becomes the default."""

    make_default: bool = False


class SavedCard(Struct, frozen=True, kw_only=True):
    """A card that the bank keeps for the tenant."""

    id: int
    card_type: str
    masked_card_number: str
    card_expiry: str
    saved_at: datetime
    is_active: bool
    is_default: bool
    card_save_type: str

    @classmethod
    def of(cls, card: Card) -> SavedCard:
        """From a saved card."""
        return cls(
            id=card.id,
            card_type=card.brand,
            masked_card_number=card.masked_number,
            card_expiry=card.expiry,
            saved_at=card.saved_at,
            is_active=card.state is CardState.ACTIVE,
            is_default=card.is_default,
            card_save_type=card.kind,
        )


class CardAdding(Struct, frozen=True, kw_only=True):
    """Where the customer enters the card."""

    payment_url: str
    order_id: str


class Done(Struct, frozen=True, kw_only=True):
    """It was done."""

    success: bool = True
    message: str


class CancelSubscription(Struct, frozen=True, kw_only=True):
    """When to stop."""

    immediately: bool = False


class SubscriptionCancelled(Struct, frozen=True, kw_only=True):
    """Until when the tenant still has access."""

    status: Literal["cancelled"] = "cancelled"
    message: str
    access_until: datetime

    @classmethod
    def of(cls, subscription: Subscription, now: datetime) -> SubscriptionCancelled:
        """From a subscription that was just cancelled."""
        until = subscription.paid_until
        if subscription.state is SubscriptionState.ENDED or until is None:
            return cls(message="The subscription has ended.", access_until=now)
        return cls(
            message=f"The subscription is cancelled. You have access until {until:%Y-%m-%d}.", access_until=until
        )


class CallbackTaken(Struct, frozen=True, kw_only=True):
    """What the bank is told."""

    status: Literal["success"] = "success"


class PackageView(Struct, frozen=True, kw_only=True):
    """A package on the price page."""

    id: int
    name: str
    display_name: str
    description: str
    pricing_model: str
    price_gel: str | None
    prices: dict[str, str]
    max_users: int
    max_whatsapp_messages: int
    max_storage_gb: int
    is_highlighted: bool
    features_list: list[str]

    @classmethod
    def of(cls, package: Package) -> PackageView:
        """From a package of the catalogue."""
        prices = {currency.value: str(price.amount) for currency, price in package.prices.items()}
        return cls(
            id=package.id,
            name=package.name,
            display_name=package.display_name,
            description=package.description,
            pricing_model=package.pricing_model,
            price_gel=prices.get("GEL"),
            prices=prices,
            max_users=package.limits.max_users,
            max_whatsapp_messages=package.limits.max_whatsapp_messages,
            max_storage_gb=package.limits.max_storage_gb,
            is_highlighted=package.is_highlighted,
            features_list=list(package.features_list),
        )


class MyPackage(Struct, frozen=True, kw_only=True):
    """What the tenant has; `id` is null for a set of features."""

    id: int | None
    name: str
    pricing_model: str


class MyPeriod(Struct, frozen=True, kw_only=True):
    """Since when, until when and for how much."""

    is_active: bool
    state: SubscriptionState
    starts_at: datetime
    expires_at: datetime
    next_billing_date: datetime | None
    monthly_cost: Decimal
    currency: str
    agent_count: int
    cancel_at_period_end: bool
    is_trial: bool = False
    trial_ends_at: datetime | None = None


class MyLimits(Struct, frozen=True, kw_only=True):
    """How much is included."""

    max_users: int = 0
    max_whatsapp_messages: int = 0
    max_storage_gb: int = 0


class MyUsage(Struct, frozen=True, kw_only=True):
    """How much is used, as the CRM tells it."""

    users: int = 0
    whatsapp_messages: int = 0
    storage_gb: int = 0


class UsageLimit(Struct, frozen=True, kw_only=True):
    """One limit and how near it is."""

    within_limit: bool
    current: int
    limit: int
    usage_percentage: float

    @classmethod
    def of(cls, current: int, limit: int) -> UsageLimit:
        """From what is used and what is included."""
        percentage = round(100 * current / limit, 1) if limit else 0.0
        return cls(within_limit=current <= limit, current=current, limit=limit, usage_percentage=percentage)


class UsageLimits(Struct, frozen=True, kw_only=True):
    """Each limit and how near it is."""

    users: UsageLimit
    whatsapp: UsageLimit
    storage: UsageLimit


class MySubscription(Struct, frozen=True, kw_only=True):
    """The tenant's subscription; `package` and `subscription` are null where there is none."""

    has_subscription: bool
    package: MyPackage | None
    subscription: MyPeriod | None
    features: dict[str, bool]
    limits: MyLimits
    usage: MyUsage
    usage_limits: UsageLimits

    @classmethod
    def of(cls, view: SubscriptionView) -> MySubscription:
        """From a subscription at one moment."""
        running = view.subscription
        plan = running.plan if running and running.state in _RUNNING else None
        included = plan.limits if plan else MyLimits()
        limits = MyLimits(
            max_users=included.max_users,
            max_whatsapp_messages=included.max_whatsapp_messages,
            max_storage_gb=included.max_storage_gb,
        )
        return cls(
            has_subscription=plan is not None,
            package=MyPackage(id=plan.selection.package_id, name=plan.name, pricing_model=plan.pricing_model)
            if plan
            else None,
            subscription=_period(running, view.now) if running and plan else None,
            features=_features(view.catalogue, plan.features if plan else ()),
            limits=limits,
            usage=_usage(view.usage),
            usage_limits=_usage_limits(view.usage, limits),
        )


class Health(Struct, frozen=True, kw_only=True):
    """The process is up."""

    status: Literal["ok"] = "ok"


class Check(Struct, frozen=True, kw_only=True):
    """One thing that must be right; `problem` says what is not."""

    ok: bool
    problem: str | None = None


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether payments can be taken."""

    status: Literal["ready", "not ready"]
    database: Check
    gateway: Check


class FieldError(Struct, frozen=True, kw_only=True):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(Struct, frozen=True, kw_only=True):
    """An error, by RFC 9457; `error` repeats `detail` for the frontend."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    error: str
    errors: list[FieldError] | UnsetType = UNSET


_RUNNING = (SubscriptionState.ACTIVE, SubscriptionState.CANCELLED)


def _refunds(order: Order) -> list[RefundView]:
    return [
        RefundView(refund_id=one.id, amount=one.amount.amount, state=one.state, reason=one.reason)
        for one in order.refunds
    ]


def _message(order: Order, language: str) -> str:
    """What the customer is told about an order."""
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


def _period(subscription: Subscription, now: datetime) -> MyPeriod | None:
    plan, anchor, until = subscription.plan, subscription.anchor, subscription.paid_until
    if plan is None or anchor is None or until is None:
        return None
    upcoming = subscription.upcoming
    return MyPeriod(
        is_active=subscription.has_access(now),
        state=subscription.state,
        starts_at=anchor,
        expires_at=until,
        next_billing_date=upcoming.start if upcoming else None,
        monthly_cost=plan.price.amount,
        currency=plan.price.currency,
        agent_count=plan.selection.seats,
        cancel_at_period_end=subscription.state is SubscriptionState.CANCELLED,
    )


def _features(catalogue: Catalogue, owned: tuple[str, ...]) -> dict[str, bool]:
    known = {feature.key: False for feature in catalogue.features}
    return {**known, **dict.fromkeys(owned, True)}


def _usage(usage: Usage) -> MyUsage:
    return MyUsage(users=usage.users, whatsapp_messages=usage.whatsapp_messages, storage_gb=usage.storage_gb)


def _usage_limits(usage: Usage, limits: MyLimits) -> UsageLimits:
    return UsageLimits(
        users=UsageLimit.of(usage.users, limits.max_users),
        whatsapp=UsageLimit.of(usage.whatsapp_messages, limits.max_whatsapp_messages),
        storage=UsageLimit.of(usage.storage_gb, limits.max_storage_gb),
    )
