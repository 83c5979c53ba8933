"""Coupons, for operators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from echodesk_billing.domain.subscriptions.coupons import Coupon, CouponKind
from echodesk_billing.entrypoints.http.calls import Call, Query, Route
from echodesk_billing.entrypoints.http.common import CouponCode, Id, Nothing
from echodesk_billing.ports.access import Scope

PATH = "/api/coupons/"


class CreateCoupon(Struct, frozen=True, kw_only=True):
    """A new coupon."""

    code: CouponCode
    kind: CouponKind
    value: int
    periods: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    max_uses: int | None = None
    packages: Annotated[list[Id], Meta(max_length=100)] = []
    reason: Annotated[str, Meta(min_length=1, max_length=500)]

    def coupon(self, now: datetime) -> Coupon:
        """The coupon, checked by the domain."""
        return Coupon(
            code=self.code,
            kind=self.kind,
            value=self.value,
            periods=self.periods,
            valid_from=self.valid_from or now,
            valid_until=self.valid_until,
            max_uses=self.max_uses,
            packages=tuple(self.packages),
            created_at=now,
            reason=self.reason,
        )


class CouponView(Struct, frozen=True, kw_only=True):
    """A coupon."""

    code: str
    kind: CouponKind
    value: int
    periods: int | None
    valid_from: datetime
    valid_until: datetime | None
    max_uses: int | None
    uses: int
    packages: list[int]
    disabled_at: datetime | None
    by: str
    reason: str

    @classmethod
    def of(cls, coupon: Coupon) -> CouponView:
        """From a coupon."""
        return cls(
            code=coupon.code,
            kind=coupon.kind,
            value=coupon.value,
            periods=coupon.periods,
            valid_from=coupon.valid_from,
            valid_until=coupon.valid_until,
            max_uses=coupon.max_uses,
            uses=coupon.uses,
            packages=list(coupon.packages),
            disabled_at=coupon.disabled_at,
            by=coupon.by,
            reason=coupon.reason,
        )


class CouponPage(Struct, frozen=True, kw_only=True):
    """Coupons in the order of their codes."""

    coupons: list[CouponView]


async def create(call: Call[CreateCoupon]) -> CouponView:
    """`POST /api/coupons/`."""
    coupon = call.body.coupon(await call.uses.clock.now())
    return CouponView.of(await call.uses.coupons.create(call.who, coupon))


async def listed(call: Call[Nothing]) -> CouponPage:
    """`GET /api/coupons/`."""
    found = await call.uses.coupons.listed(call.request.query.get("after", ""))
    return CouponPage(coupons=[CouponView.of(one) for one in found])


async def disable(call: Call[Nothing]) -> CouponView:
    """`POST /api/coupons/<code>/disable/`."""
    return CouponView.of(await call.uses.coupons.disable(call.who, call.request.parameters["code"]))


ROUTES = (
    Route(
        method="GET",
        path=PATH,
        handler=listed,
        operation="listCoupons",
        summary="Coupons, fifty at a time",
        gives=CouponPage,
        scope=Scope.OPERATOR,
        query=(Query(name="after", description="only codes after this one"),),
    ),
    Route(
        method="POST",
        path=PATH,
        handler=create,
        operation="createCoupon",
        summary="Make a coupon",
        takes=CreateCoupon,
        gives=CouponView,
        scope=Scope.OPERATOR,
    ),
    Route(
        method="POST",
        path=PATH + "{code}/disable/",
        handler=disable,
        operation="disableCoupon",
        summary="End a coupon; what was redeemed stays",
        gives=CouponView,
        scope=Scope.OPERATOR,
    ),
)
