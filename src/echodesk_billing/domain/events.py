"""What happened, in the past tense. Stored in the transaction that caused it, delivered at least once."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from attrs import evolve, frozen

from echodesk_billing.domain.money import Money


@frozen(kw_only=True)
class Event:
    """Anything that happened to a tenant.

    Args:
        tenant_id: whose it is.
        at: when it happened (UTC).
        id: sorts by time; given when the event is recorded, the same at every delivery.
        by: who asked for what led to it, `user@tenant`, or an operator's name; empty where the bank or time did.
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
        """The type of event as written to the outside."""
        return type(self).__name__


@frozen(kw_only=True)
class OrderEvent(Event):
    """Anything that happened to an order."""

    order_id: str


@frozen(kw_only=True)
class OrderCreated(OrderEvent):
    """An order exists here; the bank may not know it yet."""

    amount: Money


@frozen(kw_only=True)
class OrderCompleted(OrderEvent):
    """An order is paid; `captured` is what the card really paid."""

    amount: Money
    captured: Money


@frozen(kw_only=True)
class OrderRejected(OrderEvent):
    """The bank said no, or the order expired at the bank."""

    code: str | None
    reason: str | None


@frozen(kw_only=True)
class OrderCorrected(OrderEvent):
    """An order that had been rejected turned out to be paid, confirmed by the bank's receipt."""

    captured: Money


@frozen(kw_only=True)
class OrderRefunded(OrderEvent):
    """Money went back: `amount` now, `refunded` in all."""

    amount: Money
    refunded: Money


@frozen(kw_only=True)
class OrderMismatch(OrderEvent):
    """The bank's word does not fit the order; a person has to look."""

    reason: str


@frozen(kw_only=True)
class OrderAttentionResolved(OrderEvent):
    """An order no longer needs attention.

    Args:
        reasons: why it did.
        note: what the operator found, or what proved it.
    """

    reasons: tuple[str, ...]
    note: str


@frozen(kw_only=True)
class CardSaved(OrderEvent):
    """The bank keeps the card that paid the order."""

    masked_number: str


@frozen(kw_only=True)
class DefaultCardChosen(OrderEvent):
    """Another saved card is charged from now on; `order_id` is of the order that saved it."""

    masked_number: str


@frozen(kw_only=True)
class CardForgotten(OrderEvent):
    """A saved card is not used any more; `order_id` is of the order that saved it."""

    masked_number: str


@frozen(kw_only=True)
class InvoiceIssued(OrderEvent):
    """A completed payment got its invoice."""

    number: str
    amount: Money


@frozen(kw_only=True)
class PaymentActionRequired(OrderEvent):
    """The next period cannot be charged without the customer, who has to pay at `payment_url`."""

    payment_url: str
    reason: str


@frozen(kw_only=True)
class SubscriptionEvent(Event):
    """Anything that happened to a subscription."""


@frozen(kw_only=True)
class SubscriptionActivated(SubscriptionEvent):
    """A tenant has access now."""

    order_id: str
    paid_until: datetime


@frozen(kw_only=True)
class SubscriptionRenewed(SubscriptionEvent):
    """One more period is paid."""

    order_id: str
    paid_until: datetime


@frozen(kw_only=True)
class SubscriptionPastDue(SubscriptionEvent):
    """A period could not be charged; access lasts until `access_until`.

    Args:
        code: of the bank, where a charge was declined.
        retry_at: when it is tried again by itself; None where the customer has to act.
    """

    code: str | None
    retry_at: datetime | None
    access_until: datetime


@frozen(kw_only=True)
class SubscriptionSuspended(SubscriptionEvent):
    """A tenant has no access any more until it pays."""


@frozen(kw_only=True)
class SubscriptionChanged(SubscriptionEvent):
    """Another plan holds from now on.

    Args:
        order_id: what was paid for it; None where the change was scheduled.
        plan_name: of the new plan.
        price: a month of it.
        extra_days: what the unused value of the old plan became.
    """

    order_id: str | None
    plan_name: str
    price: Money
    extra_days: int = 0


@frozen(kw_only=True)
class SubscriptionChangeScheduled(SubscriptionEvent):
    """Another plan will hold from `effective_at` on."""

    plan_name: str
    price: Money
    effective_at: datetime


@frozen(kw_only=True)
class SubscriptionChangeDropped(SubscriptionEvent):
    """A scheduled change will not happen.

    Args:
        plan_name: of the plan that was scheduled.
        effective_at: from when it would have held.
        reason: what replaced it, or who took it back.
    """

    plan_name: str
    effective_at: datetime
    reason: str


@frozen(kw_only=True)
class SubscriptionResumed(SubscriptionEvent):
    """A cancelled subscription runs on."""


@frozen(kw_only=True)
class TrialStarted(SubscriptionEvent):
    """A tenant may try a plan for nothing until `ends_at`."""

    plan_name: str
    ends_at: datetime


@frozen(kw_only=True)
class ReminderDue(Event):
    """The customer should act before something expires.

    Args:
        what: `period` or `trial`, where nothing will be charged by itself at its end, or `card`.
        days: how many days are left, one of the days in the settings.
        expires_at: when it expires.
    """

    what: str
    days: int
    expires_at: datetime


@frozen(kw_only=True)
class TenantRegistered(OrderEvent):
    """A tenant's first order is paid: the CRM creates the tenant. `tenant_id` is the schema's name.

    What the CRM passed along is not in the event: it is asked for by `order_id`, and kept encrypted.
    """

    tenant_name: str
    admin_email: str
    admin_first_name: str
    admin_last_name: str
    language: str


@frozen(kw_only=True)
class SubscriptionCancelled(SubscriptionEvent):
    """No further period will be charged; access lasts until `access_until`."""

    access_until: datetime


@frozen(kw_only=True)
class SubscriptionEnded(SubscriptionEvent):
    """A cancelled subscription has run out."""


EVENT_TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        OrderCreated,
        OrderCompleted,
        OrderRejected,
        OrderCorrected,
        OrderRefunded,
        OrderMismatch,
        OrderAttentionResolved,
        CardSaved,
        CardForgotten,
        DefaultCardChosen,
        InvoiceIssued,
        PaymentActionRequired,
        SubscriptionActivated,
        SubscriptionRenewed,
        SubscriptionPastDue,
        SubscriptionSuspended,
        SubscriptionChanged,
        SubscriptionChangeScheduled,
        SubscriptionChangeDropped,
        SubscriptionResumed,
        SubscriptionCancelled,
        SubscriptionEnded,
        TrialStarted,
        ReminderDue,
        TenantRegistered,
    )
}
