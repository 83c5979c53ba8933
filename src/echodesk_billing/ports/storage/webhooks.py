"""Webhook endpoints, their deliveries, and the lanes in which they go out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.notifications.webhook import Delivery, Endpoint


class Webhooks(Protocol):
    """Webhook endpoints, their deliveries, and the lanes in which they go out."""

    def add(self, endpoint: Endpoint) -> None:
        """Store a new endpoint."""
        ...

    def get(self, endpoint_id: str, tenant_id: str | None) -> Endpoint | None:
        """One endpoint; only of a tenant where it is given."""
        ...

    def lock(self, endpoint_id: str, tenant_id: str | None) -> Endpoint | None:
        """The same, locked until the transaction ends."""
        ...

    def save(self, endpoint: Endpoint) -> None:
        """Store an endpoint that was changed."""
        ...

    def listed(self, tenant_id: str | None, after: str, limit: int) -> Sequence[Endpoint]:
        """Endpoints by id; only of a tenant where it is given."""
        ...

    def of_tenants(self, tenants: Sequence[str]) -> Sequence[Endpoint]:
        """Enabled endpoints for the events of some tenants, and those for all."""
        ...

    def send(self, deliveries: Sequence[Delivery], now: datetime) -> None:
        """Store new deliveries at the ends of their lanes, in order."""
        ...

    def busy(self, now: datetime, limit: int) -> Sequence[str]:
        """Enabled endpoints with a lane that is due."""
        ...

    def claim(self, endpoint_id: str, now: datetime, until: datetime, limit: int) -> Sequence[str]:
        """Claim due lanes of an endpoint until a moment; skips those of other processes."""
        ...

    def head(self, endpoint_id: str, lane: str) -> Delivery | None:
        """The first delivery of a lane that waits."""
        ...

    def lock_lane(self, endpoint_id: str, lane: str) -> None:
        """Lock a lane until the transaction ends, before its next delivery is looked for."""
        ...

    def keep(self, delivery: Delivery) -> None:
        """Store an attempt."""
        ...

    def schedule(self, endpoint_id: str, lane: str, due_at: datetime | None) -> None:
        """Store when a lane is due next; None where nothing waits in it."""
        ...

    def deliveries(self, endpoint_id: str, limit: int, before: int) -> Sequence[Delivery]:
        """Deliveries of an endpoint, newest first.

        Args:
            before: only those below this number; 0 for the newest.
        """
        ...

    def waiting_since(self) -> datetime | None:
        """The earliest moment at which a lane of an enabled endpoint is, or was, due; None where none waits."""
        ...
