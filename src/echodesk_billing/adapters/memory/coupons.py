"""Coupons, and which customers used them, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.subscriptions.coupons import Coupon, CouponUse


class MemoryCoupons:
    def __init__(self, memory: Contents) -> None:
        self._coupons, self._uses = memory.coupons, memory.coupon_uses

    def add(self, coupon: Coupon) -> bool:
        is_new = coupon.code not in self._coupons
        self._coupons.setdefault(coupon.code, coupon)
        return is_new

    def get(self, code: str) -> Coupon | None:
        return self._coupons.get(code)

    def lock(self, code: str) -> Coupon | None:
        return self._coupons.get(code)

    def disable(self, code: str, at: datetime) -> None:
        self._coupons[code] = evolve(self._coupons[code], disabled_at=at)

    def listed(self, after: str, limit: int) -> Sequence[Coupon]:
        chosen = [self._coupons[code] for code in sorted(self._coupons) if code > after][:limit]
        return [evolve(one, uses=sum(1 for use in self._of(one.code) if use.used_at)) for one in chosen]

    def uses(self, code: str, but: str, now: datetime) -> int:
        others = (use for use in self._of(code) if use.tenant_id != but)
        return sum(1 for use in others if use.used_at or use.reserved_until > now)

    def use_of(self, code: str, tenant_id: str) -> CouponUse | None:
        return self._uses.get((code, tenant_id))

    def keep(self, use: CouponUse, now: datetime) -> None:
        for one in self._of(use.code):
            if one.used_at is None and one.reserved_until <= now:
                self.drop(one)
        self._uses[use.code, use.tenant_id] = use

    def drop(self, use: CouponUse) -> None:
        del self._uses[use.code, use.tenant_id]

    def _of(self, code: str) -> list[CouponUse]:
        return [use for use in self._uses.values() if use.code == code]
