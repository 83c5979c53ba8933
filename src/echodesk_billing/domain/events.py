"""Domain events, in the past tense. Stored in the transaction that caused them, delivered at least once."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from attrs import evolve, frozen

from echodesk_billing.domain.money import Money


@frozen(kw_only=True)
class Event:
    """Base class of events.

    Args:
        tenant_id: the tenant concerned.
        at: when it happened (UTC).
        id: sorts by time; assigned when the event is recorded, the same at every delivery.
        by: whose request led to it, `user@tenant` or an operator's name; empty where the bank or time did.
    """

    version: ClassVar[int] = 1
    tenant_id: str
    at: datetime
    id: str = ""
    by: str = ""

    def recorded(self, event_id: str, by: str) -> Self:
        """The event as it is stored."""
        return evolve(self, id=event_id, by=self.by or by)

    @property
    def name(self) -> str:
        """The event type as seen by clients."""
        return type(self).__name__


@frozen(kw_only=True)
class OrderEvent(Event):
    """Base class of events of an order."""

    order_id: str


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


@frozen(kw_only=True)
class SubscriptionEvent(Event):
    """Base class of events of a subscription."""


@frozen(kw_only=True)
class SubscriptionActivated(SubscriptionEvent):
    """A tenant has access now.

    Args:
        order_id: of the payment; empty where an operator gave it.
        monthly_price: what the plan costs a month from now on; None where nothing was paid.
    """

    order_id: str
    paid_until: datetime
    monthly_price: Money | None = None


@frozen(kw_only=True)
class SubscriptionImported(SubscriptionEvent):
    """A subscription was taken over from another billing system.

    Args:
        state: its state here.
        plan_name: of its plan; empty where it has none.
        price: per month; None where it has no plan.
        paid_until: None where that is not known.
    """

    state: str
    plan_name: str
    price: Money | None
    paid_until: datetime | None


@frozen(kw_only=True)
class DaysGiven(SubscriptionEvent):
    """An operator gave days of access; `by` says who.

    Args:
        days: how many.
        paid_until: the end of access because of them.
    """

    days: int
    reason: str
    paid_until: datetime


@frozen(kw_only=True)
class PlanMadeComplimentary(SubscriptionEvent):
    """An operator made a plan complimentary; `by` says who, and `until` is None where it is for good."""

    until: datetime | None
    reason: str


@frozen(kw_only=True)
class SubscriptionRenewed(SubscriptionEvent):
    """One more period is paid.

    Args:
        order_id: of the payment; empty where the plan is complimentary.
        monthly_price: what the plan costs a month from now on; None where nothing was paid.
    """

    order_id: str
    paid_until: datetime
    monthly_price: Money | None = None


@frozen(kw_only=True)
class SubscriptionPastDue(SubscriptionEvent):
    """A period could not be charged; access lasts until `access_until`.

    Args:
        code: of the bank, where a charge was declined.
        retry_at: when it is retried automatically; None where the customer has to act.
    """

    code: str | None
    retry_at: datetime | None
    access_until: datetime


@frozen(kw_only=True)
class SubscriptionSuspended(SubscriptionEvent):
    """The tenant has no access until it pays."""


@frozen(kw_only=True)
class SubscriptionChanged(SubscriptionEvent):
    """The plan changed.

    Args:
        order_id: the order that paid for it; None where the change was scheduled.
        plan_name: of the new plan.
        price: per interval.
        extra_days: days bought by the unused value of the old plan.
        monthly_price: the price per month.
    """

    order_id: str | None
    plan_name: str
    price: Money
    extra_days: int = 0
    monthly_price: Money | None = None


@frozen(kw_only=True)
class SubscriptionChangeScheduled(SubscriptionEvent):
    """A change of plan was scheduled for `effective_at`."""

    plan_name: str
    price: Money
    effective_at: datetime


@frozen(kw_only=True)
class SubscriptionChangeDropped(SubscriptionEvent):
    """A scheduled change was dropped.

    Args:
        plan_name: of the plan that was scheduled.
        effective_at: when it would have taken effect.
        reason: what replaced it, or who cancelled it.
    """

    plan_name: str
    effective_at: datetime
    reason: str


@frozen(kw_only=True)
class SubscriptionPauseScheduled(SubscriptionEvent):
    """A pause is planned from `starts_at`; `resumes_at` is None where it lasts until it is resumed."""

    starts_at: datetime
    resumes_at: datetime | None
    reason: str


@frozen(kw_only=True)
class SubscriptionPaused(SubscriptionEvent):
    """A pause has begun: nothing is charged until `resumes_at`, or until it is resumed."""

    resumes_at: datetime | None


@frozen(kw_only=True)
class SubscriptionResumed(SubscriptionEvent):
    """A cancellation or a pause was taken back, or a pause is over; `reason` says why where a person did it."""

    reason: str = ""


@frozen(kw_only=True)
class TrialStarted(SubscriptionEvent):
    """A free trial started; it ends at `ends_at`."""

    plan_name: str
    ends_at: datetime


@frozen(kw_only=True)
class ReminderDue(Event):
    """The customer should act before something expires.

    Args:
        what: `period` or `trial`, where nothing is charged automatically at its end, or `card`.
        days: days left, one of the configured values.
        expires_at: when it expires.
    """

    what: str
    days: int
    expires_at: datetime


@frozen(kw_only=True)
class TenantRegistered(OrderEvent):
    """A tenant's first order is paid: the CRM creates the tenant. `tenant_id` is the schema name.

    The CRM's payload is not in the event: it is stored encrypted and fetched by `order_id`.
    """

    tenant_name: str
    admin_email: str
    admin_first_name: str
    admin_last_name: str
    language: str
    subdomain: str = ""


@frozen(kw_only=True)
class BillingProfileChanged(Event):
    """A customer's billing profile was changed; `fields` names what."""

    fields: tuple[str, ...]


@frozen(kw_only=True)
class SubscriptionCancelled(SubscriptionEvent):
    """No further period will be charged; access lasts until `access_until`."""

    access_until: datetime


@frozen(kw_only=True)
class SubscriptionEnded(SubscriptionEvent):
    """A cancelled subscription has expired."""


_BASES = (Event, OrderEvent, SubscriptionEvent)

EVENT_TYPES: dict[str, type[Event]] = {
    name: kind
    for name, kind in list(globals().items())
    if isinstance(kind, type) and issubclass(kind, Event) and kind not in _BASES
}
"""All events of this module by name."""
