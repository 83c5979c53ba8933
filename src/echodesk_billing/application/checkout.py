"""Buying: everything that leads a customer to a payment page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from attrs import evolve

from echodesk_billing.application import coupons
from echodesk_billing.application.customers import with_names
from echodesk_billing.application.errors import CardNotFound, OrderNotFound
from echodesk_billing.application.order_factory import OrderFactory, log_created
from echodesk_billing.application.order_submission import OrderSubmission, submit_order
from echodesk_billing.application.payment_requests import PaymentRequestBuilder, Terms
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.errors import NoActiveSubscription
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import SaveCard, Wallet
from echodesk_billing.domain.subscriptions import offers
from echodesk_billing.domain.subscriptions.purchase import Purchase
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, require_configured
from echodesk_billing.ports.storage import Storage, UnitOfWork

AT_ONCE = Terms()

Decide = Callable[[Subscription, Catalogue, datetime], Purchase]


class Checkout:
    """Starts payments; the subscription decides what each one pays for."""

    def __init__(
        self,
        storage: Storage,
        gateway: Gateway,
        clock: Clock,
        order_factory: OrderFactory,
        submission: OrderSubmission,
        settlement: Settlement,
        requests: PaymentRequestBuilder,
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._order_factory = order_factory
        self._submission = submission
        self._settlement = settlement
        self._requests = requests

    async def buy(
        self,
        buyer: Principal,
        selection: Selection,
        *,
        currency: Currency = Currency.GEL,
        terms: Terms = AT_ONCE,
        wallet_token: str = "",
        key: str | None = None,
    ) -> Order:
        """Buy a month of `selection`: the next period, an immediate upgrade, or a change paid in advance.

        Args:
            buyer: the user whose tenant buys.
            selection: package or features, and seats.
            currency: of the payment.
            terms: payment options of the customer.
            wallet_token: of Google Pay, encrypted; passed on and never stored.
            key: the caller's idempotency key; repeating it returns the same order, whatever its outcome. An
                equal order of the last minute is returned with or without a key.

        Returns:
            The order: with `payment_url`, or, for a wallet, already paid or waiting for its second step.

        Raises:
            InvalidSelection: it is not in the catalogue, paid time in another currency is left, the coupon cannot
                be redeemed, or the key was used for another selection.
            CardNotFound: the tenant has no recurrent card with this id.
            GatewayError: the bank did not return a payment page; see `OrderSubmission.submit`.

        Source: docs/subscriptions.md, "Changing the plan".
        """

        def decide(subscription: Subscription, catalogue: Catalogue, now: datetime) -> Purchase:
            return offers.purchase(subscription, catalogue, selection, currency, now)

        return await self.start(buyer, decide, terms=terms, wallet_token=wallet_token, key=key, selection=selection)

    async def pay_now(self, buyer: Principal, *, terms: Terms = AT_ONCE, key: str | None = None) -> Order:
        """Create a page on which the customer pays the next period; this creates the new mandate.

        Args:
            terms: payment options of the customer.
            key: the caller's idempotency key.

        Raises:
            NoActiveSubscription: no subscription renews.
            GatewayError: the bank did not return a payment page.
        """
        return await self.start(
            buyer, lambda running, _, now: offers.renewal(running, now), terms=terms, key=key, known=True
        )

    async def reactivate(self, buyer: Principal, *, terms: Terms = AT_ONCE, key: str | None = None) -> Order:
        """Create a page to pay for a suspended or ended subscription.

        Raises:
            NoActiveSubscription: the tenant never had one.
            IllegalTransition: it is neither suspended nor ended.
            InvalidSelection: its plan is no longer sold.
            GatewayError: the bank did not return a payment page.
        """
        return await self.start(
            buyer,
            offers.reactivation,
            terms=terms,
            key=key,
            known=True,
        )

    async def start(
        self,
        buyer: Principal,
        decide: Decide,
        *,
        terms: Terms = AT_ONCE,
        wallet_token: str = "",
        key: str | None = None,
        known: bool = False,
        selection: Selection | None = None,
    ) -> Order:
        """Create the order returned by `decide` and get its payment page.

        Args:
            decide: called with the locked subscription, the catalogue and the time.
            key: the caller's idempotency key.
            known: whether the tenant must already have a subscription.
            selection: what is requested, to detect a key reused for something else.

        Raises:
            NoActiveSubscription: it has none and `known` is set.
            GatewayError: the bank did not return a payment page.
        """
        require_configured(self._gateway)
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> tuple[Order, bool]:
            if (earlier := self._order_factory.known(uow, buyer, key, selection)) is not None:
                return earlier, False
            card = _present_card(uow, buyer, terms.card_id)
            if known and uow.subscriptions.get(buyer.tenant_id) is None:
                raise NoActiveSubscription
            subscription = uow.subscriptions.lock_or_add(self._requests.subscription(buyer))
            wanted = decide(subscription, uow.catalogues.current(), now)
            purchase = coupons.redeemed(uow, terms.coupon, buyer.tenant_id, wanted, now)
            request = self._requests.request(with_names(uow, buyer), purchase.plan, terms, card)
            request = evolve(request, coupon=purchase.coupon, free_days=purchase.free_days)
            if wallet_token:
                request = evolve(request, wallet_digest=hashlib.sha256(wallet_token.encode()).hexdigest())
            order, is_new = self._order_factory.once(uow, buyer, purchase, request, now, key=key)
            coupons.reserve(uow, order, now)
            order.pays_until = offers.pays_until(subscription, purchase, order.created_at)
            return order, is_new

        order, is_new = await self._storage.transact(work)
        log_created(order)
        placed = await submit_order(self._submission, order, wallet_token, is_new=is_new)
        placed.pays_until = order.pays_until
        return placed

    async def known(self, who: Principal, key: str | None) -> Order | None:
        """The order created under the caller's idempotency key."""
        return await self._storage.read(lambda uow: self._order_factory.known(uow, who, key))

    async def carry_on(self, order: Order) -> Order:
        """Resume an existing order: submit it, unless the bank has it.

        Raises:
            GatewayError: the bank did not return a payment page, or refused the order before.
        """
        return await submit_order(self._submission, order, is_new=False)

    async def complete_apple_pay(self, who: Principal, order_id: str, wallet_token: str) -> Order:
        """The second step of Apple Pay on the merchant's own page.

        Args:
            wallet_token: from Apple; passed on and never stored.

        Raises:
            OrderNotFound: no such order is visible to `who`, or it was not started for Apple Pay.
            GatewayError: the bank did not answer, or refused; the receipt shows the outcome.
        """
        order = await self._storage.read(lambda uow: uow.orders.get(order_id, who.tenant_filter))
        if order is None or order.bank_order_id is None or order.request.wallet is not Wallet.APPLE_PAY:
            raise OrderNotFound
        settled = await self._settlement.apply(await self._gateway.complete_apple_pay(order, wallet_token))
        return settled.order or order


def _present_card(uow: UnitOfWork, buyer: Principal, card_id: int | None) -> Card | None:
    """The saved card with which the customer, being present, pays: any recurrent mandate of the physical card."""
    if card_id is None:
        return None
    cards = uow.cards.active_of(buyer.tenant_id)
    chosen = next((card for card in cards if card.id == card_id), None)
    for card in cards:
        if chosen is not None and card.is_same_plastic(chosen) and card.kind is SaveCard.RECURRENT:
            return card
    raise CardNotFound
