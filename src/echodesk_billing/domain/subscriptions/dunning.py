"""Dunning: attempts to collect the owed period, and the next retry."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import evolve, frozen

from echodesk_billing.domain.orders.response_codes import RetryAdvice
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy


@frozen(kw_only=True)
class Dunning:
    """The attempts to collect one period.

    Args:
        charged_period: the period whose automatic charge is in progress.
        asked_period: the period that the customer was asked to pay.
        failures: declined charges of the current period.
        first_failed_at: when the first one was declined.
        retry_at: when the next attempt is made.
    """

    charged_period: int | None = None
    asked_period: int | None = None
    failures: int = 0
    first_failed_at: datetime | None = None
    retry_at: datetime | None = None

    def is_waiting_for(self, period: int) -> bool:
        """Whether the bank's or the customer's answer is pending for a period."""
        return period in (self.charged_period, self.asked_period)

    def began_after(self, moment: datetime) -> bool:
        """Whether nobody tried to collect the period before `moment`, and somebody has tried since."""
        return self.first_failed_at is not None and self.first_failed_at >= moment

    def charging(self, period: int) -> Dunning:
        """An automatic charge of the period has started."""
        return evolve(self, charged_period=period, retry_at=None)

    def not_charging(self) -> Dunning:
        """The automatic charge is no longer in progress."""
        return evolve(self, charged_period=None)

    def asked(self, period: int) -> Dunning:
        """The customer was asked to pay the period."""
        return evolve(self, asked_period=period, retry_at=None)

    def declined(self, policy: RenewalPolicy, advice: RetryAdvice, at: datetime) -> Dunning:
        """The charge was declined; plan a retry by the policy and the code's advice."""
        first, failures = self.first_failed_at or at, self.failures + 1
        retry_at = policy.next_try(first, failures, at, advice)
        return evolve(self, charged_period=None, failures=failures, first_failed_at=first, retry_at=retry_at)

    def given_up(self) -> Dunning:
        """There are no more retries."""
        return evolve(self, retry_at=None)

    def access_until(self, paid_until: datetime, grace: timedelta) -> datetime:
        """When access ends unless the period is paid: a late first decline extends the grace."""
        return max(paid_until, self.first_failed_at or paid_until) + grace
