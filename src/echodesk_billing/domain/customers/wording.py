"""How days and moments are written in the languages of customers."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

_MONTHS = {
    "en": "January,February,March,April,May,June,July,August,September,October,November,December",
    "ru": "января,февраля,марта,апреля,мая,июня,июля,августа,сентября,октября,ноября,декабря",
}


def day(moment: datetime, language: str, time_zone: str) -> str:
    """A day: `25 December 2026`, `25 декабря 2026`; in Georgian `25.12.2026`, which takes any ending.

    Args:
        language: `ka`, `en` or `ru`.
        time_zone: an IANA name.
    """
    local = moment.astimezone(ZoneInfo(time_zone))
    if language not in _MONTHS:
        return f"{local:%d.%m.%Y}"
    return f"{local.day} {_MONTHS[language].split(',')[local.month - 1]} {local.year}"


def moment_in(moment: datetime, language: str, time_zone: str) -> str:
    """A day and the time of day, such as `25 December 2026, 14:05`."""
    return f"{day(moment, language, time_zone)}, {moment.astimezone(ZoneInfo(time_zone)):%H:%M}"
