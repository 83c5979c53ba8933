"""How a subscription renews itself: when it starts, when a decline is tried again, when the customer is reminded."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import field, frozen

from echodesk_billing.domain.orders.response_codes import RetryAdvice


def _earliest_first(value: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    return tuple(sorted(value))


@frozen(kw_only=True)
class RenewalPolicy:
    """The settings of renewals.

    Args:
        ahead: how long before a period begins its charge is started.
        retries: how long after the first decline a charge is tried again.
        grace: how long access outlives the paid period while a payment is owed.
        reminders: how long before something expires the customer is reminded.
        trial: how long a trial lasts; none where zero.

    Source: docs/retries.md.
    """

    ahead: timedelta = timedelta(0)
    retries: tuple[timedelta, ...] = field(
        default=(timedelta(hours=4), timedelta(days=3), timedelta(days=7)), converter=_earliest_first
    )
    grace: timedelta = timedelta(days=7)
    reminders: tuple[timedelta, ...] = field(default=(timedelta(days=3), timedelta(days=7)), converter=_earliest_first)
    trial: timedelta = timedelta(0)

    def next_try(self, first_failed_at: datetime, failures: int, now: datetime, advice: RetryAdvice) -> datetime | None:
        """When a declined charge is tried again: None where that cannot help, or the tries have run out.

        Tries that were missed, because no worker ran, are not made up for.
        """
        if not advice.allows_retry:
            return None
        moments = (first_failed_at + delay for delay in self.retries[failures - 1 :])
        return next((moment for moment in moments if moment > now), None)

    def reminders_before(self, expiry: datetime) -> list[tuple[datetime, int]]:
        """When to remind of an expiry, latest first, and how many days are left then."""
        return [(expiry - before, before.days) for before in self.reminders]


def reminder(policy: RenewalPolicy, expiry: datetime, since: datetime | None, now: datetime) -> int | None:
    """How many days before `expiry` the customer is to be reminded of it now, once for each of the policy's days.

    Args:
        since: up to when reminders were looked at before.

    Returns:
        The fewest of the days whose moment has come since; None where none has, or `expiry` has passed.
    """
    if now >= expiry:
        return None
    came = [(moment, days) for moment, days in policy.reminders_before(expiry) if moment <= now]
    if not came or (since is not None and came[0][0] <= since):
        return None
    return came[0][1]
