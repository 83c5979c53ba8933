"""Dunning: what has been tried for the period that is owed, and when it is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import evolve, frozen

from echodesk_billing.domain.orders.response_codes import RetryAdvice
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy


@frozen(kw_only=True)
class Dunning:
    """The tries to be paid for one period.

    Args:
        charged_period: the period whose automatic charge is under way.
        asked_period: the period for which the customer was asked to come and pay.
        failures: how many charges of the present period were declined.
        first_failed_at: when the first of them was.
        retry_at: when the next is made.
    """

    charged_period: int | None = None
    asked_period: int | None = None
    failures: int = 0
    first_failed_at: datetime | None = None
    retry_at: datetime | None = None

    def is_waiting_for(self, period: int) -> bool:
        """Whether an answer of the bank, or of the customer, is awaited for a period."""
        return period in (self.charged_period, self.asked_period)

    def charging(self, period: int) -> Dunning:
        """An automatic charge of the period is under way."""
        return evolve(self, charged_period=period, retry_at=None)

    def not_charging(self) -> Dunning:
        """No automatic charge is under way any more."""
        return evolve(self, charged_period=None)

    def asked(self, period: int) -> Dunning:
        """The customer was asked to pay the period."""
        return evolve(self, asked_period=period, retry_at=None)

    def declined(self, policy: RenewalPolicy, advice: RetryAdvice, at: datetime) -> Dunning:
        """The charge was declined: it is tried again as the policy and the code's advice say."""
        first, failures = self.first_failed_at or at, self.failures + 1
        retry_at = policy.next_try(first, failures, at, advice)
        return evolve(self, charged_period=None, failures=failures, first_failed_at=first, retry_at=retry_at)

    def given_up(self) -> Dunning:
        """It is not tried again."""
        return evolve(self, retry_at=None)

    def access_until(self, paid_until: datetime, grace: timedelta) -> datetime:
        """When access ends unless the period is paid: the grace counts from the first decline where that came late."""
        return max(paid_until, self.first_failed_at or paid_until) + grace
