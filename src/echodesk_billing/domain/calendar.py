"""Calendar months counted from an anchor that never moves."""

from __future__ import annotations

import calendar
import functools
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from attrs import frozen


@frozen
class Period:
    """One month: `start` is included, `end` is not."""

    number: int
    start: datetime
    end: datetime

    def left_at(self, moment: datetime) -> Fraction:
        """The fraction of it that is left at `moment`: 1 before its start, 0 after its end."""
        left = self.end - min(max(self.start, moment), self.end)
        return Fraction(left // _TICK, (self.end - self.start) // _TICK)


_TICK = timedelta(microseconds=1)


def local_date(moment: datetime, time_zone: str) -> date:
    """The calendar day of an aware datetime in `time_zone`, an IANA name."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def start_of_day(day: date, time_zone: str) -> datetime:
    """The moment in UTC at which a calendar day begins in `time_zone`, an IANA name."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


@functools.lru_cache(maxsize=1024)
def months_after(anchor: datetime, months: int, time_zone: str) -> datetime:
    """The time `months` calendar months after `anchor`, at the same wall-clock time in `time_zone`.

    The day is the anchor's, or the month's last where the month is shorter, so 31 January is followed by
    28 February and then by 31 March.

    Args:
        anchor: an aware datetime.
        months: how many months later; counted from the anchor, never from another period.
        time_zone: an IANA name such as `Asia/Tbilisi`.

    Returns:
        The moment in UTC.
    """
    local = anchor.astimezone(ZoneInfo(time_zone))
    index = local.year * 12 + local.month - 1 + months
    year, month = index // 12, index % 12 + 1
    day = min(local.day, calendar.monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day).astimezone(UTC)


def period(anchor: datetime, anchor_period: int, number: int, time_zone: str) -> Period:
    """Period `number`, where `anchor` is the start of period `anchor_period`."""
    months = number - anchor_period
    return Period(
        number=number,
        start=months_after(anchor, months, time_zone),
        end=months_after(anchor, months + 1, time_zone),
    )


def period_at(anchor: datetime, anchor_period: int, moment: datetime, time_zone: str) -> Period:
    """The period that contains `moment`; before `anchor` periods are counted backwards from it."""
    zone = ZoneInfo(time_zone)
    start, local = anchor.astimezone(zone), moment.astimezone(zone)
    months = (local.year - start.year) * 12 + local.month - start.month
    found = period(anchor, anchor_period, anchor_period + months, time_zone)
    return found if found.start <= moment else period(anchor, anchor_period, found.number - 1, time_zone)


def days_after(moment: datetime, days: int, time_zone: str) -> datetime:
    """The moment `days` calendar days after `moment`, at the same wall-clock time in `time_zone`, in UTC."""
    return (moment.astimezone(ZoneInfo(time_zone)) + timedelta(days=days)).astimezone(UTC)
