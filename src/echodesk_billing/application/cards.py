"""Saved cards: list, add, choose the default, remove."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog

from echodesk_billing.application.checkout import Checkout
from echodesk_billing.application.customers import with_names
from echodesk_billing.application.errors import CardNotFound
from echodesk_billing.application.order_factory import OrderFactory, log_created
from echodesk_billing.application.order_submission import OrderSubmission, submit_order
from echodesk_billing.application.payment_requests import PaymentRequestBuilder, Terms
from echodesk_billing.domain.customers.card import Card, CardState, obstacle, one_of_each
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.return_pages import Returning
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, GatewayError, GatewayRefused, require_configured
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

PAYS_AHEAD = timedelta(days=7)
"""How long before a period an added automatic card pays it."""

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
        checkout: Checkout,
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._order_factory = order_factory
        self._submission = submission
        self._requests = requests
        self._checkout = checkout

    async def listed(self, who: Principal) -> Sequence[Card]:
        """The tenant's usable cards, the default first."""
        return one_of_each(await self._storage.read(lambda uow: uow.cards.active_of(who.tenant_id)))

    async def add(
        self,
        who: Principal,
        *,
        automatic: bool = False,
        make_default: bool = False,
        key: str | None = None,
        returning: Returning = Returning.CARD,
    ) -> Order:
        """Start saving a card, and make it the default when asked to.

        A card saved as automatic repeats the amount of its first payment. So where a period is owed, or begins soon
        and no saved card can pay it, the customer pays that period with the new card, which renewals then charge.
        Otherwise it is saved as recurrent, for payments of a present customer, with a small payment that is refunded
        at once, because the bank saves a card only with a payment.

        Args:
            automatic: whether renewals should charge it, where it can be so.
            key: the caller's idempotency key.
            returning: which pages the browser comes back to.

        Returns:
            The order with its payment page.

        Raises:
            GatewayError: the bank did not return a payment page.
        """
        require_configured(self._gateway)
        now = await self._clock.now()
        if (known := await self._checkout.known(who, key)) is not None:
            return await self._checkout.carry_on(known)
        if automatic and await self._storage.read(lambda uow: _is_wanted_now(uow, who, now)):
            terms = Terms(save_card=SaveCard.AUTOMATIC, returning=returning)
            return await self._checkout.pay_now(who, terms=terms, key=key)

        def work(uow: UnitOfWork) -> tuple[Order, bool]:
            request = self._requests.card_request(with_names(uow, who), make_default=make_default, returning=returning)
            uow.subscriptions.lock_or_add(self._requests.subscription(who))  # a double click waits for the first
            return self._order_factory.card_check_once(uow, who, self._requests.card_check, request, now, key)

        order, is_new = await self._storage.transact(work)
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

        All mandates of the physical card go with it. Here first, so that it is not charged any more, then at the bank,
        which reconciliation retries where it does not confirm. The tenant's newest other card becomes the default.

        Raises:
            CardNotFound: the tenant has no card with this id.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> tuple[Card, Sequence[Card]]:
            card = _owned(uow, who, card_id) if card_id is not None else _default_to_remove(uow, who, now)
            if card.state is not CardState.ACTIVE:
                return card, ()
            mandates = [one for one in uow.cards.active_of(who.tenant_id) if one.is_same_plastic(card)]
            was_default = any(one.is_default for one in mandates)
            for one in mandates:
                uow.outbox.add(one.forget(now, as_default=card_id is None), who.name)
                uow.cards.save(one)
            others = uow.cards.active_of(who.tenant_id)
            if was_default and others:
                others[0].is_default = True
                uow.cards.save(others[0])
            return card, mandates

        card, removed = await self._storage.transact(work)
        for one in removed:
            log.info("card.removed", tenant_id=who.tenant_id, order_id=one.order_id, by=who.name)
            await self._forget_at_bank(one)
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


def _is_wanted_now(uow: UnitOfWork, who: Principal, now: datetime) -> bool:
    """Whether a period is owed, or begins within `PAYS_AHEAD`, that no saved card can pay."""
    subscription = uow.subscriptions.get(who.tenant_id)
    if subscription is None or not (subscription.is_running or subscription.state is SubscriptionState.SUSPENDED):
        return False
    period = subscription.first_unpaid(now)
    if subscription.state in (SubscriptionState.PAST_DUE, SubscriptionState.SUSPENDED):
        return True
    begins = subscription.term.period(period).start
    hindrance = obstacle(default_card(uow, who.tenant_id), subscription.plan_of(period).price, now)
    return hindrance is not None and now >= begins - PAYS_AHEAD


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
