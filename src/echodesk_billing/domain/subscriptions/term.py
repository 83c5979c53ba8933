"""The term of a subscription: its periods, counted from an anchor, and how many of them are paid."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime

from attrs import evolve, frozen

from echodesk_billing.domain import calendar
from echodesk_billing.domain.calendar import Period


@frozen
class Span:
    """From period `first`, each has `months` months, until the next span."""

    first: int
    months: int


@frozen(kw_only=True)
class Term:
    """Periods of calendar months counted from an anchor, and the first unpaid one.

    Period numbers increase over the tenant's whole life and are never reused.

    Args:
        time_zone: of the calendar months, an IANA name.
        anchor: start of period `anchor_period`; moves only with an upgrade or a new start. None until the first
            payment or trial.
        next_period: number of the first unpaid period.
        spans: how long the periods are, earliest first; none where all have one month.

    Source: docs/subscriptions.md, docs/adr/0036-intervals.md.
    """

    time_zone: str
    anchor: datetime | None = None
    anchor_period: int = 0
    next_period: int = 0
    spans: tuple[Span, ...] = ()

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
        return Period(number=number, start=self._start(number), end=self._start(number + 1))

    def end_of(self, number: int, months: int) -> datetime:
        """The end of a period, if it had `months` months."""
        return calendar.months_after(self._begun(), self._months_before(number) + months, self.time_zone)

    def number_at(self, moment: datetime) -> int:
        """The number of the period that contains `moment`."""
        elapsed = calendar.period_at(self._begun(), 0, moment, self.time_zone).number
        passed, first, months = 0, self.anchor_period, self._first_months
        for span in self.spans[1:]:
            until = passed + (span.first - first) * months
            if elapsed < until:
                break
            passed, first, months = until, span.first, span.months
        return first + (elapsed - passed) // months

    def paid_through(self, number: int) -> Term:
        """The term once period `number` is paid."""
        return evolve(self, next_period=number + 1)

    def anchored(self, anchor: datetime, next_period: int | None = None) -> Term:
        """The term whose next period begins at a new anchor.

        Args:
            next_period: the number of that period; the next unpaid one where None.
        """
        number = self.next_period if next_period is None else next_period
        return evolve(self, anchor=anchor, anchor_period=number, next_period=number, spans=())

    def of(self, months: int) -> Term:
        """The term with periods of `months` months from its anchor."""
        return self.with_spans((), ((self.anchor_period, months),), 1)

    def with_spans(self, removed: Collection[int], added: Iterable[tuple[int, int]], first_months: int) -> Term:
        """The term after a change of the plans.

        Args:
            removed: the periods from which changes no longer hold.
            added: periods and their months from then on.
            first_months: of the periods since the anchor, where nothing else says how long they are.
        """
        months = {self.anchor_period: first_months}
        months |= {span.first: span.months for span in self.spans if span.first not in removed}
        months |= dict(added)
        spans: list[Span] = []
        for first in sorted(months):
            if not spans or spans[-1].months != months[first]:
                spans.append(Span(first, months[first]))
        is_monthly = len(spans) == 1 and spans[0].months == 1
        return evolve(self, spans=() if is_monthly else tuple(spans))

    def period_after(self, moment: datetime, months: int, days: int = 0) -> datetime:
        """The end of the period of `months` months that begins `days` days after `moment`."""
        return calendar.months_after(self.days_after(moment, days), months, self.time_zone)

    def days_after(self, moment: datetime, days: int) -> datetime:
        """`days` calendar days after `moment`."""
        return calendar.days_after(moment, days, self.time_zone)

    def local_date(self, moment: datetime) -> date:
        """The calendar day of a moment in the term's time zone."""
        return calendar.local_date(moment, self.time_zone)

    @property
    def _first_months(self) -> int:
        return self.spans[0].months if self.spans else 1

    def _start(self, number: int) -> datetime:
        return calendar.months_after(self._begun(), self._months_before(number), self.time_zone)

    def _months_before(self, number: int) -> int:
        """The months between the anchor and the start of a period."""
        passed, first, months = 0, self.anchor_period, self._first_months
        for span in self.spans[1:]:
            if span.first >= number:
                break
            passed += (span.first - first) * months
            first, months = span.first, span.months
        return passed + (number - first) * months

    def _begun(self) -> datetime:
        if self.anchor is None:
            raise AssertionError("a term without an anchor has no periods")
        return self.anchor
