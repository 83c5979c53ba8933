"""The outbox, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents, Sent
from echodesk_billing.domain.events import Event
from echodesk_billing.ports.ids import Ids


class MemoryOutbox:
    def __init__(self, memory: Contents, ids: Ids) -> None:
        self._memory = memory
        self._ids = ids

    def add(self, events: Sequence[Event], by: str = "") -> Sequence[Event]:
        recorded = [event.recorded(self._ids.event_id(event.at), by) for event in events]
        self._memory.outbox.extend(Sent(event) for event in recorded)
        return recorded

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> Sequence[Event]:
        if self._memory.relay and self._memory.relay[0] != owner and self._memory.relay[1] > now:
            return []
        self._memory.relay = (owner, until)
        waiting = [sent for sent in self._memory.outbox if not sent.delivered]
        held = {sent.event.tenant_id for sent in waiting if sent.retry_at and sent.retry_at > now}
        return [sent.event for sent in waiting if sent.event.tenant_id not in held][:limit]

    def waiting_since(self) -> datetime | None:
        return min((sent.event.at for sent in self._memory.outbox if not sent.delivered), default=None)

    def to_announce(self, limit: int) -> Sequence[Event]:
        return [sent.event for sent in self._memory.outbox if not sent.announced][:limit]

    def since(self, moment: datetime, tenant_id: str | None, limit: int) -> Sequence[Event]:
        events = (sent.event for sent in self._memory.outbox)
        return [one for one in events if one.at >= moment and tenant_id in (None, one.tenant_id)][:limit]

    def acts(self, by: str, before: str, limit: int) -> Sequence[Event]:
        events = sorted((sent.event for sent in self._memory.outbox if sent.event.person), key=lambda one: one.id)
        mine = [one for one in reversed(events) if by in ("", one.person)]
        return [one for one in mine if not before or one.id < before][:limit]

    def lock_announcing(self) -> None: ...

    def announced(self, events: Sequence[Event]) -> None:
        ids = {event.id for event in events}
        self._memory.outbox[:] = [
            evolve(sent, announced=sent.announced or sent.event.id in ids) for sent in self._memory.outbox
        ]

    def feed(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Event]:
        mine = [sent.event for sent in self._memory.outbox if sent.event.tenant_id == tenant_id]
        start = next((number for number, event in enumerate(mine, 1) if event.id == after), 0)
        return mine[start : start + limit]

    def has_news(self, tenant_id: str, after: str | None) -> bool:
        return bool(self.feed(tenant_id, after, 1))

    def latest(self, tenant_id: str | None, limit: int) -> Sequence[Event]:
        events = [sent.event for sent in self._memory.outbox if tenant_id in (None, sent.event.tenant_id)]
        return sorted(events, key=lambda event: event.id)[-limit:]

    def of_order(self, tenant_id: str, order_id: str) -> Sequence[Event]:
        mine = [sent.event for sent in self._memory.outbox if sent.event.tenant_id == tenant_id]
        return [event for event in mine if getattr(event, "order_id", None) == order_id]

    def settle(self, delivered: Sequence[str], failed: dict[str, datetime], now: datetime) -> None:  # noqa: ARG002
        self._memory.relay = None
        done = set(delivered)
        self._memory.outbox[:] = [
            evolve(sent, delivered=sent.event.id in done, retry_at=failed.get(sent.event.id, sent.retry_at))
            if sent.event.id in done or sent.event.id in failed
            else sent
            for sent in self._memory.outbox
        ]
