"""Saved cards."""

from __future__ import annotations

from collections.abc import Sequence

from echodesk_billing.application.errors import CardNotFound
from echodesk_billing.domain.catalogue.catalogue import LARGEST_ID
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.face.base import LIBRARY, Face, checks_arguments


@checks_arguments
class Cards(Face):
    """Saved cards."""

    async def cards(self, tenant_id: str) -> Sequence[Card]:
        """A tenant's saved cards, the default first."""
        return await self._container.cards().listed(self._reader(tenant_id))

    async def forget_card(self, tenant_id: str, card_id: int | None = None, *, by: str = LIBRARY) -> Card:
        """Forget a saved card, the default one where none is named: here at once, at the bank as soon as it answers.

        Twice is once: it never takes another card.

        Args:
            by: who asks, for the record.

        Raises:
            CardNotFound: the tenant has no such card.
        """
        card = await self._container.cards().forget(self._writer(tenant_id, "", by), require_card_id(card_id))
        await self._announce()
        return card

    async def add_card(
        self,
        tenant_id: str,
        *,
        make_default: bool = False,
        tenant_name: str = "",
        idempotency_key: str | None = None,
        by: str = LIBRARY,
    ) -> Order:
        """Start the payment that saves a card; it is refunded at once. Send the customer to its `payment_url`.

        Args:
            make_default: whether the saved card becomes the one that is charged.
            idempotency_key: your own name for this call. Calling again under it, after whatever happened, gives the
                same order and never makes another.
            by: who asks, for the record.

        Raises:
            GatewayError: the bank gave no payment page.
        """
        who = self._writer(tenant_id, tenant_name, by)
        order = await self._container.cards().add(who, make_default=make_default, key=idempotency_key)
        await self._announce()
        return order

    async def set_default_card(self, tenant_id: str, card_id: int, *, by: str = LIBRARY) -> Card:
        """Choose the saved card that is charged. Twice is once.

        Args:
            by: who asks, for the record.

        Raises:
            CardNotFound: the tenant has no such card.
        """
        require_card_id(card_id)
        card = await self._container.cards().set_default(self._writer(tenant_id, "", by), card_id)
        await self._announce()
        return card


def require_card_id(card_id: int | None) -> int | None:
    """Check that a card may have this number.

    Raises:
        CardNotFound: none has.
    """
    if card_id is not None and not 0 < card_id <= LARGEST_ID:
        raise CardNotFound
    return card_id
