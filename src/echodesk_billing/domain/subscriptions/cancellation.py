"""Cancelling a subscription, and resuming it.

Source: docs/subscriptions.md.
"""

from __future__ import annotations

from datetime import datetime

from echodesk_billing.domain.errors import NoActiveSubscription
from echodesk_billing.domain.events import Event, SubscriptionCancelled, SubscriptionEnded, SubscriptionResumed
from echodesk_billing.domain.subscriptions import lifecycle
from echodesk_billing.domain.subscriptions.dunning import Dunning
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.passing import on_time
from echodesk_billing.domain.subscriptions.pausing import end_pause
from echodesk_billing.domain.subscriptions.subscription import Subscription

_S = SubscriptionState


def cancel(subscription: Subscription, at: datetime, *, immediately: bool) -> list[Event]:
    """Cancel: no further period is charged. Access ends with the paid time, or now. Nothing is refunded.

    Raises:
        NoActiveSubscription: there is nothing to cancel.
    """
    events = on_time(subscription, at)
    if subscription.state in (_S.INCOMPLETE, _S.ENDED):
        raise NoActiveSubscription
    if subscription.state is not _S.CANCELLED:
        subscription.note_grace(at)
        lifecycle.fire(subscription, "cancel")
        access_until = at if immediately else max(at, subscription.term.end)
        subscription.dunning, subscription.pause = Dunning(), None
        events.append(SubscriptionCancelled(tenant_id=subscription.tenant_id, at=at, access_until=access_until))
    if immediately or at >= subscription.term.end:
        lifecycle.fire(subscription, "end")
        subscription.complimentary = None
        events.append(SubscriptionEnded(tenant_id=subscription.tenant_id, at=at))
    return events


def resume(subscription: Subscription, at: datetime, reason: str = "") -> list[Event]:
    """Undo a cancellation, until the paid time ends; end a pause, or take a planned one back.

    Args:
        reason: for the record.

    Raises:
        NoActiveSubscription: the tenant has none, or it has ended.
        IllegalTransition: it is neither cancelled nor paused.
    """
    events = on_time(subscription, at)
    if subscription.state in (_S.INCOMPLETE, _S.ENDED):
        raise NoActiveSubscription
    if subscription.pause is not None:
        return [*events, *end_pause(subscription, at, reason)]
    lifecycle.fire(subscription, "resume_trial" if subscription.has_never_paid else "resume")
    return [*events, SubscriptionResumed(tenant_id=subscription.tenant_id, at=at, reason=reason)]
