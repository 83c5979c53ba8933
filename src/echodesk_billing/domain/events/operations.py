"""Events for those who operate billing."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from echodesk_billing.domain.events.base import Event


@frozen(kw_only=True)
class WebhookEndpointDisabled(Event):
    """An endpoint failed for days, so nothing is sent there any more; `tenant_id` is empty where it served all."""

    endpoint_id: str
    url: str
    failing_since: datetime
    problem: str


@frozen(kw_only=True)
class BillingStalled(Event):
    """Renewals are due and nobody processes them; `tenant_id` is empty. Emitted once a day while it lasts.

    Args:
        due_since: since when the oldest renewal has been due.
        subscriptions: how many are due; 1000 means that or more.
    """

    due_since: datetime
    subscriptions: int


@frozen(kw_only=True)
class BillingRecovered(Event):
    """Renewals are processed again; `tenant_id` is empty.

    Args:
        stalled_at: when the stall was noticed.
    """

    stalled_at: datetime
