"""Buying: a customer chooses, an order is made, the bank shows a payment page."""

from __future__ import annotations

from datetime import timedelta

import structlog

from echodesk_billing.application.errors import CardNotFound, OrderNotFound
from echodesk_billing.application.placement import Placement
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.application.shop import Shop, Terms
from echodesk_billing.domain import pricing
from echodesk_billing.domain.card import Card
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.order import Order, Purpose
from echodesk_billing.domain.payment_request import SaveCard, Wallet
from echodesk_billing.domain.pricing import Selection
from echodesk_billing.domain.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, GatewayNotConfigured
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

DOUBLE_CLICK = timedelta(minutes=1)
AT_ONCE = Terms()


class Checkout:
    """Starts a payment for a month of a selection."""

    def __init__(
        self,
        storage: Storage,
        gateway: Gateway,
        clock: Clock,
        ids: Ids,
        placement: Placement,
        settlement: Settlement,
        shop: Shop,
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._ids = ids
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
        """Make an order for the next period of `selection` and get its payment page.

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
            InvalidSelection: the catalogue has no such thing.
            CardNotFound: there is no such recurrent card.
            SelectionChangeUnsupported: the subscription runs with another selection.
            GatewayError: the bank did not give a payment page; see `Placement.place`.
        """
        if not self._gateway.is_configured:
            raise GatewayNotConfigured
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Order:
            plan = pricing.plan(uow.catalogues.current(), selection, currency)
            card = _present_card(uow, buyer, terms.card_id)
            uow.subscriptions.add(Subscription(tenant_id=buyer.tenant_id, time_zone=self._shop.time_zone))
            period = uow.subscriptions.lock(buyer.tenant_id).period_to_pay(plan, now)
            order, created = Order.create(
                order_id=self._ids.order_id(Purpose.SUBSCRIPTION),
                idempotency_key=self._ids.idempotency_key(),
                tenant_id=buyer.tenant_id,
                purpose=Purpose.SUBSCRIPTION,
                amount=plan.price,
                plan=plan,
                period=period,
                request=self._shop.request(buyer, plan, terms, card),
                at=now,
            )
            for earlier in uow.orders.open_of(buyer.tenant_id):
                if _same_click(earlier, order, distinct=distinct):
                    return earlier
            uow.orders.add(order)
            uow.outbox.add([created])
            return order

        order = await self._storage.transact(work)
        log.info(
            "order.created", order_id=order.id, tenant_id=order.tenant_id, amount=str(order.amount), state=order.state
        )
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


def _same_click(earlier: Order, order: Order, *, distinct: bool) -> bool:
    """Whether an open order is what is being ordered now, so that a double click makes one order.

    An order that has no payment page yet is always taken up again: nobody can have paid it (docs/adr/0006).
    """
    same = (earlier.plan, earlier.period, earlier.request) == (order.plan, order.period, order.request)
    fresh = not distinct and order.created_at - earlier.created_at < DOUBLE_CLICK
    return same and (earlier.payment_url is None or fresh)
