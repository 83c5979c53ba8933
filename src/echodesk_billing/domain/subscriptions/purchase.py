"""What an order is to pay, and what a change of plan would do: values."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.orders.purpose import Purpose


@frozen(kw_only=True)
class Purchase:
    """What an order is to pay: a plan, for a period, and how it comes into force."""

    purpose: Purpose
    plan: Plan
    period: int


@frozen(kw_only=True)
class Preview:
    """What an upgrade or a change would do, were it paid or scheduled at once.

    Args:
        plan: the new one.
        is_immediate: it costs more and is paid now; otherwise it holds from the next period.
        effective_at: when it comes into force.
        extra_days: what the unused value of the old plan becomes.
        paid_until: the end of what is paid then.
        replaces: scheduled changes that will not happen then, each with when it would have.
    """

    plan: Plan
    is_immediate: bool
    effective_at: datetime
    extra_days: int
    paid_until: datetime
    replaces: tuple[tuple[Plan, datetime], ...] = ()
