"""Idempotency keys derived from other keys, so that they are reproducible without being stored."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta

KEY_TRUSTED_FOR = timedelta(hours=12)
"""How long the bank is relied on to remember an idempotency key; it publishes no figure."""


def derived_key(key: str, purpose: str) -> str:
    """A UUID v4 derived from `key` and `purpose`."""
    digest = hashlib.sha256(f"{key}/{purpose}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
