"""Buying: whatever leads a customer to a payment page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from echodesk_billing.application.errors import CardNotFound, OrderNotFound
from echodesk_billing.application.ordering import Ordering, tell_created
from echodesk_billing.application.placement import Placement
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.application.shop import Shop, Terms
from echodesk_billing.domain.card import Card
from echodesk_billing.domain.catalogue import Catalogue
from echodesk_billing.domain.errors import NoActiveSubscription
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.order import Order
from echodesk_billing.domain.payment_request import SaveCard, Wallet
from echodesk_billing.domain.pricing import Selection
from echodesk_billing.domain.subscription import Purchase, Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, require_configured
from echodesk_billing.ports.storage import Storage, UnitOfWork

AT_ONCE = Terms()

Decide = Callable[[Subscription, Catalogue, datetime], Purchase]


class Checkout:
    """Starts payments; the subscription decides what each of them pays for."""

    def __init__(
        self,
        storage: Storage,
        gateway: Gateway,
        clock: Clock,
        ordering: Ordering,
        placement: Placement,
        settlement: Settlement,
        shop: Shop,
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._ordering = ordering
        self._placement = placement
        self._settlement = settlement
        self._shop = shop

    async def buy(
        self,
        buyer: Principal,
        selection: Selection,
        *,
        currency: Currency = Currency.GEL,
        terms: Terms = AT_ONCE,
        wallet_token: str = "",
        distinct: bool = False,
    ) -> Order:
        """Buy a month of `selection`: the next period, an upgrade now, or a change that is paid ahead.

        Args:
            buyer: whose tenant buys.
            selection: package or features, and seats.
            currency: what to pay in.
            terms: how the customer wants to pay.
            wallet_token: of Google Pay, encrypted; it is passed on and not stored.
            distinct: the caller has its own way to tell a repeated request (an idempotency key), so an equal order
                of a moment ago is not taken for a double click.

        Returns:
            The order: with `payment_url`, or, with a wallet, already paid or waiting for its second step.

        Raises:
            InvalidSelection: the catalogue has no such thing, or paid time of another currency is left.
            CardNotFound: there is no such recurrent card.
            GatewayError: the bank did not give a payment page; see `Placement.place`.

        Source: domain.md, "Buying while active".
        """

        def decide(subscription: Subscription, catalogue: Catalogue, now: datetime) -> Purchase:
            return subscription.purchase(catalogue, selection, currency, now)

        return await self.start(buyer, decide, terms=terms, wallet_token=wallet_token, distinct=distinct)

    async def pay_now(self, buyer: Principal, *, distinct: bool = False) -> Order:
        """Pay the next period by hand, the customer being present; that makes the new mandate.

        Raises:
            NoActiveSubscription: there is nothing that runs on.
            GatewayError: the bank did not give a payment page.
        """
        return await self.start(buyer, lambda running, _, now: running.renewal(now), distinct=distinct, known=True)

    async def reactivate(self, buyer: Principal, *, distinct: bool = False) -> Order:
        """Pay for a suspended or ended subscription to run again.

        Raises:
            NoActiveSubscription: there never was one.
            IllegalTransition: it is neither suspended nor ended.
            InvalidSelection: what it was is not sold any more.
            GatewayError: the bank did not give a payment page.
        """
        return await self.start(
            buyer,
            lambda ended, catalogue, now: ended.reactivation(catalogue, now),
            distinct=distinct,
            known=True,
        )

    async def start(
        self,
        buyer: Principal,
        decide: Decide,
        *,
        terms: Terms = AT_ONCE,
        wallet_token: str = "",
        distinct: bool = False,
        known: bool = False,
    ) -> Order:
        """Make the order that `decide` asks for and get its payment page.

        Args:
            decide: asked with the locked subscription, the catalogue and the time.
            known: the tenant must have a subscription already.

        Raises:
            NoActiveSubscription: it has none, and must.
            GatewayError: the bank did not give a payment page.
        """
        require_configured(self._gateway)
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Order:
            card = _present_card(uow, buyer, terms.card_id)
            if known and uow.subscriptions.get(buyer.tenant_id) is None:
                raise NoActiveSubscription
            uow.subscriptions.add(self._shop.subscription(buyer))
            subscription = uow.subscriptions.lock(buyer.tenant_id)
            purchase = decide(subscription, uow.catalogues.current(), now)
            request = self._shop.request(buyer, purchase.plan, terms, card)
            return self._ordering.once(uow, buyer, purchase, request, now, distinct=distinct)

        order = await self._storage.transact(work)
        tell_created(order)
        return order if order.payment_url else await self._placement.place(order, wallet_token)

    async def complete_apple_pay(self, who: Principal, order_id: str, wallet_token: str) -> Order:
        """The second step of Apple Pay on the merchant's own page.

        Args:
            wallet_token: what Apple gave; it is passed on and not stored.

        Raises:
            OrderNotFound: there is none that `who` may see, or it was not started for Apple Pay.
            GatewayError: the bank did not answer, or refused; the receipt will tell.
        """
        order = await self._storage.read(lambda uow: uow.orders.get(order_id, who.tenant_filter))
        if order is None or order.bank_order_id is None or order.request.wallet is not Wallet.APPLE_PAY:
            raise OrderNotFound
        settled = await self._settlement.apply(await self._gateway.complete_apple_pay(order, wallet_token))
        return settled.order or order


def _present_card(uow: UnitOfWork, buyer: Principal, card_id: int | None) -> Card | None:
    """The saved card that the customer, being present, pays with."""
    if card_id is None:
        return None
    for card in uow.cards.active_of(buyer.tenant_id):
        if card.id == card_id and card.kind is SaveCard.RECURRENT:
            return card
    raise CardNotFound
