"""Time for which nothing is charged: a pause, or a complimentary plan."""

from __future__ import annotations

from datetime import UTC, date, datetime

from attrs import frozen

from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.subscriptions.term import Term

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""Until when there is access where it has no end."""


@frozen(kw_only=True)
class Pause:
    """A pause after the paid time.

    Args:
        until: when it ends by itself; None where somebody has to resume the subscription.
        keeps_access: whether the tenant has access meanwhile.
    """

    until: datetime | None
    keeps_access: bool


@frozen(kw_only=True)
class Complimentary:
    """Time that costs nothing; `until` is None where it is for good."""

    until: datetime | None

    def holds_at(self, moment: datetime) -> bool:
        """Whether nothing is charged at a moment."""
        return self.until is None or moment < self.until


def chosen_day(term: Term, after: datetime, until: date, most_days: int) -> datetime:
    """The moment on a chosen day that is whole days after another.

    Raises:
        InvalidSelection: it is not after it, or more than `most_days` later.
    """
    first = term.local_date(after)
    days = (until - first).days
    if not 1 <= days <= most_days:
        raise InvalidSelection(
            "until", f"{until} cannot be chosen: give a day from 1 to {most_days} days after {first}"
        )
    return term.days_after(after, days)
