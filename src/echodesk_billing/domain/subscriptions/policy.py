"""The renewal policy: when charges start, when they are retried, when the customer is reminded."""

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
        ahead: how long before a period its charge starts.
        ask_ahead: how long before a period its customer is asked to pay it, where no card can be charged.
        retries: when a charge is retried, counted from the first decline.
        grace: how long access lasts after the paid period while a payment is owed.
        reminders: how long before an expiry the customer is reminded; the last of them also announces a charge.
        unpaid_reminders: how long before access ends a customer who owes a payment is reminded.
        trial: how long a trial lasts; none where zero.
        suspends_contested: whether a payment that is refunded or disputed at the bank ends the access that it paid.

    Source: docs/retries.md.
    """

    ahead: timedelta = timedelta(0)
    ask_ahead: timedelta = timedelta(0)
    retries: tuple[timedelta, ...] = field(
        default=(timedelta(hours=4), timedelta(days=3), timedelta(days=7)), converter=_earliest_first
    )
    grace: timedelta = timedelta(days=7)
    reminders: tuple[timedelta, ...] = field(default=(timedelta(days=3), timedelta(days=7)), converter=_earliest_first)
    unpaid_reminders: tuple[timedelta, ...] = field(
        default=(timedelta(days=1), timedelta(days=3)), converter=_earliest_first
    )
    trial: timedelta = timedelta(0)
    suspends_contested: bool = False

    def begins(self, start: datetime, *, chargeable: bool) -> datetime:
        """When the period that begins at `start` is charged, or its customer asked.

        Args:
            chargeable: whether the saved card may be charged for it.
        """
        return start - (self.ahead if chargeable else max(self.ahead, self.ask_ahead))

    def next_try(self, first_failed_at: datetime, failures: int, now: datetime, advice: RetryAdvice) -> datetime | None:
        """When a declined charge is retried: None where a retry cannot help, or no retries are left.

        Retries that were missed because no worker ran are skipped.
        """
        if not advice.allows_retry:
            return None
        moments = (first_failed_at + delay for delay in self.retries[failures - 1 :])
        return next((moment for moment in moments if moment > now), None)

    def reminders_before(self, expiry: datetime) -> list[tuple[datetime, int]]:
        """The reminder times of an expiry, latest first, with the days left."""
        return _before(expiry, self.reminders)

    def unpaid_reminders_before(self, end: datetime) -> list[tuple[datetime, int]]:
        """The reminder times of an end of access for want of a payment, latest first, with the days left."""
        return _before(end, self.unpaid_reminders)


def _before(moment: datetime, spans: tuple[timedelta, ...]) -> list[tuple[datetime, int]]:
    return [(moment - span, span.days) for span in spans]


def reminder(
    moments: list[tuple[datetime, int]], expiry: datetime, since: datetime | None, now: datetime
) -> int | None:
    """The due reminder of `expiry`, as days left; each of them is due once.

    Args:
        moments: when it is reminded of, latest first, with the days left.
        since: when reminders were last processed.

    Returns:
        The smallest number of days that became due since; None where none did, or `expiry` has passed.
    """
    if now >= expiry:
        return None
    came = [(moment, days) for moment, days in moments if moment <= now]
    if not came or (since is not None and came[0][0] <= since):
        return None
    return came[0][1]
