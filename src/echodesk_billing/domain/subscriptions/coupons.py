"""Coupons: codes that give days, or lower the price for good or for some periods.

Source: docs/coupons.md.
"""

from __future__ import annotations

import enum
import re
from datetime import datetime

from attrs import evolve, field, frozen

from echodesk_billing.domain.catalogue.discounts import Discount
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.subscriptions.purchase import Purchase

_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{2,31}")
MOST_DAYS = 366
MOST_PERIODS = 120
MOST_USES = 1_000_000


class CouponKind(enum.StrEnum):
    """What a coupon gives: days at the start, a lower price for good, or a lower price for the first periods."""

    DAYS = "days"
    PERCENT = "percent"
    PERCENT_PERIODS = "percent_periods"


def coupon_code(text: str) -> str:
    """A code as it is stored: in capitals.

    Raises:
        InvalidSelection: it cannot be one.
    """
    code = text.strip().upper()
    if not _CODE.fullmatch(code):
        raise InvalidSelection("coupon", f"There is no coupon {text[:32]}")
    return code


@frozen(kw_only=True)
class Coupon:
    """A coupon.

    Args:
        code: capitals, digits, `-` and `_`.
        value: days, or per cent.
        periods: how many have the lower price; only of `PERCENT_PERIODS`.
        valid_from: from when it can be redeemed.
        valid_until: until when; None without an end.
        max_uses: by how many customers; None without a limit.
        packages: those that it is for; empty for everything.
        disabled_at: since when it cannot be redeemed any more.
        by: who made it.
        reason: why.
        uses: how many customers have used it; known in lists only.

    Raises:
        InvalidSelection: a value is not possible.
    """

    code: str = field(converter=coupon_code)
    kind: CouponKind
    value: int
    periods: int | None = None
    valid_from: datetime
    valid_until: datetime | None = None
    max_uses: int | None = None
    packages: tuple[int, ...] = ()
    disabled_at: datetime | None = None
    created_at: datetime
    by: str = ""
    reason: str = ""
    uses: int = field(default=0, eq=False)

    def __attrs_post_init__(self) -> None:
        most = MOST_DAYS if self.kind is CouponKind.DAYS else 99
        if not 1 <= self.value <= most:
            raise InvalidSelection("value", f"A coupon of {self.kind} has a value from 1 to {most}, not {self.value}")
        if (self.periods is not None) != (self.kind is CouponKind.PERCENT_PERIODS):
            raise InvalidSelection(
                "periods", "A coupon of percent_periods needs a number of periods, and others have none"
            )
        if self.periods is not None and not 1 <= self.periods <= MOST_PERIODS:
            raise InvalidSelection("periods", f"Give from 1 to {MOST_PERIODS} periods, not {self.periods}")
        if self.max_uses is not None and not 1 <= self.max_uses <= MOST_USES:
            raise InvalidSelection("max_uses", f"Give from 1 to {MOST_USES} uses, not {self.max_uses}")
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise InvalidSelection("valid_until", "A coupon is valid for some time: its end is after its beginning")

    def require_valid(self, now: datetime) -> None:
        """Check that it can be redeemed now.

        Raises:
            InvalidSelection: it is disabled, not valid yet, or expired.
        """
        if self.disabled_at is not None or now < self.valid_from:
            raise InvalidSelection("coupon", f"There is no coupon {self.code}")
        if self.valid_until is not None and now >= self.valid_until:
            raise InvalidSelection("coupon", f"The coupon {self.code} has expired")

    def require_left(self, uses: int) -> None:
        """Check that another customer may use it.

        Args:
            uses: by others, those included whose payment is under way.

        Raises:
            InvalidSelection: it is used up.
        """
        if self.max_uses is not None and uses >= self.max_uses:
            raise InvalidSelection("coupon", f"The coupon {self.code} has been used up")

    def applied(self, purchase: Purchase) -> Purchase:
        """A purchase with what the coupon gives.

        Raises:
            InvalidSelection: it is for other packages.
        """
        plan = purchase.plan
        if self.packages and plan.selection.package_id not in self.packages:
            raise InvalidSelection("coupon", f"The coupon {self.code} is not for this choice")
        if self.kind is CouponKind.DAYS:
            return evolve(purchase, coupon=self.code, free_days=self.value)
        discount = Discount(
            code=self.code,
            percent=self.value,
            amount=Money.zero(plan.price.currency),
            periods=self.periods,
            packages=self.packages,
        )
        return evolve(purchase, coupon=self.code, plan=plan.discounted(discount))


@frozen(kw_only=True)
class CouponUse:
    """A customer's use of a coupon, once per customer.

    Args:
        order_id: of the payment that redeems it.
        reserved_until: until when it is kept for that payment.
        used_at: when it was paid; None before.
    """

    code: str
    tenant_id: str
    order_id: str
    reserved_until: datetime
    used_at: datetime | None = None
