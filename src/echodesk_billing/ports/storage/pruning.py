"""Deletion of obsolete data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.customers.registration import Registration


class Pruning(Protocol):
    """Deletion of obsolete data, a bounded number of rows at a time."""

    def answers(self, before: datetime, limit: int) -> int:
        """Delete answers under idempotency keys first used before this; returns how many."""
        ...

    def refused_callbacks(self, before: datetime, limit: int) -> int:
        """Delete callbacks received before this that changed nothing; returns how many."""
        ...

    def tokens(self, before: datetime, limit: int) -> int:
        """Delete tokens that expired or were revoked before this; returns how many."""
        ...

    def mails(self, before: datetime, limit: int) -> int:
        """Delete mails made before this that are sent or given up; returns how many."""
        ...

    def deliveries(self, before: datetime, limit: int) -> int:
        """Delete webhook deliveries that ended before this; returns how many."""
        ...

    def events(self, before: datetime, limit: int, *, are_delivered: bool) -> int:
        """Delete events recorded before this that are counted and announced; returns how many.

        The newest of each feed stays, so that positions go on from it.

        Args:
            are_delivered: somebody takes events: those that were not delivered stay.
        """
        ...

    def steps(self, before: datetime, limit: int) -> int:
        """Delete steps of settled orders noted before this; returns how many, or about how many.

        Where the table is partitioned, whole months at once.
        """
        ...

    def make_partitions(self, now: datetime) -> None:
        """Make the partitions of the months ahead, where tables are partitioned."""
        ...

    def unpaid_registrations(self, before: datetime, after: datetime, limit: int) -> Sequence[Registration]:
        """Registrations that expired unpaid before this and whose orders were rejected before it; oldest first.

        Args:
            after: skip those that expired at this time or earlier.
        """
        ...

    def registration(self, order_id: str) -> bool:
        """Delete a registration with its rejected order and that order's data; False where it was paid meanwhile."""
        ...
