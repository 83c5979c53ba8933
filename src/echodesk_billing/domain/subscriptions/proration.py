"""Proration: the value of unused paid time, and how many days of another plan it buys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

from echodesk_billing.domain import calendar
from echodesk_billing.domain.calendar import Period
from echodesk_billing.domain.money import Money

_SHORTEST_MONTH_DAYS = 28


def unused_value(paid: Iterable[tuple[Period, Money]], moment: datetime) -> Fraction:
    """The exact unused value of paid periods at `moment`, in minor units.

    Args:
        paid: periods with the monthly price that was paid.
    """
    return sum((period.left_at(moment) * price.minor for period, price in paid), Fraction(0))


def extra_days(value: Fraction, price: Money, moment: datetime, time_zone: str) -> int:
    """The fewest whole days from `moment` that are worth at least `value` at `price` a month.

    The days precede an anchor and are valued as months counted backwards from it. Unused value is therefore
    never lost, and never grows by a day or more however often plans are changed.

    Args:
        value: minor units, of the price's currency.

    Source: docs/subscriptions.md, "Changing the plan".
    """
    days = int(value / price.minor * _SHORTEST_MONTH_DAYS)
    while _worth(moment, days, price, time_zone) < value:
        days += 1
    return days


def _worth(moment: datetime, days: int, price: Money, time_zone: str) -> Fraction:
    anchor = calendar.days_after(moment, days, time_zone)
    first = calendar.period_at(anchor, 0, moment, time_zone).number
    before = [(calendar.period(anchor, 0, number, time_zone), price) for number in range(first, 0)]
    return unused_value(before, moment)
