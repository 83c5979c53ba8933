"""The inbox of received callbacks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class InboxEntry:
    """One received callback.

    Args:
        digest: SHA-256 of the raw body, hexadecimal.
        verdict: result of verifying its signature.
        outcome: result of processing it.
        order_id: its order, where one was found.
    """

    digest: str
    verdict: str
    outcome: str
    at: datetime
    order_id: str | None = None


class Inbox(Protocol):
    """The inbox of received callbacks."""

    def record(self, entry: InboxEntry) -> bool:
        """Record a callback; False where the same one with the same outcome was recorded before."""
        ...

    def add(self, entry: InboxEntry) -> None:
        """Record a callback; does nothing where it was recorded before."""
        ...

    def unapplied(self, before: datetime | None, limit: int) -> Sequence[InboxEntry]:
        """Callbacks that changed nothing, newest first; those received before `before`, if given."""
        ...

    def of_digest(self, digest: str) -> Sequence[InboxEntry]:
        """What was recorded about one body."""
        ...

    def of_order(self, order_id: str) -> Sequence[InboxEntry]:
        """The callbacks of an order, oldest first."""
        ...
