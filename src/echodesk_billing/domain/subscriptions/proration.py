"""Proration: the value of unused paid time, and how many days of another plan it buys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from math import ceil

from attrs import frozen

from echodesk_billing.domain import calendar
from echodesk_billing.domain.calendar import Period
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.subscriptions.term import Term

_SHORTEST_MONTH_DAYS = 28


@frozen(kw_only=True)
class PaidPeriod:
    """Time that has a value, which goes down evenly until it has passed.

    Args:
        period: its number; of days before an anchor, that of the period before.
        amount: what was paid for it, net of the bank's discount; zero for complimentary time.
        begins: None in subscriptions of older versions; then it is the period of the term, like `ends`.
    """

    period: int
    amount: Money
    begins: datetime | None = None
    ends: datetime | None = None

    def left_at(self, moment: datetime) -> Fraction:
        """Its exact value at a moment, in minor units."""
        if self.begins is None or self.ends is None:
            raise AssertionError(f"the bounds of period {self.period} are not known")
        return Period(self.period, self.begins, self.ends).left_at(moment) * self.amount.minor


def unused_value(paid: Iterable[tuple[Period, Money]], moment: datetime) -> Fraction:
    """The exact unused value of paid periods at `moment`, in minor units.

    Args:
        paid: periods with the price that was paid for each.
    """
    return sum((period.left_at(moment) * price.minor for period, price in paid), Fraction(0))


def extra_days(value: Fraction, price: Money, moment: datetime, time_zone: str, months: int = 1) -> int:
    """The fewest whole days from `moment` that are worth at least `value` at `price` for `months` months.

    The days precede an anchor and are valued as periods counted backwards from it. Unused value is therefore
    never lost, and never grows by a day or more however often plans are changed.

    Args:
        value: minor units, of the price's currency.

    Source: docs/subscriptions.md, "Changing the plan".
    """
    days = int(value / price.minor * _SHORTEST_MONTH_DAYS * months)
    while _worth(moment, calendar.days_after(moment, days, time_zone), price, time_zone, months) < value:
        days += 1
    return days


def given(period: int, begins: datetime, ends: datetime, price: Money, time_zone: str, months: int = 1) -> PaidPeriod:
    """Days that were given, with the value that they have at `price` for `months` months."""
    value = _worth(begins, ends, price, time_zone, months)
    return PaidPeriod(period=period, amount=Money.from_minor(ceil(value), price.currency), begins=begins, ends=ends)


def _worth(moment: datetime, anchor: datetime, price: Money, time_zone: str, months: int) -> Fraction:
    """The value of the time from a moment to an anchor, counted backwards from it."""
    term = Term(time_zone=time_zone, anchor=anchor).of(months)
    before = [(term.period(number), price) for number in range(term.number_at(moment), 0)]
    return unused_value(before, moment)
