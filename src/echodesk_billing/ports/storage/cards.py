"""Saved cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.customers.card import Card


class Cards(Protocol):
    """Saved cards."""

    def add(self, card: Card) -> Card:
        """Store a card, unless its order saved one before; returns it with its number."""
        ...

    def active_of(self, tenant_id: str) -> Sequence[Card]:
        """The usable cards of a tenant, the default first, then newest first."""
        ...

    def lock(self, card_id: int, tenant_id: str) -> Card | None:
        """The card with this number for change, if it is the tenant's."""
        ...

    def save(self, card: Card) -> None:
        """Store the changes of a card."""
        ...

    def of_order(self, order_id: str) -> Card | None:
        """The card that an order saved."""
        ...

    def of_parent(self, bank_order_id: str, tenant_id: str) -> Card | None:
        """The tenant's card that the bank knows by this parent order."""
        ...

    def last_removed_of(self, tenant_id: str) -> Card | None:
        """The card of a tenant that was removed last."""
        ...

    def forgetting(self, now: datetime, limit: int) -> Sequence[Card]:
        """Cards that are removed here, and that the bank is to be asked by now to delete, longest due first."""
        ...

    def to_remind(self, now: datetime, limit: int) -> Sequence[Card]:
        """Usable cards whose time for a reminder has come, locked."""
        ...
