"""Creating orders: stored here before they are sent to the bank."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from attrs import evolve

from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.events import OrderCreated
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import PaymentRequest, Wallet
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions.purchase import Purchase
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import UnitOfWork

log = structlog.get_logger()

DOUBLE_CLICK = timedelta(minutes=1)
WALLET_REPEATED_WITHIN = timedelta(hours=1)  # the longest `Retry-After` that callers get
RECENT_ORDERS = 20


class OrderFactory:
    """Adds orders to a unit of work, once per repeatable request."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def add(
        self,
        uow: UnitOfWork,
        who: Principal,
        purchase: Purchase,
        request: PaymentRequest,
        at: datetime,
        *,
        action_reason: str | None = None,
        key: str | None = None,
    ) -> Order:
        """Store an order for a period of a plan.

        Args:
            action_reason: why the customer has to pay it, for orders that the customer did not start.
            key: the caller's idempotency key, from which the order's own is derived.
        """
        order, created = Order.create(
            order_id=self._ids.order_id(purchase.purpose),
            idempotency_key=self._key(who, key),
            tenant_id=who.tenant_id,
            by=who.name,
            purpose=purchase.purpose,
            amount=purchase.plan.price,
            plan=purchase.plan,
            period=purchase.period,
            request=request,
            action_reason=action_reason,
            at=at,
        )
        return self._store(uow, order, created)

    def known(
        self, uow: UnitOfWork, who: Principal, key: str | None, selection: Selection | None = None
    ) -> Order | None:
        """The order created under the caller's idempotency key; None where there is none, or no key.

        Args:
            selection: what the order must be for.

        Raises:
            InvalidSelection: the key was used for something else.
        """
        order = uow.orders.by_key(order_key(who, key)) if key else None
        if order is not None and selection and order.plan and not order.plan.is_of(selection):
            raise InvalidSelection(
                "idempotency_key", f"This key was used for order {order.id}, which is for another plan"
            )
        return order

    def once(
        self,
        uow: UnitOfWork,
        who: Principal,
        purchase: Purchase,
        request: PaymentRequest,
        at: datetime,
        *,
        key: str | None = None,
        is_same: Callable[[Order], bool] = lambda _: True,
    ) -> tuple[Order, bool]:
        """Store an order, or return an equal recent one, so that a double click creates one order.

        An order without a payment page is always reused: it cannot have been paid (docs/adr/0006).

        Args:
            key: the caller's idempotency key.
            is_same: further conditions of equality.

        Returns:
            The order, and whether it is new.
        """
        wanted = (purchase.purpose, purchase.plan, purchase.period, evolve(request, wallet_digest=""))
        for earlier in uow.orders.open_of(who.tenant_id):
            asked = evolve(earlier.request, wallet_digest="")
            same = (earlier.purpose, earlier.plan, earlier.period, asked) == wanted
            if same and is_repeated(earlier, at) and is_same(earlier):
                return earlier, False
        if request.wallet is Wallet.GOOGLE_PAY:
            for earlier in uow.orders.listed(who.tenant_id, None, RECENT_ORDERS):
                same = earlier.plan == purchase.plan and earlier.request == request
                if same and earlier.is_paid and at - earlier.created_at < WALLET_REPEATED_WITHIN:
                    return earlier, False
        return self.add(uow, who, purchase, request, at, key=key), True

    def card_check_once(
        self, uow: UnitOfWork, who: Principal, amount: Money, request: PaymentRequest, at: datetime, key: str | None
    ) -> tuple[Order, bool]:
        """Store an order that only saves a card, or return an equal recent one."""
        if (known := self.known(uow, who, key)) is not None:
            return known, False
        for earlier in uow.orders.open_of(who.tenant_id):
            same = (earlier.purpose, earlier.amount, earlier.request) == (Purpose.CARD, amount, request)
            if same and is_repeated(earlier, at):
                return earlier, False
        order, created = Order.create(
            order_id=self._ids.order_id(Purpose.CARD),
            idempotency_key=self._key(who, key),
            tenant_id=who.tenant_id,
            by=who.name,
            purpose=Purpose.CARD,
            amount=amount,
            request=request,
            at=at,
        )
        return self._store(uow, order, created), True

    def _key(self, who: Principal, key: str | None) -> str:
        """The idempotency key of a new order."""
        return order_key(who, key) if key else self._ids.idempotency_key()

    def _store(self, uow: UnitOfWork, order: Order, created: OrderCreated) -> Order:
        uow.orders.add(order)
        uow.outbox.add([created])
        return order


def order_key(who: Principal, key: str) -> str:
    """The order's idempotency key, derived from the caller's key and tenant, so that no two tenants collide."""
    return derived_key(f"{who.tenant_id} {key}", "order")


def is_repeated(earlier: Order, at: datetime) -> bool:
    """Whether an equal request is a double click, or resumes an order that cannot have been paid yet."""
    return earlier.payment_url is None or at - earlier.created_at < DOUBLE_CLICK


def log_created(order: Order) -> None:
    """Log an order once its transaction is committed."""
    log.info("order.created", order_id=order.id, tenant_id=order.tenant_id, amount=str(order.amount), state=order.state)
