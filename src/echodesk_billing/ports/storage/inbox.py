"""Callbacks that were received."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class InboxEntry:
    """One callback as it was received.

    Args:
        digest: SHA-256 of the raw body, hexadecimal.
        verdict: what its signature was worth.
        outcome: what became of it.
        order_id: the order it spoke of, where one was found.
    """

    digest: str
    verdict: str
    outcome: str
    at: datetime
    order_id: str | None = None


class Inbox(Protocol):
    """Callbacks that were received."""

    def record(self, entry: InboxEntry) -> bool:
        """Note a callback; False where the same with the same outcome was noted before."""
        ...

    def add(self, entry: InboxEntry) -> None:
        """Note a callback, where it does not matter whether it was noted before."""
        ...

    def of_order(self, order_id: str) -> Sequence[InboxEntry]:
        """The callbacks that spoke of an order, oldest first."""
        ...
