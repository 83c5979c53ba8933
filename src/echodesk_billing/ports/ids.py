"""Identifiers and randomness, from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.orders.purpose import Purpose


class Ids(Protocol):
    """Makes identifiers that were never made before."""

    def order_id(self, purpose: Purpose) -> str:
        """Purpose, dash, 12 upper-case hexadecimal digits: short enough for a bank statement."""
        ...

    def idempotency_key(self) -> str:
        """A UUID v4, as the bank asks for."""
        ...

    def event_id(self, at: datetime) -> str:
        """An id that sorts by time, and by order of making within one process."""
        ...

    def token(self) -> str:
        """A secret of 256 random bits, in characters that fit a header."""
        ...
