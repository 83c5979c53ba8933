"""Answers under idempotency keys."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class Answer:
    """An HTTP answer kept under an idempotency key; `status` is 0 while the request is still being worked on.

    Args:
        owner: whose key it is.
        key: as the client sent it.
        identity: UUID v4 of the request: it stays the same however often the request is repeated after an unknown
            outcome, and names the order or refund that it makes.
        request_digest: of method, path and body, to notice another request under the same key.
        created_at: when the key was used first.
        claimed_at: when somebody last began to work on it; None while nobody does.
    """

    owner: str
    key: str
    identity: str
    request_digest: str
    created_at: datetime
    claimed_at: datetime | None = None
    status: int = 0
    content_type: str = ""
    body: bytes = b""


class Answers(Protocol):
    """Answers under idempotency keys."""

    def claim(self, answer: Answer, forget_before: datetime, stale_before: datetime) -> tuple[Answer, bool]:
        """Reserve a key; gives what is kept under it, and whether it is ours to work on now.

        A request that is repeated keeps the identity that it had first.

        Args:
            answer: the reservation, with status 0.
            forget_before: keys first used before this are forgotten.
            stale_before: reservations claimed before this were left by a process that died.
        """
        ...

    def finish(self, answer: Answer) -> None:
        """Keep the answer to a reserved key."""
        ...

    def reopen(self, owner: str, key: str) -> None:
        """Let a reserved key be claimed again under the same identity: the outcome of its request is not known."""
        ...

    def release(self, owner: str, key: str) -> None:
        """Forget a reserved key: nothing was done under it."""
        ...
