"""Webhook endpoints, their deliveries and lanes, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.notifications.webhook import Delivery, DeliveryState, Endpoint


class MemoryWebhooks:
    def __init__(self, memory: Contents) -> None:
        self._endpoints, self._deliveries, self._lanes = memory.endpoints, memory.deliveries, memory.lanes

    def add(self, endpoint: Endpoint) -> None:
        self._endpoints[endpoint.id] = endpoint

    def get(self, endpoint_id: str, tenant_id: str | None) -> Endpoint | None:
        found = self._endpoints.get(endpoint_id)
        return found if found and tenant_id in (None, found.tenant_id) else None

    def lock(self, endpoint_id: str, tenant_id: str | None) -> Endpoint | None:
        return self.get(endpoint_id, tenant_id)

    def save(self, endpoint: Endpoint) -> None:
        endpoint.version += 1
        self._endpoints[endpoint.id] = endpoint

    def listed(self, tenant_id: str | None, after: str, limit: int) -> Sequence[Endpoint]:
        ids = sorted(one for one in self._endpoints if one > after and self.get(one, tenant_id))
        return [self._endpoints[one] for one in ids[:limit]]

    def of_tenants(self, tenants: Sequence[str]) -> Sequence[Endpoint]:
        wanted = {"", *tenants}
        found = [self._endpoints[one] for one in sorted(self._endpoints)]
        return [one for one in found if one.tenant_id in wanted and one.disabled_at is None]

    def send(self, deliveries: Sequence[Delivery], now: datetime) -> None:
        for one in deliveries:
            last = self._deliveries[-1].number if self._deliveries else 0
            self._deliveries.append(evolve(one, number=last + 1))
            key = (one.endpoint_id, one.lane)
            self._lanes[key] = self._lanes.get(key) or now

    def busy(self, now: datetime, limit: int) -> Sequence[str]:
        due = (key[0] for key, due_at in self._lanes.items() if due_at and due_at <= now)
        return [one for one in sorted(set(due)) if self._endpoints[one].disabled_at is None][:limit]

    def claim(self, endpoint_id: str, now: datetime, until: datetime, limit: int) -> Sequence[str]:
        due = [(at, key[1]) for key, at in self._lanes.items() if key[0] == endpoint_id and at and at <= now]
        claimed = [lane for _, lane in sorted(due)[:limit]]
        for lane in claimed:
            self._lanes[endpoint_id, lane] = until
        return claimed

    def head(self, endpoint_id: str, lane: str) -> Delivery | None:
        waiting = (
            one
            for one in self._deliveries
            if (one.endpoint_id, one.lane, one.state) == (endpoint_id, lane, DeliveryState.WAITING)
        )
        return next(waiting, None)

    def lock_lane(self, endpoint_id: str, lane: str) -> None: ...

    def keep(self, delivery: Delivery) -> None:
        self._deliveries[:] = [delivery if one.number == delivery.number else one for one in self._deliveries]

    def schedule(self, endpoint_id: str, lane: str, due_at: datetime | None) -> None:
        self._lanes[endpoint_id, lane] = due_at

    def deliveries(self, endpoint_id: str, limit: int, before: int) -> Sequence[Delivery]:
        mine = [one for one in reversed(self._deliveries) if one.endpoint_id == endpoint_id]
        return [one for one in mine if not before or one.number < before][:limit]

    def waiting_since(self) -> datetime | None:
        waiting = (at for key, at in self._lanes.items() if at and self._endpoints[key[0]].disabled_at is None)
        return min(waiting, default=None)
