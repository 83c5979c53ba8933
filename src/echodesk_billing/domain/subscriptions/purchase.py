"""Values: what an order pays, and the effect of a change of plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from echodesk_billing.domain.catalogue.pricing import Plan, Selection
from echodesk_billing.domain.orders.purpose import Purpose


def chosen(package_id: int | None, features: Sequence[str], seats: int = 1, interval: int = 1) -> Selection | None:
    """What was chosen; None where nothing was, which means what the tenant has.

    Raises:
        InvalidSelection: the number of seats or months is not possible.
    """
    if package_id is None and not features:
        return None
    return Selection(package_id=package_id, features=features, seats=seats, interval=interval)


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
