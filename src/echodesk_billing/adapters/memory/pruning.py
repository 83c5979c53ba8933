"""Deletion of obsolete data, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.customers.registration import Registration, RegistrationState
from echodesk_billing.domain.orders.lifecycle import OrderState

K = TypeVar("K")
V = TypeVar("V")


class MemoryPruning:
    def __init__(self, memory: Contents) -> None:
        self._memory = memory

    def answers(self, before: datetime, limit: int) -> int:
        return _drop(
            self._memory.answers, [k for k, one in self._memory.answers.items() if one.created_at < before][:limit]
        )

    def refused_callbacks(self, before: datetime, limit: int) -> int:
        old = [one for one in self._memory.inbox if one.outcome != "applied" and one.at < before][:limit]
        self._memory.inbox[:] = [one for one in self._memory.inbox if one not in old]
        return len(old)

    def tokens(self, before: datetime, limit: int) -> int:
        ended = (
            digest
            for digest, one in self._memory.tokens.items()
            if any(at is not None and at < before for at in (one.expires_at, one.revoked_at))
        )
        return _drop(self._memory.tokens, list(ended)[:limit])

    def mails(self, before: datetime, limit: int) -> int:
        old = [key for key, mail in self._memory.mails.items() if mail.due_at is None and mail.created_at < before]
        return _drop(self._memory.mails, old[:limit])

    def deliveries(self, before: datetime, limit: int) -> int:
        old = [one for one in self._memory.deliveries if one.ended_at and one.ended_at < before][:limit]
        self._memory.deliveries[:] = [one for one in self._memory.deliveries if one not in old]
        return len(old)

    def events(self, before: datetime, limit: int, *, are_delivered: bool) -> int:
        sent = self._memory.outbox
        last = max((one.counted for one in sent), default=0)
        old = [
            one
            for one in sent
            if one.event.at < before
            and one.announced
            and 0 < one.counted < last
            and (one.delivered or not are_delivered)
            and any(one.event.tenant_id == other.event.tenant_id and other.counted > one.counted for other in sent)
        ][:limit]
        self._memory.outbox = [one for one in sent if one not in old]
        return len(old)

    def steps(self, before: datetime, limit: int) -> int:
        deleted = 0
        for order_id, steps in self._memory.history.items():
            order = self._memory.orders.get(order_id)
            if order is None or not order.is_settled or order.check_at is not None or order.attention:
                continue
            kept = [step for step in steps if step.at >= before]
            deleted += len(steps) - len(kept)
            self._memory.history[order_id] = kept
        return min(deleted, limit)

    def make_partitions(self, now: datetime) -> None: ...

    def unpaid_registrations(self, before: datetime, after: datetime, limit: int) -> Sequence[Registration]:
        old = [
            one
            for one in self._memory.registrations.values()
            if one.state is RegistrationState.PENDING
            and after < one.expires_at < before
            and self._is_dead(one.order_id)
            and self._memory.orders[one.order_id].updated_at < before
        ]
        return sorted(old, key=lambda one: one.expires_at)[:limit]

    def registration(self, order_id: str) -> bool:
        if not self._is_dead(order_id):
            return False
        del self._memory.registrations[order_id], self._memory.orders[order_id]
        self._memory.history.pop(order_id, None)
        self._memory.inbox[:] = [one for one in self._memory.inbox if one.order_id != order_id]
        self._memory.outbox[:] = [
            one for one in self._memory.outbox if getattr(one.event, "order_id", None) != order_id
        ]
        return True

    def _is_dead(self, order_id: str) -> bool:
        order = self._memory.orders.get(order_id)
        return order is not None and order.state is OrderState.REJECTED and order.check_at is None


def _drop(kept: dict[K, V], keys: list[K]) -> int:
    for key in keys:
        del kept[key]
    return len(keys)
