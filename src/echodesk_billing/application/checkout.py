"""Buying: a customer chooses, an order is made, the bank shows a payment page."""

from __future__ import annotations

from datetime import timedelta

import structlog
from attrs import frozen

from echodesk_billing.application.placement import Placement
from echodesk_billing.domain import pricing
from echodesk_billing.domain.masking import mask_email, mask_name
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.order import Order, PaymentRequest, Purpose
from echodesk_billing.domain.pricing import Selection
from echodesk_billing.domain.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, GatewayNotConfigured
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

DOUBLE_CLICK = timedelta(minutes=1)


@frozen(kw_only=True)
class Shop:
    """What the bank is told about us, the same for every order.

    Args:
        product_name: begins the description on the payment page.
        callback_url: the public address of our webhook.
        frontend_url: where the browser returns to; `{tenant}` stands for the tenant's id.
        ttl_minutes: how long an order can be paid.
        time_zone: whose calendar months new subscriptions count.
    """

    product_name: str
    callback_url: str
    frontend_url: str
    ttl_minutes: int
    time_zone: str

    def request(self, buyer: Principal, plan: pricing.Plan, language: str, *, save_card: bool) -> PaymentRequest:
        """What the bank is asked to show `buyer` for a month of `plan`. Source: domain.md, Order."""
        settings_page = self.frontend_url.replace("{tenant}", buyer.tenant_id) + "/settings/subscription"
        return PaymentRequest(
            product_id="subscription",
            description=f"{self.product_name} {plan.name} - {buyer.tenant_name}",
            callback_url=self.callback_url,
            success_url=settings_page + "/success",
            fail_url=settings_page + "/failed",
            buyer_name=mask_name(buyer.full_name),
            buyer_email=mask_email(buyer.email),
            language=language,
            save_card=save_card,
            ttl_minutes=self.ttl_minutes,
        )


class Checkout:
    """Starts a payment for a month of a selection."""

    def __init__(
        self, storage: Storage, gateway: Gateway, clock: Clock, ids: Ids, placement: Placement, shop: Shop
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._ids = ids
        self._placement = placement
        self._shop = shop

    async def buy(
        self,
        buyer: Principal,
        selection: Selection,
        *,
        currency: Currency = Currency.GEL,
        language: str = "ka",
        save_card: bool = True,
        distinct: bool = False,
    ) -> Order:
        """Make an order for the next period of `selection` and get its payment page.

        Args:
            buyer: whose tenant buys.
            selection: package or features, and seats.
            currency: what to pay in.
            language: of the payment page, `ka` or `en`.
            save_card: whether the customer wants the card kept.
            distinct: the caller has its own way to tell a repeated request (an idempotency key), so an equal order
                of a moment ago is not taken for a double click.

        Returns:
            The order, with `payment_url`.

        Raises:
            InvalidSelection: the catalogue has no such thing.
            SelectionChangeUnsupported: the subscription runs with another selection.
            GatewayError: the bank did not give a payment page; see `Placement.place`.
        """
        if not self._gateway.is_configured:
            raise GatewayNotConfigured
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Order:
            plan = pricing.plan(uow.catalogues.current(), selection, currency)
            uow.subscriptions.add(Subscription(tenant_id=buyer.tenant_id, time_zone=self._shop.time_zone))
            period = uow.subscriptions.lock(buyer.tenant_id).period_to_pay(plan, now)
            order, created = Order.create(
                order_id=self._ids.order_id(Purpose.SUBSCRIPTION),
                idempotency_key=self._ids.idempotency_key(),
                tenant_id=buyer.tenant_id,
                purpose=Purpose.SUBSCRIPTION,
                plan=plan,
                period=period,
                request=self._shop.request(buyer, plan, language, save_card=save_card),
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
        return order if order.payment_url else await self._placement.place(order)


def _same_click(earlier: Order, order: Order, *, distinct: bool) -> bool:
    """Whether an open order is what is being ordered now, so that a double click makes one order.

    An order that has no payment page yet is always taken up again: nobody can have paid it (docs/adr/0006).
    """
    same = (earlier.plan, earlier.period, earlier.request) == (order.plan, order.period, order.request)
    fresh = not distinct and order.created_at - earlier.created_at < DOUBLE_CLICK
    return same and (earlier.payment_url is None or fresh)
