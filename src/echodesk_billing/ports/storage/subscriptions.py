"""Subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription


class Subscriptions(Protocol):
    """Subscriptions, one per tenant."""

    def get(self, tenant_id: str) -> Subscription | None:
        """The subscription of a tenant."""
        ...

    def add(self, subscription: Subscription) -> None:
        """Store a new subscription, unless the tenant has one."""
        ...

    def lock(self, tenant_id: str) -> Subscription:
        """The subscription of a tenant, locked; it was added with the tenant's first order."""
        ...

    def lock_or_add(self, subscription: Subscription) -> Subscription:
        """The tenant's subscription, locked; the given one, stored, where the tenant has none."""
        ...

    def save(self, subscription: Subscription) -> None:
        """Store the changes of a locked subscription."""
        ...

    def listed(self, after: str, state: SubscriptionState | None, limit: int) -> Sequence[Subscription]:
        """Subscriptions by tenant, those after `after`, of one state where it is given."""
        ...

    def due(self, now: datetime, limit: int) -> Sequence[Subscription]:
        """Due subscriptions, longest due first."""
        ...

    def claim_due(self, now: datetime, until: datetime, limit: int) -> Sequence[str]:
        """Claim tenants with a due subscription until `until`.

        Storing the subscription releases the claim. A claim of a crashed process expires.
        """
        ...

    def count_by_state(self) -> dict[str, int]:
        """How many subscriptions are in each state."""
        ...

    def never_due(self, limit: int) -> Sequence[str]:
        """Tenants whose active subscription has no due date; there should be none."""
        ...
