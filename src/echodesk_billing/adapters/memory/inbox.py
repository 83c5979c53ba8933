"""The inbox of callbacks, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.ports.storage import InboxEntry


class MemoryInbox:
    def __init__(self, memory: Contents) -> None:
        self._inbox = memory.inbox

    def record(self, entry: InboxEntry) -> bool:
        if any((known.digest, known.outcome) == (entry.digest, entry.outcome) for known in self._inbox):
            return False
        self._inbox.append(entry)
        return True

    def add(self, entry: InboxEntry) -> None:
        self.record(entry)

    def unapplied(self, before: datetime | None, limit: int) -> Sequence[InboxEntry]:
        chosen = [one for one in self._inbox if one.outcome != "applied" and (before is None or one.at < before)]
        return sorted(chosen, key=lambda entry: entry.at, reverse=True)[:limit]

    def of_digest(self, digest: str) -> Sequence[InboxEntry]:
        return [entry for entry in self._inbox if entry.digest == digest]

    def of_order(self, order_id: str) -> Sequence[InboxEntry]:
        return [entry for entry in self._inbox if entry.order_id == order_id]
