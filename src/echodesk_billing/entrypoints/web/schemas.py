"""Requests and answers, declared once: validation, rendering and /openapi.json come from these types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from echodesk_billing.application.changes import Changed
from echodesk_billing.application.shop import Terms
from echodesk_billing.application.views import OrderTimeline, SubscriptionView
from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.catalogue.catalogue import LARGEST_ID, LONGEST_KEY, Catalogue, Feature, Package
from echodesk_billing.domain.catalogue.pricing import MOST_SEATS, Item, Plan, Selection, feature_item
from echodesk_billing.domain.customers.card import Card, CardState
from echodesk_billing.domain.customers.registration import LONGEST_NAME, Applicant
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.money import Currency, Money
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
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.purchase import Preview
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.usage import Usage

Id = Annotated[int, Meta(ge=1, le=LARGEST_ID)]
FeatureKey = Annotated[str, Meta(min_length=1, max_length=LONGEST_KEY)]
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


class Choice(Struct, frozen=True, kw_only=True):
    """A package or a set of features."""

    package_id: Id | None = None
    agent_count: Annotated[int, Meta(ge=1, le=MOST_SEATS, description="seats; ignored for flat packages")] = 1
    features: Annotated[list[FeatureKey], Meta(max_length=100)] = []
    currency: Currency = Currency.GEL

    def selection(self) -> Selection:
        """The choice, checked by the domain."""
        return Selection(package_id=self.package_id, features=tuple(self.features), seats=self.agent_count)


class CreatePayment(Choice, frozen=True, kw_only=True):
    """What to buy, and how to pay."""

    save_card: bool | None = None
    card_save_type: Literal["automatic", "recurrent"] = "automatic"
    card_id: Annotated[Id, Meta(description="a saved recurrent card to pay with")] | None = None
    language: Literal["ka", "en"] = "ka"
    theme: Theme = Theme.LIGHT
    payment_method: list[PaymentMethod] = []
    capture: Capture = Capture.AUTOMATIC
    google_pay_token: Annotated[str, Meta(min_length=1, max_length=16_384)] | None = None
    apple_pay: bool = False

    def terms(self) -> Terms:
        """How to pay, checked by the domain."""
        wallet = Wallet.APPLE_PAY if self.apple_pay else Wallet.NONE
        return Terms(
            language=self.language,
            save_card=self._save_card(),
            capture=self.capture,
            wallet=Wallet.GOOGLE_PAY if self.google_pay_token else wallet,
            card_id=self.card_id,
            options=PaymentOptions(methods=tuple(self.payment_method), theme=self.theme),
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
            paid_until=order.pays_until,
        )


class PaymentPage(Struct, frozen=True, kw_only=True):
    """Where the customer pays by hand, and until when that pays if it is paid now."""

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


class ResolveOrder(Struct, frozen=True, kw_only=True):
    """What was found and done about an order that needs attention."""

    note: Annotated[str, Meta(min_length=1, max_length=500)]


class RefundView(Struct, frozen=True, kw_only=True):
    """One refund: why and by whom it was asked for, and why it failed where it did."""

    refund_id: str
    amount: Decimal
    state: RefundState
    reason: str
    failure: str
    by: str


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
    by: str


class TimelineCallback(Struct, frozen=True, kw_only=True):
    """One callback that spoke of the order."""

    at: datetime
    verdict: str
    outcome: str
    digest: str


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """One entry in the books."""

    at: datetime
    kind: str
    debit: str
    credit: str
    amount: Decimal
    currency: str

    @classmethod
    def of(cls, entry: Entry) -> TimelineEntry:
        """From an entry of the journal."""
        return cls(
            at=entry.at,
            kind=entry.kind,
            debit=entry.debit,
            credit=entry.credit,
            amount=entry.amount.amount,
            currency=entry.amount.currency,
        )


class Timeline(Struct, frozen=True, kw_only=True):
    """An order with everything that happened to it."""

    payment: PaymentStatus
    tenant_id: str
    attention: list[str]
    history: list[TimelineStep]
    callbacks: list[TimelineCallback]
    refunds: list[RefundView]
    entries: list[TimelineEntry]
    events: list[EventView]

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
                    by=step.by,
                )
                for step in timeline.history
            ],
            callbacks=[
                TimelineCallback(at=entry.at, verdict=entry.verdict, outcome=entry.outcome, digest=entry.digest)
                for entry in timeline.callbacks
            ],
            refunds=_refunds(order),
            entries=[TimelineEntry.of(entry) for entry in timeline.entries],
            events=[EventView.of(event) for event in timeline.events],
        )


class InvoiceView(Struct, frozen=True, kw_only=True):
    """An invoice; `pdf_url` takes the same token, and `?language=en`. Null where PDFs cannot be made."""

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
    pdf_url: str | None
    pdf_generated: bool

    @classmethod
    def of(cls, invoice: Invoice, pdf_url: str | None) -> InvoiceView:
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
            pdf_url=pdf_url,
            pdf_generated=pdf_url is not None,
        )


class Invoices(Struct, frozen=True, kw_only=True):
    """The tenant's invoices, newest first."""

    invoices: list[InvoiceView]


class CardChoice(Struct, frozen=True, kw_only=True):
    """Which saved card."""

    card_id: Id


class MaybeCard(Struct, frozen=True, kw_only=True):
    """Which saved card; the query may name it instead of the body."""

    card_id: Id | None = None


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
        day = local_date(until, subscription.time_zone)
        return cls(message=f"The subscription is cancelled. You have access until {day}.", access_until=until)


class Upgrade(Struct, frozen=True, kw_only=True):
    """Another package, other seats, or both; what is not given stays as it is."""

    package_id: Id | None = None
    agent_count: Annotated[int, Meta(ge=1, le=MOST_SEATS)] | None = None
    effective_date: Annotated[str, Meta(max_length=40, description="not before this day, where scheduled")] | None = (
        None
    )

    def selection(self, has: Selection) -> Selection:
        """The new selection, made of the one that the tenant has."""
        return Selection(
            package_id=self.package_id or has.package_id,
            features=() if self.package_id else has.features,
            seats=self.agent_count or has.seats,
        )

    def effective(self) -> datetime | None:
        """`effective_date`, which may be a day or a moment."""
        if self.effective_date is None:
            return None
        try:
            return datetime.fromisoformat(self.effective_date)
        except ValueError:
            raise InvalidSelection(
                "effective_date", f"{self.effective_date!r} is not a date: give YYYY-MM-DD"
            ) from None


class ChangeSeats(Struct, frozen=True, kw_only=True):
    """How many agents."""

    agent_count: Annotated[int, Meta(ge=1, le=MOST_SEATS)]


class ReplacedChange(Struct, frozen=True, kw_only=True):
    """A scheduled change that does not happen any more."""

    name: str
    agent_count: int
    effective_date: datetime


class UpgradePreview(Struct, frozen=True, kw_only=True):
    """What a change would do: the very figures that apply if it is made now."""

    package: MyPackage
    agent_count: int
    currency: str
    current_monthly_cost: Decimal
    new_monthly_cost: Decimal
    amount_due_now: Decimal
    is_immediate: bool
    effective_date: datetime
    extra_days: int
    next_billing_date: datetime
    replaces: list[ReplacedChange]

    @classmethod
    def of(cls, changed: Changed) -> UpgradePreview:
        """From a change that was not made."""
        preview = changed.preview
        price = preview.plan.price
        return cls(
            package=MyPackage.of(preview.plan),
            agent_count=preview.plan.selection.seats,
            currency=price.currency,
            current_monthly_cost=changed.before.price.amount,
            new_monthly_cost=price.amount,
            amount_due_now=price.amount if preview.is_immediate else Decimal("0.00"),
            is_immediate=preview.is_immediate,
            effective_date=preview.effective_at,
            extra_days=preview.extra_days,
            next_billing_date=preview.paid_until,
            replaces=_replaced(preview),
        )


class PlanChanged(Struct, frozen=True, kw_only=True):
    """A change that was made; with `payment_url`, it holds once it is paid there."""

    success: bool = True
    message: str
    requires_payment: bool
    payment_url: str | None
    order_id: str | None
    amount: Decimal
    currency: str
    effective_date: datetime
    extra_days: int
    current_monthly_cost: Decimal
    new_monthly_cost: Decimal
    paid_until: datetime
    replaces: list[ReplacedChange]

    @classmethod
    def of(cls, changed: Changed) -> PlanChanged:
        """From a change."""
        order, preview = changed.order, changed.preview
        return cls(
            message=_change_message(changed),
            requires_payment=order is not None,
            payment_url=order.payment_url if order else None,
            order_id=order.id if order else None,
            amount=order.amount.amount if order else Decimal("0.00"),
            currency=preview.plan.price.currency,
            effective_date=preview.effective_at,
            extra_days=preview.extra_days,
            current_monthly_cost=changed.before.price.amount,
            new_monthly_cost=preview.plan.price.amount,
            paid_until=preview.paid_until,
            replaces=_replaced(preview),
        )


class AvailableFeature(Struct, frozen=True, kw_only=True):
    """A feature that can be bought by itself."""

    id: int
    key: str
    name: str
    description: str
    price_per_user_gel: str | None
    price_unlimited_gel: str | None
    monthly_cost_for_current_agents: Decimal | None
    is_selected: bool
    icon: str

    @classmethod
    def of(cls, feature: Feature, catalogue: Catalogue, plan: Plan | None) -> AvailableFeature:
        """From a feature of the catalogue, for a tenant with `plan`."""
        seats = plan.selection.seats if plan else 1
        currency = plan.price.currency if plan else Currency.GEL
        item = plan.item(feature.key) if plan else None
        if item is None and currency in feature.prices_per_seat:
            item = feature_item(catalogue, feature.key, currency)
        return cls(
            id=feature.id,
            key=feature.key,
            name=feature.name,
            description=feature.description,
            price_per_user_gel=_gel(feature.prices_per_seat),
            price_unlimited_gel=_gel(feature.prices_flat),
            monthly_cost_for_current_agents=item.price(seats).amount if item else None,
            is_selected=plan is not None and feature.key in plan.features,
            icon=feature.icon,
        )

    @classmethod
    def of_discontinued(cls, item: Item, seats: int) -> AvailableFeature:
        """From a feature of a tenant's plan that is not sold any more, so that it can be removed."""
        in_gel = item.unit_price.currency is Currency.GEL
        return cls(
            id=item.id,
            key=item.key,
            name=item.name,
            description="",
            price_per_user_gel=str(item.unit_price.amount) if in_gel else None,
            price_unlimited_gel=str(item.flat_price.amount) if in_gel and item.flat_price else None,
            monthly_cost_for_current_agents=item.price(seats).amount,
            is_selected=True,
            icon="",
        )


class AvailableFeatures(Struct, frozen=True, kw_only=True):
    """All features, by category: those that are sold, and those the tenant has."""

    agent_count: int
    features_by_category: dict[str, list[AvailableFeature]]

    @classmethod
    def of(cls, view: SubscriptionView) -> AvailableFeatures:
        """For a tenant's subscription."""
        plan, catalogue = view.plan, view.catalogue
        seats = plan.selection.seats if plan else 1
        by_category: dict[str, list[AvailableFeature]] = {}
        for feature in catalogue.features:
            by_category.setdefault(feature.category, []).append(AvailableFeature.of(feature, catalogue, plan))
        sold = {feature.key for feature in catalogue.features}
        for item in plan.items if plan else ():
            if item.key and item.key not in sold:
                by_category.setdefault(item.category, []).append(AvailableFeature.of_discontinued(item, seats))
        return cls(agent_count=seats, features_by_category=by_category)


class AddFeature(Struct, frozen=True, kw_only=True):
    """Which feature, and whether it is paid for and used at once or from the next period."""

    feature_id: Id
    charge_immediately: bool = True


class RemoveFeature(Struct, frozen=True, kw_only=True):
    """Which feature; it goes with the next period."""

    feature_id: Id


class FeatureName(Struct, frozen=True, kw_only=True):
    """A feature."""

    id: int
    key: str
    name: str

    @classmethod
    def of(cls, feature: Item) -> FeatureName:
        """From a feature of a plan."""
        return cls(id=feature.id, key=feature.key, name=feature.name)


class FeatureAdded(Struct, frozen=True, kw_only=True):
    """A feature that was added; with `payment_url`, once it is paid there.

    `prorated_cost` is what is paid now: the full new price, because what was paid before becomes extra days.
    """

    success: bool = True
    requires_payment: bool
    requires_authentication: bool
    payment_url: str | None
    order_id: str | None
    message: str
    feature: FeatureName
    prorated_cost: Decimal
    new_monthly_cost: Decimal
    currency: str
    days_remaining: int
    extra_days: int
    effective_date: datetime
    payment_charged: bool = False

    @classmethod
    def of(cls, feature: Item, changed: Changed, now: datetime) -> FeatureAdded:
        """From a change that added `feature`. A new price is a new mandate, so that the customer has to be there."""
        order, preview = changed.order, changed.preview
        return cls(
            requires_payment=order is not None,
            requires_authentication=order is not None,
            payment_url=order.payment_url if order else None,
            order_id=order.id if order else None,
            message=_change_message(changed),
            feature=FeatureName.of(feature),
            prorated_cost=order.amount.amount if order else Decimal("0.00"),
            new_monthly_cost=preview.plan.price.amount,
            currency=preview.plan.price.currency,
            days_remaining=max(0, (preview.paid_until - now).days),
            extra_days=preview.extra_days,
            effective_date=preview.effective_at,
        )


class FeatureRemoved(Struct, frozen=True, kw_only=True):
    """A feature that goes with the next period."""

    success: bool = True
    message: str
    feature: FeatureName
    cost_reduction: Decimal
    new_monthly_cost: Decimal
    currency: str
    effective_date: datetime

    @classmethod
    def of(cls, feature: Item, changed: Changed) -> FeatureRemoved:
        """From a change that took `feature` away."""
        price = changed.preview.plan.price
        return cls(
            message=_change_message(changed),
            feature=FeatureName.of(feature),
            cost_reduction=(changed.before.price - price).amount,
            new_monthly_cost=price.amount,
            currency=price.currency,
            effective_date=changed.preview.effective_at,
        )


class StartTrial(Choice, frozen=True, kw_only=True):
    """What to try."""


class RegisterTenant(Choice, frozen=True, kw_only=True):
    """A tenant to be, what it buys, and what the CRM needs to create it."""

    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    schema_name: Annotated[str, Meta(min_length=3, max_length=63)]
    admin_email: Annotated[str, Meta(min_length=3, max_length=LONGEST_NAME)]
    admin_first_name: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""
    admin_last_name: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""
    language: Literal["ka", "en"] = "ka"
    payload: Raw = msgspec.field(default_factory=Raw)

    def applicant(self) -> Applicant:
        """Who registers, checked by the domain."""
        return Applicant(
            schema_name=self.schema_name,
            name=self.name,
            admin_email=self.admin_email,
            admin_first_name=self.admin_first_name,
            admin_last_name=self.admin_last_name,
            language=self.language,
        )

    def opaque(self) -> bytes:
        """The payload as it came; never looked at."""
        return bytes(self.payload)


class Registered(PaymentPage, frozen=True, kw_only=True):
    """Where the customer pays for the registration."""

    payment_id: str

    @classmethod
    def of(cls, order: Order) -> Registered:
        """From the order that pays for it."""
        return cls(payment_id=order.id, **msgspec.structs.asdict(PaymentPage.of(order)))


class RegistrationPayload(Struct, frozen=True, kw_only=True):
    """What the CRM passed along; null where there was nothing, or it was erased."""

    order_id: str
    payload: Raw

    @classmethod
    def of(cls, order_id: str, payload: bytes) -> RegistrationPayload:
        """From the opened payload."""
        return cls(order_id=order_id, payload=Raw(payload or b"null"))


class EventView(Struct, frozen=True, kw_only=True):
    """Something that happened. `data` depends on `type`; amounts in it are decimal strings."""

    id: str
    type: str
    version: int
    at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> EventView:
        """From a recorded event."""
        data = {key: value for key, value in msgspec.to_builtins(event).items() if key not in ("id", "at")}
        return cls(id=event.id, type=event.name, version=event.version, at=event.at, data=data)


class Events(Struct, frozen=True, kw_only=True):
    """Events, oldest first; ask again with `next` as `after`."""

    events: list[EventView]
    next: str | None

    @classmethod
    def of(cls, events: Sequence[Event]) -> Events:
        """From recorded events."""
        return cls(events=[EventView.of(event) for event in events], next=events[-1].id if events else None)


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

    @classmethod
    def of(cls, plan: Plan) -> MyPackage:
        """From a plan."""
        return cls(id=plan.selection.package_id, name=plan.name, pricing_model=plan.pricing_model)


class ScheduledChange(Struct, frozen=True, kw_only=True):
    """What will hold from a later period on."""

    package: MyPackage
    agent_count: int
    monthly_cost: Decimal
    effective_date: datetime


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
    access_until: datetime | None = None
    scheduled_change: ScheduledChange | None = None


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
        running, plan = view.subscription, view.plan
        has_access = running is not None and running.has_access(view.now)
        included = plan.limits if plan else MyLimits()
        limits = MyLimits(
            max_users=included.max_users,
            max_whatsapp_messages=included.max_whatsapp_messages,
            max_storage_gb=included.max_storage_gb,
        )
        return cls(
            has_subscription=plan is not None,
            package=MyPackage.of(plan) if plan else None,
            subscription=_period(running, plan, view.now) if running and plan else None,
            features=_features(view.catalogue, plan.features if plan and has_access else ()),
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


def _refunds(order: Order) -> list[RefundView]:
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


def _change_message(changed: Changed) -> str:
    plan, zone = changed.preview.plan, changed.time_zone
    replaced = "".join(
        f" The scheduled change to {one.name} on {local_date(starts, zone)} is dropped."
        for one, starts in changed.preview.replaces
    )
    if changed.order is not None:
        return f"Pay {changed.order.amount} to have {plan.name} now.{replaced}"
    return (
        f"{plan.name} holds from {local_date(changed.preview.effective_at, zone)}, at {plan.price} a month.{replaced}"
    )


def _replaced(preview: Preview) -> list[ReplacedChange]:
    return [
        ReplacedChange(name=plan.name, agent_count=plan.selection.seats, effective_date=starts)
        for plan, starts in preview.replaces
    ]


def _gel(prices: Mapping[Currency, Money]) -> str | None:
    return str(prices[Currency.GEL].amount) if Currency.GEL in prices else None


def _scheduled(subscription: Subscription) -> ScheduledChange | None:
    change = subscription.next_change
    if change is None:
        return None
    effective_at, plan = change
    return ScheduledChange(
        package=MyPackage.of(plan),
        agent_count=plan.selection.seats,
        monthly_cost=plan.price.amount,
        effective_date=effective_at,
    )


def _period(subscription: Subscription, plan: Plan, now: datetime) -> MyPeriod | None:
    anchor, until = subscription.anchor, subscription.paid_until
    if anchor is None or until is None:
        return None
    upcoming = subscription.upcoming
    in_trial = subscription.state is SubscriptionState.TRIALING
    return MyPeriod(
        is_active=subscription.has_access(now),
        state=subscription.state,
        starts_at=subscription.started_at or anchor,
        expires_at=until,
        next_billing_date=upcoming.start if upcoming else None,
        monthly_cost=plan.price.amount,
        currency=plan.price.currency,
        agent_count=plan.selection.seats,
        cancel_at_period_end=subscription.state is SubscriptionState.CANCELLED,
        is_trial=in_trial,
        trial_ends_at=subscription.trial_ends_at,
        access_until=subscription.access_until,
        scheduled_change=_scheduled(subscription),
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
