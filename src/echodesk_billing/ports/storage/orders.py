"""Orders with their history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order


class Orders(Protocol):
    """Orders, with their history."""

    def add(self, order: Order) -> None:
        """Store a new order."""
        ...

    def save(self, order: Order) -> None:
        """Store the changes of a locked order."""
        ...

    def get(self, order_id: str, tenant_id: str | None) -> Order | None:
        """The order with this id, ours or the bank's, if it belongs to the tenant; of any tenant where that is None."""
        ...

    def by_key(self, idempotency_key: str) -> Order | None:
        """The order with this idempotency key."""
        ...

    def lock(self, external_order_id: str | None, bank_order_id: str) -> Order | None:
        """The order, locked: looked up by our id first, then by the bank's."""
        ...

    def open_of(self, tenant_id: str) -> Sequence[Order]:
        """Orders of a tenant that can still be paid, newest first."""
        ...

    def open_renewal(self, tenant_id: str, period: int) -> Order | None:
        """The automatic charge of a period that is not rejected, if any."""
        ...

    def due(self, now: datetime, limit: int) -> Sequence[Order]:
        """Unsettled orders whose next check is due, longest due first."""
        ...

    def listed(
        self,
        tenant_id: str | None,
        state: OrderState | None,
        limit: int,
        *,
        before: str = "",
        attention: bool = False,
    ) -> Sequence[Order]:
        """List orders, newest first.

        Args:
            before: only those listed after the order with this id.
            attention: only those that need attention.
        """
        ...

    def changed_between(self, start: datetime, end: datetime, after: str, limit: int) -> Sequence[Order]:
        """Orders last changed within a time span, by id, after `after`."""
        ...

    def needing_attention(self, limit: int) -> Sequence[Order]:
        """Orders that need attention, newest first."""
        ...

    def count_by_state(self) -> dict[str, int]:
        """How many orders are in each state."""
        ...

    def history(self, order_id: str) -> Sequence[Step]:
        """The steps of an order, oldest first."""
        ...
