"""Tokens that were just checked, kept in memory while this process hears of every change of a token.

Where nothing tells of changes, nothing is kept, and every request reads its token.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from echodesk_billing.ports.storage import StoredToken

KEPT_SECONDS = 5.0
MOST_KEPT = 10_000


class KnownTokens:
    """Valid tokens by digest.

    Args:
        seconds: the time of this machine; it need not be the time of day.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._tokens: dict[str, tuple[StoredToken, float]] = {}
        self._is_told = False
        self.changes = 0
        """How often something was heard of; what was read before the last time is not kept."""

    def keep_from_now(self) -> None:
        """Changes are heard of from now on."""
        self.forget()
        self._is_told = True

    def keep_nothing(self) -> None:
        """Changes are no longer heard of."""
        self._is_told = False
        self.forget()

    def forget(self) -> None:
        """A token was changed, whichever it was."""
        self.changes += 1
        self._tokens.clear()

    def get(self, digest: str) -> StoredToken | None:
        """A token that was read within the last seconds."""
        stored, until = self._tokens.get(digest, (None, 0.0))
        return stored if self._seconds() < until else None

    def keep(self, stored: StoredToken, changes: int) -> None:
        """Keep a token.

        Args:
            changes: as it was before the token was read.
        """
        if not self._is_told or changes != self.changes:
            return
        if len(self._tokens) >= MOST_KEPT:
            self._tokens.clear()
        self._tokens[stored.digest] = (stored, self._seconds() + KEPT_SECONDS)
