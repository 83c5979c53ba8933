"""Saved cards: list, add, choose the default, remove."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus

import structlog

from echodesk_billing.application.errors import CardNotFound
from echodesk_billing.application.order_factory import OrderFactory, log_created
from echodesk_billing.application.order_submission import OrderSubmission, submit_order
from echodesk_billing.application.payment_requests import PaymentRequestBuilder
from echodesk_billing.domain.customers.card import Card, CardState
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, GatewayError, GatewayRefused, require_configured
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

BATCH = 100


class SavedCards:
    """Use cases of saved cards. Card data never reaches us: the bank stores it."""

    def __init__(
        self,
        storage: Storage,
        gateway: Gateway,
        clock: Clock,
        order_factory: OrderFactory,
        submission: OrderSubmission,
        requests: PaymentRequestBuilder,
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._order_factory = order_factory
        self._submission = submission
        self._requests = requests

    async def listed(self, who: Principal) -> Sequence[Card]:
        """The tenant's usable cards, the default first."""
        return await self._storage.read(lambda uow: uow.cards.active_of(who.tenant_id))

    async def add(self, who: Principal, *, make_default: bool = False, key: str | None = None) -> Order:
        """Start saving a card, and make it the default when asked to.

        It makes a small payment that is refunded at once, because the bank saves a card only with a payment.

        Args:
            key: the caller's idempotency key.

        Returns:
            The order with its payment page.

        Raises:
            GatewayError: the bank did not return a payment page.
        """
        require_configured(self._gateway)
        now = await self._clock.now()
        request = self._requests.card_request(who, make_default=make_default)
        order, is_new = await self._storage.transact(
            lambda uow: self._order_factory.card_check_once(uow, who, self._requests.card_check, request, now, key)
        )
        log_created(order)
        return await submit_order(self._submission, order, is_new=is_new)

    async def set_default(self, who: Principal, card_id: int) -> Card:
        """Make a card the default.

        Raises:
            CardNotFound: the tenant has no card with this id.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Card:
            chosen = _owned(uow, who, card_id)
            if chosen.state is not CardState.ACTIVE:
                raise CardNotFound
            for card in uow.cards.active_of(who.tenant_id):
                if card.is_default and card.id != chosen.id:
                    card.is_default = False
                    uow.cards.save(card)
            if not chosen.is_default:
                uow.outbox.add(chosen.choose(now), who.name)
                uow.cards.save(chosen)
            return chosen

        return await self._storage.transact(work)

    async def forget(self, who: Principal, card_id: int | None = None) -> Card:
        """Remove a card, the default one where `card_id` is None. Idempotent: repeating it never removes another card.

        Here first, so that it is not charged any more, then at the bank, which reconciliation retries where it does
        not confirm. The tenant's newest other card becomes the default.

        Raises:
            CardNotFound: the tenant has no card with this id.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> tuple[Card, bool]:
            card = _owned(uow, who, card_id) if card_id is not None else _default_to_remove(uow, who, now)
            if card.state is not CardState.ACTIVE:
                return card, False
            was_default = card.is_default
            uow.outbox.add(card.forget(now, as_default=card_id is None), who.name)
            uow.cards.save(card)
            others = uow.cards.active_of(who.tenant_id)
            if was_default and others:
                others[0].is_default = True
                uow.cards.save(others[0])
            return card, True

        card, is_new = await self._storage.transact(work)
        if is_new:
            log.info("card.removed", tenant_id=who.tenant_id, order_id=card.order_id, by=who.name)
            await self._forget_at_bank(card)
        return card

    async def finish_forgetting(self) -> int:
        """Ask the bank to delete removed cards that are due; a failure does not block the other cards.

        Returns:
            How many cards were tried.
        """
        now = await self._clock.now()
        cards = await self._storage.read(lambda uow: uow.cards.forgetting(now, BATCH))
        for card in cards:
            await self._forget_at_bank(card)
        return len(cards)

    async def _forget_at_bank(self, card: Card) -> None:
        try:
            await self._gateway.forget_card(card.bank_order_id, derived_key(card.bank_order_id, "forget card"))
            problem = None
        except GatewayRefused as refusal:
            problem = None if refusal.status == HTTPStatus.NOT_FOUND else str(refusal)
        except GatewayError as error:
            problem = str(error)
        if problem is not None:
            log.warning("card.deletion_unconfirmed", order_id=card.order_id, tenant_id=card.tenant_id, reason=problem)
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> None:
            stored = uow.cards.lock(card.id, card.tenant_id)
            if stored is not None and stored.state is CardState.FORGETTING:
                stored.forgotten() if problem is None else stored.not_forgotten(now)
                uow.cards.save(stored)

        await self._storage.transact(work)


def default_card(uow: UnitOfWork, tenant_id: str) -> Card | None:
    """The tenant's default card, which pays renewals."""
    return next(iter(uow.cards.active_of(tenant_id)), None)


def _owned(uow: UnitOfWork, who: Principal, card_id: int) -> Card:
    """The tenant's card with this number, removed or not."""
    card = uow.cards.lock(card_id, who.tenant_id)
    if card is None:
        raise CardNotFound
    return card


def _default_to_remove(uow: UnitOfWork, who: Principal, now: datetime) -> Card:
    """The default card, or, where this repeats a recent removal, the card removed by it."""
    removed, default = uow.cards.last_removed_of(who.tenant_id), default_card(uow, who.tenant_id)
    if removed is not None and (default is None or default.follows_removal_of(removed, now)):
        return removed
    if default is None:
        raise CardNotFound
    return _owned(uow, who, default.id)
