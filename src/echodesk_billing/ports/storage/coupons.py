"""Coupons, and which customers used them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.subscriptions.coupons import Coupon, CouponUse


class Coupons(Protocol):
    """Coupons, and which customers used them."""

    def add(self, coupon: Coupon) -> bool:
        """Store a new one; False where the code exists."""
        ...

    def get(self, code: str) -> Coupon | None:
        """One by its code."""
        ...

    def lock(self, code: str) -> Coupon | None:
        """One by its code, locked until the transaction ends, so that its uses cannot change."""
        ...

    def disable(self, code: str, at: datetime) -> None:
        """Note that it cannot be redeemed from now on."""
        ...

    def listed(self, after: str, limit: int) -> Sequence[Coupon]:
        """Coupons after a code, in the order of their codes, with how many customers used each."""
        ...

    def uses(self, code: str, but: str, now: datetime) -> int:
        """How many customers have used it, or are about to.

        Args:
            but: the customer who is not counted.
        """
        ...

    def use_of(self, code: str, tenant_id: str) -> CouponUse | None:
        """A customer's use of it."""
        ...

    def keep(self, use: CouponUse, now: datetime) -> None:
        """Store a customer's use, in place of an earlier one; reservations that are over are deleted."""
        ...

    def drop(self, use: CouponUse) -> None:
        """Delete a reservation whose payment failed."""
        ...
