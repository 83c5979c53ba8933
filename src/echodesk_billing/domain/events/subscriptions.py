"""Events of subscriptions."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from echodesk_billing.domain.events.base import SubscriptionEvent
from echodesk_billing.domain.money import Money


@frozen(kw_only=True)
class SubscriptionActivated(SubscriptionEvent):
    """A tenant has access now.

    Args:
        order_id: of the payment; empty where an operator gave it.
        monthly_price: what the plan costs a month from now on; None where nothing was paid.
        is_back: whether it had lost its access before.
    """

    order_id: str
    paid_until: datetime
    monthly_price: Money | None = None
    is_back: bool = False


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
        is_back: whether it had lost its access before.
    """

    order_id: str
    paid_until: datetime
    monthly_price: Money | None = None
    is_back: bool = False


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
class SubscriptionCancelled(SubscriptionEvent):
    """No further period will be charged; access lasts until `access_until`."""

    access_until: datetime


@frozen(kw_only=True)
class SubscriptionEnded(SubscriptionEvent):
    """A cancelled subscription has expired."""


@frozen(kw_only=True)
class RenewalUpcoming(SubscriptionEvent):
    """The saved card will be charged for the next period.

    Args:
        amount: what will be charged.
        charged_at: when.
        days: until then, one of the configured values.
    """

    amount: Money
    charged_at: datetime
    days: int
