"""Idempotency keys that follow from another key, so that they need not be stored to be the same again."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta

KEY_TRUSTED_FOR = timedelta(hours=12)
"""How long the bank is relied on to remember an idempotency key; it publishes no figure."""


def derived_key(key: str, purpose: str) -> str:
    """A UUID v4 that is always the same for this `key` and `purpose`, and for no others."""
    digest = hashlib.sha256(f"{key}/{purpose}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
