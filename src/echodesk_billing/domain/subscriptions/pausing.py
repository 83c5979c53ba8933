"""Pausing a subscription after its paid time: nothing is charged, and its periods go on when it is resumed.

Source: docs/subscriptions.md, "Pauses".
"""

from __future__ import annotations

from datetime import date, datetime

from echodesk_billing.domain.errors import ChangeRefused, InvalidSelection, NoActiveSubscription
from echodesk_billing.domain.events import (
    Event,
    SubscriptionPaused,
    SubscriptionPauseScheduled,
    SubscriptionResumed,
)
from echodesk_billing.domain.subscriptions import lifecycle
from echodesk_billing.domain.subscriptions.dunning import Dunning
from echodesk_billing.domain.subscriptions.free_time import Pause, chosen_day
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription

_S = SubscriptionState
LONGEST_PAUSE_DAYS = 366


def plan_pause(
    subscription: Subscription, until: date | None, reason: str, by: str, at: datetime, *, keeps_access: bool
) -> list[Event]:
    """Pause at the end of the paid time; of one that is paused or will be, change until when.

    Args:
        until: the day on which it ends by itself, at the time of day of its periods; None until it is resumed.
        reason: for the record.
        by: who asks.
        keeps_access: whether the tenant has access meanwhile.

    Raises:
        NoActiveSubscription: the tenant has none.
        ChangeRefused: nothing is charged as it is, or a period is owed.
        InvalidSelection: the day is not after the paid time or too far away, or the reason is empty.
    """
    if not reason.strip():
        raise InvalidSelection("reason", "Say why the subscription is paused")
    if subscription.state in (_S.INCOMPLETE, _S.ENDED):
        raise NoActiveSubscription
    is_paid = subscription.state is _S.ACTIVE and at < subscription.term.end
    if subscription.is_free(at):
        raise ChangeRefused("The plan is complimentary: nothing is charged, so there is nothing to pause")
    if not is_paid and subscription.state is not _S.PAUSED:
        raise ChangeRefused(f"The subscription is {subscription.state}: only one that is paid can be paused")
    resumes_at = None if until is None else _moment(subscription, until, at)
    planned = Pause(until=resumes_at, keeps_access=keeps_access)
    if subscription.pause == planned:
        return []
    subscription.pause = planned
    return [
        SubscriptionPauseScheduled(
            tenant_id=subscription.tenant_id,
            at=at,
            by=by,
            starts_at=subscription.term.end,
            resumes_at=resumes_at,
            reason=reason,
        )
    ]


def end_pause(subscription: Subscription, at: datetime, reason: str = "") -> list[Event]:
    """End a pause now, or take back one that is planned. The next period begins now, or where it would have."""
    if subscription.state is _S.PAUSED:
        return _go_on(subscription, at, at, reason)
    subscription.pause = None
    return [SubscriptionResumed(tenant_id=subscription.tenant_id, at=at, reason=reason)]


def on_time(subscription: Subscription, now: datetime) -> list[Event]:
    """Begin a pause that is planned, once the paid time has passed, and end one that is over."""
    events: list[Event] = []
    pause, term = subscription.pause, subscription.term
    if pause is None or not term.has_begun or now < term.end:
        return []
    is_charging = subscription.dunning.charged_period == subscription.next_period
    if subscription.state is _S.ACTIVE and not is_charging:
        if pause.until is not None and pause.until <= term.end:  # paid beyond the pause meanwhile
            subscription.pause = None
            return [SubscriptionResumed(tenant_id=subscription.tenant_id, at=now)]
        lifecycle.fire(subscription, "pause")
        subscription.dunning = Dunning()
        events.append(SubscriptionPaused(tenant_id=subscription.tenant_id, at=now, resumes_at=pause.until))
    if subscription.state is _S.PAUSED and pause.until is not None and now >= pause.until:
        events += _go_on(subscription, pause.until, now)
    return events


def _go_on(subscription: Subscription, begins: datetime, at: datetime, reason: str = "") -> list[Event]:
    """The next period begins at a moment: the anchor moves by the pause."""
    lifecycle.fire(subscription, "recover")
    subscription.pause = None
    subscription.term = subscription.term.anchored(begins)
    subscription.hold(subscription.plans)
    return [SubscriptionResumed(tenant_id=subscription.tenant_id, at=at, reason=reason)]


def _moment(subscription: Subscription, until: date, at: datetime) -> datetime:
    moment = chosen_day(subscription.term, subscription.term.end, until, LONGEST_PAUSE_DAYS)
    if moment <= at:
        raise InvalidSelection("until", f"{until} has passed: resume the subscription instead")
    return moment
