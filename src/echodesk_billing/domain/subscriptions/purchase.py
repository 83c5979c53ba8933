"""Values: what an order pays, and the effect of a change of plan."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.orders.purpose import Purpose


@frozen(kw_only=True)
class Purchase:
    """What an order pays: a plan, its period, and how it takes effect.

    Args:
        coupon: the code that it redeems; empty without one.
        free_days: days at the start that the coupon gives.
    """

    purpose: Purpose
    plan: Plan
    period: int
    coupon: str = ""
    free_days: int = 0


@frozen(kw_only=True)
class Preview:
    """The effect of an upgrade or a change, if it were paid or scheduled now.

    Args:
        plan: the new one.
        is_immediate: it costs more and is paid now; otherwise it takes effect with the next period.
        effective_at: when it takes effect.
        extra_days: days bought by the unused value of the old plan, and those of a coupon.
        free_days: those of a coupon.
        paid_until: the end of the paid time after the change.
        replaces: scheduled changes that it replaces, each with its effective time.
    """

    plan: Plan
    is_immediate: bool
    effective_at: datetime
    extra_days: int
    paid_until: datetime
    replaces: tuple[tuple[Plan, datetime], ...] = ()
    free_days: int = 0
