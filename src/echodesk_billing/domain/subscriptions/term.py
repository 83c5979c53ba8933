"""The term of a subscription: its periods, counted from an anchor, and how many of them are paid."""

from __future__ import annotations

from datetime import date, datetime

from attrs import evolve, frozen

from echodesk_billing.domain import calendar
from echodesk_billing.domain.calendar import Period


@frozen(kw_only=True)
class Term:
    """Calendar months counted from an anchor, and the first unpaid one.

    Period numbers increase over the tenant's whole life and are never reused.

    Args:
        time_zone: of the calendar months, an IANA name.
        anchor: start of period `anchor_period`; moves only with an upgrade or a new start. None until the first
            payment or trial.
        next_period: number of the first unpaid period.
    """

    time_zone: str
    anchor: datetime | None = None
    anchor_period: int = 0
    next_period: int = 0

    @property
    def has_begun(self) -> bool:
        """Whether there has been a payment or a trial."""
        return self.anchor is not None

    @property
    def end(self) -> datetime:
        """The end of the last paid period, or of the trial."""
        return self.period(self.next_period - 1).end

    def period(self, number: int) -> Period:
        """A period by its number."""
        return calendar.period(self._begun(), self.anchor_period, number, self.time_zone)

    def number_at(self, moment: datetime) -> int:
        """The number of the period that contains `moment`."""
        return calendar.period_at(self._begun(), self.anchor_period, moment, self.time_zone).number

    def paid_through(self, number: int) -> Term:
        """The term once period `number` is paid."""
        return evolve(self, next_period=number + 1)

    def anchored(self, anchor: datetime, next_period: int | None = None) -> Term:
        """The term whose next period begins at a new anchor.

        Args:
            next_period: the number of that period; the next unpaid one where None.
        """
        number = self.next_period if next_period is None else next_period
        return evolve(self, anchor=anchor, anchor_period=number, next_period=number)

    def month_after(self, moment: datetime, days: int = 0) -> datetime:
        """The end of the month that begins `days` days after `moment`."""
        return calendar.months_after(self.days_after(moment, days), 1, self.time_zone)

    def days_after(self, moment: datetime, days: int) -> datetime:
        """`days` calendar days after `moment`."""
        return calendar.days_after(moment, days, self.time_zone)

    def local_date(self, moment: datetime) -> date:
        """The calendar day of a moment in the term's time zone."""
        return calendar.local_date(moment, self.time_zone)

    def _begun(self) -> datetime:
        if self.anchor is None:
            raise AssertionError("a term without an anchor has no periods")
        return self.anchor
