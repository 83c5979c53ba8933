"""Orders with their history, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose


def _newest_first(orders: Sequence[Order]) -> list[Order]:
    return sorted(orders, key=lambda order: (order.created_at, order.id), reverse=True)


class MemoryOrders:
    def __init__(self, memory: Contents) -> None:
        self._orders = memory.orders
        self._history = memory.history

    def add(self, order: Order) -> None:
        order.version = 1
        self._keep(order)

    def save(self, order: Order) -> None:
        order.version += 1
        self._keep(order)

    def _keep(self, order: Order) -> None:
        self._history.setdefault(order.id, []).extend(order.steps)
        order.steps.clear()
        self._orders[order.id] = order

    def get(self, order_id: str, tenant_id: str | None) -> Order | None:
        found = self.lock(order_id, order_id)
        return found if found and tenant_id in (None, found.tenant_id) else None

    def by_key(self, idempotency_key: str) -> Order | None:
        return next((order for order in self._orders.values() if order.idempotency_key == idempotency_key), None)

    def lock(self, external_order_id: str | None, bank_order_id: str) -> Order | None:
        if external_order_id in self._orders:
            return self._orders[external_order_id]
        return next((order for order in self._orders.values() if order.bank_order_id == bank_order_id), None)

    def open_of(self, tenant_id: str) -> Sequence[Order]:
        return _newest_first(
            [order for order in self._orders.values() if order.tenant_id == tenant_id and order.is_open]
        )

    def open_renewal(self, tenant_id: str, period: int) -> Order | None:
        for order in self._orders.values():
            charge = (order.tenant_id, order.purpose, order.period) == (tenant_id, Purpose.RENEWAL, period)
            if charge and order.state is not OrderState.REJECTED:
                return order
        return None

    def due(self, now: datetime, limit: int) -> Sequence[Order]:
        waiting = [(order.check_at, order) for order in self._orders.values() if order.check_at is not None]
        due = sorted((pair for pair in waiting if pair[0] <= now), key=lambda pair: pair[0])
        return [order for _, order in due[:limit]]

    def listed(
        self,
        tenant_id: str | None,
        state: OrderState | None,
        limit: int,
        *,
        before: str = "",
        attention: bool = False,
    ) -> Sequence[Order]:
        last = self._orders.get(before)
        chosen = [
            order
            for order in self._orders.values()
            if tenant_id in (None, order.tenant_id) and state in (None, order.state)
            if last is None or (order.created_at, order.id) < (last.created_at, last.id)
            if order.attention or not attention
        ]
        return _newest_first(chosen)[:limit]

    def changed_between(self, start: datetime, end: datetime, after: str, limit: int) -> Sequence[Order]:
        chosen = [order for order in self._orders.values() if start <= order.updated_at < end and order.id > after]
        return sorted(chosen, key=lambda order: order.id)[:limit]

    def needing_attention(self, limit: int) -> Sequence[Order]:
        return _newest_first([order for order in self._orders.values() if order.attention])[:limit]

    def count_by_state(self) -> dict[str, int]:
        return dict(Counter(order.state.value for order in self._orders.values()))

    def history(self, order_id: str) -> Sequence[Step]:
        return self._history.get(order_id, [])
