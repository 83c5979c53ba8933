"""Calendar months from an anchor that never moves."""

import calendar
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echodesk_billing.domain.calendar import days_after, months_after, period, period_at
from echodesk_billing.domain.subscriptions.payments import take_payment
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term
from tests.builders import an_order

TBILISI = "Asia/Tbilisi"
ZONES = [TBILISI, "Europe/Berlin", "America/New_York", "UTC", "Australia/Lord_Howe"]


def local(moment: datetime, zone: str = TBILISI) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def test_the_31st_is_followed_by_the_last_of_february_and_the_31st_again() -> None:
    anchor = datetime(2026, 1, 31, 6, tzinfo=UTC)
    assert [local(months_after(anchor, n, TBILISI)) for n in range(4)] == [
        "2026-01-31 10:00",
        "2026-02-28 10:00",
        "2026-03-31 10:00",
        "2026-04-30 10:00",
    ]


def test_a_leap_year_has_its_29th_of_february() -> None:
    assert local(months_after(datetime(2028, 1, 31, 6, tzinfo=UTC), 1, TBILISI)) == "2028-02-29 10:00"


def test_the_day_is_the_one_of_the_time_zone_not_of_utc() -> None:
    late_evening_in_utc = datetime(2026, 1, 30, 21, tzinfo=UTC)  # the 31st in Tbilisi
    assert local(months_after(late_evening_in_utc, 1, TBILISI)) == "2026-02-28 01:00"


def test_the_wall_clock_time_survives_daylight_saving() -> None:
    anchor = datetime(2026, 3, 15, 9, tzinfo=UTC)
    assert local(months_after(anchor, 1, "Europe/Berlin"), "Europe/Berlin") == "2026-04-15 10:00"


def test_days_are_those_of_the_wall_clock_and_moments_are_in_utc() -> None:
    before_summer_time = datetime(2026, 3, 28, 9, tzinfo=UTC)
    moment = days_after(before_summer_time, 2, "Europe/Berlin")
    assert moment == datetime(2026, 3, 30, 8, tzinfo=UTC)
    assert moment.tzinfo is UTC


def test_periods_meet_without_gap() -> None:
    anchor = datetime(2026, 1, 31, 6, tzinfo=UTC)
    assert period(anchor, 0, 3, TBILISI).end == period(anchor, 0, 4, TBILISI).start


def test_a_month_is_the_one_of_the_time_zone_in_summer_and_in_winter() -> None:
    begins = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)  # 01:30 in Berlin
    half_a_year_later = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)  # 01:30 in Berlin, on 1 July
    assert period_at(begins, 0, half_a_year_later, "Europe/Berlin").number == 6
    assert months_after(begins, 6, "Europe/Berlin").tzinfo is UTC


@pytest.mark.parametrize("zone", ZONES)
@given(
    anchor=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    hours=st.integers(0, 24 * 1500),
    first=st.integers(0, 40),
)
def test_every_moment_lies_in_the_period_that_is_found_for_it(
    zone: str, anchor: datetime, hours: int, first: int
) -> None:
    from datetime import timedelta  # noqa: PLC0415

    moment = anchor + timedelta(hours=hours)
    found = period_at(anchor, first, moment, zone)
    assert found.start <= moment < found.end
    assert found.number >= first


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", [28, 29, 30, 31])
def test_a_subscription_keeps_its_day_through_leap_years_and_year_ends(zone: str, day: int) -> None:
    """Paid on its last moment each month for five years: no gap, no overlap, the anchor's day or the month's last."""
    begun = datetime(2027, 1, day, 23, 30, tzinfo=ZoneInfo(zone))
    subscription = Subscription(tenant_id="acme", term=Term(time_zone=zone))
    paid_at = begun.astimezone(UTC)
    for number in range(60):
        take_payment(subscription, an_order(order_id=f"SUB-{number:012X}", period=number), paid_at)
        assert subscription.paid_until is not None
        paid_at = subscription.paid_until
        local_end = paid_at.astimezone(ZoneInfo(zone))
        month = number + 1
        year, month_of_year = 2027 + month // 12, month % 12 + 1
        last = calendar.monthrange(year, month_of_year)[1]
        assert (local_end.year, local_end.month, local_end.day) == (year, month_of_year, min(day, last))
        assert (local_end.hour, local_end.minute) == (23, 30)
    assert subscription.next_period == 60
