"""Saved cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.customers.card import Card


class Cards(Protocol):
    """Saved cards."""

    def add(self, card: Card) -> Card:
        """Store a card, unless its order already saved one; returns it with its id.

        A card that has an id keeps it, where it is free.
        """
        ...

    def active_of(self, tenant_id: str) -> Sequence[Card]:
        """The usable cards of a tenant, the default first, then newest first."""
        ...

    def listed(self, tenant_id: str | None, before: int, limit: int) -> Sequence[Card]:
        """Cards in any state, newest first, of any tenant where that is None; those below the id `before`, if given."""
        ...

    def lock(self, card_id: int, tenant_id: str) -> Card | None:
        """The card with this id, locked, if it belongs to the tenant."""
        ...

    def save(self, card: Card) -> None:
        """Store the changes of a card."""
        ...

    def of_order(self, order_id: str) -> Card | None:
        """The card that an order saved."""
        ...

    def of_parent(self, bank_order_id: str, tenant_id: str) -> Card | None:
        """The tenant's card with this parent order of the bank."""
        ...

    def last_removed_of(self, tenant_id: str) -> Card | None:
        """The tenant's most recently removed card."""
        ...

    def forgetting(self, now: datetime, limit: int) -> Sequence[Card]:
        """Removed cards that are due for deletion at the bank, longest due first."""
        ...

    def to_remind(self, now: datetime, limit: int) -> Sequence[Card]:
        """Usable cards with a due reminder, locked."""
        ...
