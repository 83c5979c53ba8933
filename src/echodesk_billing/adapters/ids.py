"""Random identifiers."""

from __future__ import annotations

import itertools
import secrets
import uuid
from datetime import datetime

from echodesk_billing.domain.orders.purpose import Purpose

_COUNTER_BITS = 32


class RandomIds:
    """Identifiers from the operating system's randomness."""

    def __init__(self) -> None:
        self._made = itertools.count(secrets.randbits(_COUNTER_BITS - 1))

    def order_id(self, purpose: Purpose) -> str:
        """Purpose, dash, 12 upper-case hexadecimal digits."""
        return f"{purpose}-{secrets.token_hex(6).upper()}"

    def idempotency_key(self) -> str:
        """A UUID v4."""
        return str(uuid.uuid4())

    def event_id(self, at: datetime) -> str:
        """Milliseconds, a counter and randomness, in hexadecimal: sorts by time, then by creation order."""
        milliseconds = int(at.timestamp() * 1000)
        return f"{milliseconds:012x}-{next(self._made):010x}-{secrets.token_hex(4)}"

    def token(self) -> str:
        """256 random bits, in hexadecimal."""
        return secrets.token_hex(32)
