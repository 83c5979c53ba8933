"""Subscriptions, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription

_S = SubscriptionState


class MemorySubscriptions:
    def __init__(self, memory: Contents) -> None:
        self._subscriptions, self._claims = memory.subscriptions, memory.claims

    def get(self, tenant_id: str) -> Subscription | None:
        return self._subscriptions.get(tenant_id)

    def add(self, subscription: Subscription) -> None:
        self._subscriptions.setdefault(subscription.tenant_id, evolve(subscription, version=1))

    def lock(self, tenant_id: str) -> Subscription:
        return self._subscriptions[tenant_id]

    def lock_or_add(self, subscription: Subscription) -> Subscription:
        self.add(subscription)
        return self.lock(subscription.tenant_id)

    def save(self, subscription: Subscription) -> None:
        subscription.version += 1
        self._claims.pop(subscription.tenant_id, None)
        self._subscriptions[subscription.tenant_id] = subscription

    def listed(self, after: str, state: SubscriptionState | None, limit: int) -> Sequence[Subscription]:
        chosen = [one for key, one in sorted(self._subscriptions.items()) if key > after and state in (None, one.state)]
        return chosen[:limit]

    def due(self, now: datetime, limit: int) -> Sequence[Subscription]:
        waiting = [(one.due_at, one) for one in self._subscriptions.values() if one.due_at is not None]
        due = sorted((pair for pair in waiting if pair[0] <= now), key=lambda pair: pair[0])
        return [subscription for _, subscription in due[:limit]]

    def claim_due(self, now: datetime, until: datetime, limit: int) -> Sequence[str]:
        due = [one.tenant_id for one in self.due(now, len(self._subscriptions))]
        claimed = [tenant_id for tenant_id in due if self._claims.get(tenant_id, now) <= now][:limit]
        self._claims.update(dict.fromkeys(claimed, until))
        return claimed

    def count_by_state(self) -> dict[str, int]:
        return dict(Counter(one.state.value for one in self._subscriptions.values()))

    def never_due(self, limit: int) -> Sequence[str]:
        live = {_S.TRIALING, _S.ACTIVE, _S.PAST_DUE, _S.CANCELLED}
        forgotten = (one for one in self._subscriptions.values() if one.due_at is None and one.state in live)
        return sorted(one.tenant_id for one in forgotten)[:limit]
