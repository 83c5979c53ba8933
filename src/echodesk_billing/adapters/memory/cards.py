"""Saved cards, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.customers.card import Card, CardState


class MemoryCards:
    def __init__(self, memory: Contents) -> None:
        self._cards = memory.cards

    def add(self, card: Card) -> Card:
        for known in self._cards:
            if known.order_id == card.order_id:
                return known
        taken = {one.id for one in self._cards}
        free = card.id if card.id not in taken else 0
        card.id, card.version = free or max(taken, default=0) + 1, 1
        self._cards.append(card)
        return card

    def of_order(self, order_id: str) -> Card | None:
        return next((card for card in self._cards if card.order_id == order_id), None)

    def of_parent(self, bank_order_id: str, tenant_id: str) -> Card | None:
        named = (bank_order_id, tenant_id)
        return next((card for card in self._cards if (card.bank_order_id, card.tenant_id) == named), None)

    def last_removed_of(self, tenant_id: str) -> Card | None:
        removed = [(one.forgotten_at, one) for one in self._cards if one.tenant_id == tenant_id and one.forgotten_at]
        return max(removed, key=lambda pair: (pair[0], pair[1].id), default=(None, None))[1]

    def active_of(self, tenant_id: str) -> Sequence[Card]:
        chosen = [card for card in self._cards if card.tenant_id == tenant_id and card.state is CardState.ACTIVE]
        return sorted(chosen, key=lambda card: (card.is_default, card.id), reverse=True)

    def listed(self, tenant_id: str | None, before: int, limit: int) -> Sequence[Card]:
        chosen = [one for one in self._cards if tenant_id in (None, one.tenant_id) and (not before or one.id < before)]
        return sorted(chosen, key=lambda card: card.id, reverse=True)[:limit]

    def lock(self, card_id: int, tenant_id: str) -> Card | None:
        return next((card for card in self._cards if (card.id, card.tenant_id) == (card_id, tenant_id)), None)

    def save(self, card: Card) -> None:
        card.version += 1
        self._cards[[one.id for one in self._cards].index(card.id)] = card

    def forgetting(self, now: datetime, limit: int) -> Sequence[Card]:
        waiting = [(one.forget_at, one) for one in self._cards if one.state is CardState.FORGETTING and one.forget_at]
        due = sorted((pair for pair in waiting if pair[0] <= now), key=lambda pair: pair[0])
        return [card for _, card in due[:limit]]

    def to_remind(self, now: datetime, limit: int) -> Sequence[Card]:
        usable = [card for card in self._cards if card.state is CardState.ACTIVE]
        return [card for card in usable if card.remind_at is not None and card.remind_at <= now][:limit]
