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
        """Remove a saved card, the default one where `card_id` is None: here at once, at the bank later.

        Idempotent: repeating it never removes another card.

        Args:
            by: who asks, for the record.

        Raises:
            CardNotFound: the tenant has no card with this id.
        """
        card = await self._container.cards().forget(self._writer(tenant_id, "", by), require_card_id(card_id))
        await self._announce()
        return card

    async def add_card(
        self,
        tenant_id: str,
        *,
        automatic: bool = False,
        make_default: bool = False,
        tenant_name: str = "",
        idempotency_key: str | None = None,
        by: str = LIBRARY,
    ) -> Order:
        """Start the payment that saves a card. Redirect the customer to its `payment_url`.

        It pays the period that is owed, or that begins within a week and no saved card can pay, where `automatic` is
        set: renewals then charge the card. Otherwise it is small and refunded at once, and the card is for payments
        of a present customer.

        Args:
            automatic: whether renewals should charge the card, where that is possible.
            make_default: whether the saved card becomes the default.
            idempotency_key: your own key for this call. Repeating it, whatever the outcome, returns the
                same order and never creates another.
            by: who asks, for the record.

        Raises:
            GatewayError: the bank returned no payment page.
        """
        who = self._writer(tenant_id, tenant_name, by)
        order = await self._container.cards().add(
            who, automatic=automatic, make_default=make_default, key=idempotency_key
        )
        await self._announce()
        return order

    async def set_default_card(self, tenant_id: str, card_id: int, *, by: str = LIBRARY) -> Card:
        """Choose the default card. Idempotent.

        Args:
            by: who asks, for the record.

        Raises:
            CardNotFound: the tenant has no card with this id.
        """
        require_card_id(card_id)
        card = await self._container.cards().set_default(self._writer(tenant_id, "", by), card_id)
        await self._announce()
        return card


def require_card_id(card_id: int | None) -> int | None:
    """Check that a card can have this id.

    Raises:
        CardNotFound: no card can.
    """
    if card_id is not None and not 0 < card_id <= LARGEST_ID:
        raise CardNotFound
    return card_id
