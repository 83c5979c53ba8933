"""Coupons: made by operators, redeemed with a payment, once per customer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from attrs import evolve

from echodesk_billing.application.errors import CouponNotFound
from echodesk_billing.domain.errors import InvalidSelection, NameTaken
from echodesk_billing.domain.events import CouponRedeemed, Event
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.subscriptions.coupons import Coupon, CouponUse, coupon_code
from echodesk_billing.domain.subscriptions.purchase import Purchase
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

PAGE = 50
LATE_CALLBACK = timedelta(minutes=10)
"""How long after the end of its payment page a reservation is kept, for a callback that is late."""


class ManageCoupons:
    """Makes, lists and disables coupons, as an operator."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def create(self, by: Principal, coupon: Coupon) -> Coupon:
        """Store a new coupon.

        Raises:
            NameTaken: the code exists.
            InvalidSelection: the reason is empty, or a package does not exist.
        """
        if not coupon.reason.strip():
            raise InvalidSelection("reason", "Say why the coupon is made")
        made = evolve(coupon, by=by.name)

        def work(uow: UnitOfWork) -> None:
            known = {one.id for one in uow.catalogues.current().packages}
            if unknown := set(made.packages) - known:
                raise InvalidSelection("packages", f"There is no package {min(unknown)}")
            if not uow.coupons.add(made):
                raise NameTaken(made.code)

        await self._storage.transact(work)
        log.info("coupon.created", code=made.code, kind=made.kind, value=made.value, by=by.name)
        return made

    async def listed(self, after: str = "") -> Sequence[Coupon]:
        """Coupons by code, each with how many customers used it."""
        return await self._storage.read(lambda uow: uow.coupons.listed(after, PAGE))

    async def disable(self, by: Principal, code: str) -> Coupon:
        """End a coupon; what was redeemed stays. Idempotent.

        Raises:
            CouponNotFound: there is none with this code.
        """
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Coupon:
            coupon = uow.coupons.lock(coupon_code(code))
            if coupon is None:
                raise CouponNotFound(code)
            if coupon.disabled_at is None:
                uow.coupons.disable(coupon.code, now)
            return evolve(coupon, disabled_at=coupon.disabled_at or now)

        coupon = await self._storage.transact(work)
        log.info("coupon.disabled", code=coupon.code, by=by.name)
        return coupon


def redeemed(uow: UnitOfWork, code: str, tenant_id: str, purchase: Purchase, now: datetime) -> Purchase:
    """A purchase with what a coupon gives; the same without a code.

    The coupon stays locked until the transaction ends, so that its last use goes to one customer.

    Raises:
        InvalidSelection: the coupon cannot be redeemed; the message says why.
    """
    if not code:
        return purchase
    coupon = uow.coupons.lock(coupon_code(code))
    if coupon is None:
        raise InvalidSelection("coupon", f"There is no coupon {coupon_code(code)}")
    coupon.require_valid(now)
    mine = uow.coupons.use_of(coupon.code, tenant_id)
    if mine is not None and mine.used_at is not None:
        raise InvalidSelection("coupon", f"The coupon {coupon.code} was used before: each customer can use it once")
    coupon.require_left(uow.coupons.uses(coupon.code, tenant_id, now))
    return coupon.applied(purchase)


def reserve(uow: UnitOfWork, order: Order, now: datetime) -> None:
    """Keep the coupon of an order until its payment page has expired."""
    if order.request.coupon:
        until = order.created_at + timedelta(minutes=order.request.ttl_minutes) + LATE_CALLBACK
        use = CouponUse(code=order.request.coupon, tenant_id=order.tenant_id, order_id=order.id, reserved_until=until)
        uow.coupons.keep(use, now)


def use(uow: UnitOfWork, order: Order, now: datetime) -> list[Event] | None:
    """Use the coupon of an order that was paid; what its page promised holds, also after the reservation.

    Returns:
        The events; None where another payment of the same customer has used the coupon.
    """
    code = order.request.coupon
    if not code:
        return []
    uow.coupons.lock(code)
    mine = uow.coupons.use_of(code, order.tenant_id)
    if mine is not None and mine.used_at is not None and mine.order_id != order.id:
        return None
    paid = CouponUse(code=code, tenant_id=order.tenant_id, order_id=order.id, reserved_until=now, used_at=now)
    uow.coupons.keep(paid, now)
    return [CouponRedeemed(tenant_id=order.tenant_id, at=now, order_id=order.id, code=code)]


def release(uow: UnitOfWork, order: Order) -> None:
    """Give back the reservation of an order that was rejected."""
    code = order.request.coupon
    mine = uow.coupons.use_of(code, order.tenant_id) if code else None
    if mine is not None and mine.used_at is None and mine.order_id == order.id:
        uow.coupons.drop(mine)
