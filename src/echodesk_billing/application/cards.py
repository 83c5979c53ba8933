"""Saved cards: looking at them, adding one, choosing the default, forgetting."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from echodesk_billing.application.errors import CardNotFound
from echodesk_billing.application.ordering import Ordering, tell_created
from echodesk_billing.application.placement import Placement
from echodesk_billing.application.shop import Shop
from echodesk_billing.domain.card import Card, CardState
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.order import Order
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, GatewayRefused, require_configured
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

BATCH = 100


class SavedCards:
    """What a tenant may do with its cards. The card itself never touches us: the bank keeps it."""

    def __init__(
        self, storage: Storage, gateway: Gateway, clock: Clock, ordering: Ordering, placement: Placement, shop: Shop
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._ordering = ordering
        self._placement = placement
        self._shop = shop

    async def listed(self, who: Principal) -> Sequence[Card]:
        """The tenant's usable cards, the default first."""
        return await self._storage.read(lambda uow: uow.cards.active_of(who.tenant_id))

    async def add(self, who: Principal, *, make_default: bool = False) -> Order:
        """Start saving a card, and make it the default when asked to.

        It takes a small payment that is given back at once, because the bank saves a card only by being paid.

        Returns:
            The order with its payment page.

        Raises:
            GatewayError: the bank did not give a payment page.
        """
        require_configured(self._gateway)
        now = await self._clock.now()
        request = self._shop.card_request(who, make_default=make_default)
        order = await self._storage.transact(
            lambda uow: self._ordering.add_card_check(uow, who, self._shop.card_check, request, now)
        )
        tell_created(order)
        return await self._placement.place(order)

    async def set_default(self, who: Principal, card_id: int) -> Card:
        """Make a card the one that is charged.

        Raises:
            CardNotFound: the tenant has no such card.
        """

        def work(uow: UnitOfWork) -> Card:
            chosen = _usable(uow, who, card_id)
            for card in uow.cards.active_of(who.tenant_id):
                if card.is_default != (card.id == chosen.id):
                    card.is_default = card.id == chosen.id
                    uow.cards.save(card)
            chosen.is_default = True
            return chosen

        return await self._storage.transact(work)

    async def forget(self, who: Principal, card_id: int | None = None) -> Card:
        """Forget a card, the default one where none is named.

        Here first, so that it is charged no more, then at the bank. The tenant's newest other card becomes the
        default.

        Raises:
            CardNotFound: the tenant has no such card.
            GatewayError: the bank has not confirmed; reconciliation asks again.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Card:
            card = _usable(uow, who, card_id)
            was_default = card.is_default
            uow.outbox.add(card.forget(now))
            uow.cards.save(card)
            others = uow.cards.active_of(who.tenant_id)
            if was_default and others:
                others[0].is_default = True
                uow.cards.save(others[0])
            return card

        card = await self._storage.transact(work)
        log.info("card.forgotten", tenant_id=who.tenant_id, order_id=card.order_id)
        await self._forget_at_bank(card)
        return card

    async def finish_forgetting(self) -> int:
        """Have the bank delete what was forgotten here while it could not be reached; returns how many cards."""
        cards = await self._storage.read(lambda uow: uow.cards.forgetting(BATCH))
        for card in cards:
            await self._forget_at_bank(card)
        return len(cards)

    async def _forget_at_bank(self, card: Card) -> None:
        try:
            await self._gateway.forget_card(card.bank_order_id, derived_key(card.bank_order_id, "forget card"))
        except GatewayRefused as refusal:  # the bank has no such card: that is what was wanted
            log.info("card.unknown_to_bank", order_id=card.order_id, reason=str(refusal))

        def work(uow: UnitOfWork) -> None:
            stored = uow.cards.lock(card.id, card.tenant_id)
            if stored is not None:
                stored.state = CardState.FORGOTTEN
                uow.cards.save(stored)

        await self._storage.transact(work)


def default_card(uow: UnitOfWork, tenant_id: str) -> Card | None:
    """The card that a tenant's renewals are charged to."""
    return next(iter(uow.cards.active_of(tenant_id)), None)


def _usable(uow: UnitOfWork, who: Principal, card_id: int | None) -> Card:
    """The tenant's card with this number, or its default card."""
    if card_id is None:
        default = default_card(uow, who.tenant_id)
        card_id = default.id if default else 0
    card = uow.cards.lock(card_id, who.tenant_id)
    if card is None or card.state is not CardState.ACTIVE:
        raise CardNotFound
    return card
