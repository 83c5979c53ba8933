"""Coupons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from echodesk_billing.domain.subscriptions.coupons import Coupon, CouponKind
from echodesk_billing.face.base import LIBRARY, Face, checks_arguments, choice, operator


@checks_arguments
class Coupons(Face):
    """Coupons: codes that customers redeem with a payment."""

    async def create_coupon(
        self,
        code: str,
        kind: CouponKind | str,
        value: int,
        reason: str,
        *,
        periods: int | None = None,
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        max_uses: int | None = None,
        packages: Sequence[int] = (),
        by: str = LIBRARY,
    ) -> Coupon:
        """Make a coupon.

        Args:
            code: letters, digits, `-` and `_`; capitals and small letters are the same.
            kind: `days`, `percent` (for good) or `percent_periods`.
            value: days, or per cent.
            reason: for the record.
            periods: how many have the lower price, of `percent_periods`.
            valid_from: from when it can be redeemed; now where None.
            valid_until: until when; None without an end.
            max_uses: by how many customers; None without a limit.
            packages: ids of those that it is for; empty for everything.
            by: who makes it, for the record.

        Raises:
            NameTaken: the code exists.
            InvalidSelection: a value is not possible.
        """
        now = await self._container.clock().now()
        coupon = Coupon(
            code=code,
            kind=choice(CouponKind, kind, "kind"),
            value=value,
            periods=periods,
            valid_from=valid_from or now,
            valid_until=valid_until,
            max_uses=max_uses,
            packages=tuple(packages),
            created_at=now,
            reason=reason,
        )
        return await self._container.coupons().create(operator(by), coupon)

    async def coupons(self, *, after: str = "") -> Sequence[Coupon]:
        """Coupons in the order of their codes, fifty at a time, each with how many customers used it.

        Args:
            after: only codes after this one.
        """
        return await self._container.coupons().listed(after)

    async def disable_coupon(self, code: str, *, by: str = LIBRARY) -> Coupon:
        """End a coupon; what was redeemed stays. Idempotent.

        Args:
            by: who asks, for the record.

        Raises:
            CouponNotFound: there is none with this code.
        """
        return await self._container.coupons().disable(operator(by), code)
