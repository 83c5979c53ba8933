"""Identifiers and randomness."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.orders.purpose import Purpose


class Ids(Protocol):
    """Generates unique identifiers."""

    def order_id(self, purpose: Purpose) -> str:
        """Purpose, dash, 12 upper-case hexadecimal digits: short enough for a bank statement."""
        ...

    def idempotency_key(self) -> str:
        """A UUID v4, as required by the bank."""
        ...

    def event_id(self, at: datetime) -> str:
        """An id that sorts by time, and by creation order within one process."""
        ...

    def token(self) -> str:
        """A secret of 256 random bits, safe in HTTP headers."""
        ...
