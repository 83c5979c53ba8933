"""Answers under idempotency keys."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class Answer:
    """An HTTP answer stored under an idempotency key; `status` is 0 while the request is in progress.

    Args:
        owner: of the key.
        key: as the client sent it.
        identity: UUID v4 of the request: it stays the same when the request is repeated after an unknown
            outcome, and identifies the order or refund that it creates.
        request_digest: of method, path and body, to detect a different request under the same key.
        created_at: when the key was first used.
        claimed_at: when it was last claimed; None while unclaimed.
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
        """Claim a key; returns its stored answer, and whether this caller claimed it.

        A repeated request keeps its first identity.

        Args:
            answer: the claim, with status 0.
            forget_before: keys first used before this are deleted.
            stale_before: claims older than this were left by a crashed process.
        """
        ...

    def finish(self, answer: Answer) -> None:
        """Store the answer of a claimed key."""
        ...

    def reopen(self, owner: str, key: str) -> None:
        """Release a claimed key under the same identity: the outcome of its request is unknown."""
        ...

    def release(self, owner: str, key: str) -> None:
        """Delete a claimed key: its request had no effect."""
        ...
