"""Subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.subscriptions.subscription import Subscription


class Subscriptions(Protocol):
    """Subscriptions, one per tenant."""

    def get(self, tenant_id: str) -> Subscription | None:
        """The subscription of a tenant."""
        ...

    def add(self, subscription: Subscription) -> None:
        """Store a new subscription; nothing happens where the tenant has one."""
        ...

    def lock(self, tenant_id: str) -> Subscription:
        """The subscription of a tenant for change; it was added when the tenant's first order was."""
        ...

    def save(self, subscription: Subscription) -> None:
        """Store the changes of a subscription that was locked."""
        ...

    def due(self, now: datetime, limit: int) -> Sequence[Subscription]:
        """Subscriptions that have something due, longest due first."""
        ...

    def claim_due(self, now: datetime, until: datetime, limit: int) -> Sequence[str]:
        """Tenants whose subscription has something due, for this caller alone until `until`.

        Whoever saves the subscription ends the claim. A claim whose holder died runs out.
        """
        ...

    def count_by_state(self) -> dict[str, int]:
        """How many subscriptions are in each state."""
        ...

    def never_due(self, limit: int) -> Sequence[str]:
        """Tenants whose subscription runs or is about to end, and that nobody will look at; there should be none."""
        ...
