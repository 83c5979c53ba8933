"""Domain events, in the past tense. Stored in the transaction that caused them, delivered at least once."""

from echodesk_billing.domain.events.base import (
    Event,
    OrderEvent,
    SubscriptionEvent,
)
from echodesk_billing.domain.events.customers import (
    BillingProfileChanged,
    CustomerErased,
    ReminderDue,
    TenantRegistered,
)
from echodesk_billing.domain.events.operations import (
    BillingRecovered,
    BillingStalled,
    WebhookEndpointDisabled,
)
from echodesk_billing.domain.events.orders import (
    CardForgotten,
    CardSaved,
    CouponRedeemed,
    CreditNoteIssued,
    DefaultCardChosen,
    InvoiceIssued,
    OrderAttentionResolved,
    OrderCompleted,
    OrderContested,
    OrderCorrected,
    OrderCreated,
    OrderMismatch,
    OrderRefunded,
    OrderRejected,
    PaymentActionRequired,
)
from echodesk_billing.domain.events.subscriptions import (
    DaysGiven,
    PlanMadeComplimentary,
    RenewalUpcoming,
    SubscriptionActivated,
    SubscriptionCancelled,
    SubscriptionChanged,
    SubscriptionChangeDropped,
    SubscriptionChangeScheduled,
    SubscriptionEnded,
    SubscriptionImported,
    SubscriptionPastDue,
    SubscriptionPaused,
    SubscriptionPauseScheduled,
    SubscriptionRenewed,
    SubscriptionResumed,
    SubscriptionSuspended,
    TrialStarted,
)

__all__ = [
    "EVENT_TYPES",
    "BillingProfileChanged",
    "BillingRecovered",
    "BillingStalled",
    "CardForgotten",
    "CardSaved",
    "CouponRedeemed",
    "CreditNoteIssued",
    "CustomerErased",
    "DaysGiven",
    "DefaultCardChosen",
    "Event",
    "InvoiceIssued",
    "OrderAttentionResolved",
    "OrderCompleted",
    "OrderContested",
    "OrderCorrected",
    "OrderCreated",
    "OrderEvent",
    "OrderMismatch",
    "OrderRefunded",
    "OrderRejected",
    "PaymentActionRequired",
    "PlanMadeComplimentary",
    "ReminderDue",
    "RenewalUpcoming",
    "SubscriptionActivated",
    "SubscriptionCancelled",
    "SubscriptionChangeDropped",
    "SubscriptionChangeScheduled",
    "SubscriptionChanged",
    "SubscriptionEnded",
    "SubscriptionEvent",
    "SubscriptionImported",
    "SubscriptionPastDue",
    "SubscriptionPauseScheduled",
    "SubscriptionPaused",
    "SubscriptionRenewed",
    "SubscriptionResumed",
    "SubscriptionSuspended",
    "TenantRegistered",
    "TrialStarted",
    "WebhookEndpointDisabled",
]

EVENT_TYPES: dict[str, type[Event]] = {
    name: kind
    for name, kind in list(globals().items())
    if isinstance(kind, type) and issubclass(kind, Event) and kind not in (Event, OrderEvent, SubscriptionEvent)
}
"""All events by name."""
