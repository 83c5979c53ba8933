"""Deleting what is of no use any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.customers.registration import Registration


class Pruning(Protocol):
    """Deleting what is of no use any more, a bounded number of rows at a time."""

    def answers(self, before: datetime, limit: int) -> int:
        """Answers under idempotency keys first used before this; returns how many."""
        ...

    def refused_callbacks(self, before: datetime, limit: int) -> int:
        """Callbacks received before this that changed nothing; returns how many."""
        ...

    def tokens(self, before: datetime, limit: int) -> int:
        """Tokens that expired or were revoked before this; returns how many."""
        ...

    def unpaid_registrations(self, before: datetime, after: datetime, limit: int) -> Sequence[Registration]:
        """Registrations that expired before this unpaid, and whose orders are rejected; oldest first.

        Args:
            after: those that expired at this moment or earlier are left out.
        """
        ...

    def registration(self, order_id: str) -> bool:
        """A registration with its rejected order and all that is kept of that; False where it is paid by now."""
        ...
