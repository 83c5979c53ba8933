"""The parts of a subscription, each by itself: its term, its plans, and its dunning."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from echodesk_billing.domain.orders.response_codes import RetryAdvice
from echodesk_billing.domain.subscriptions.dunning import Dunning
from echodesk_billing.domain.subscriptions.plans import PlanChange, Plans
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.term import Term
from tests.builders import NOW, a_plan

TERM = Term(time_zone="Asia/Tbilisi", anchor=NOW, next_period=1)  # from 31 January 2026, one month paid
SMALL, LARGE, FLAT = a_plan(1, 2), a_plan(1, 8), a_plan(2)
POLICY = RenewalPolicy(retries=(timedelta(hours=4), timedelta(days=3)))


def moment(month: int, day: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, 9, 30, tzinfo=UTC)


class TestTerm:
    def test_a_term_has_no_end_before_it_has_begun(self) -> None:
        assert not Term(time_zone="UTC").has_begun
        with pytest.raises(AssertionError):
            _ = Term(time_zone="UTC").end

    def test_periods_are_months_counted_from_the_anchor(self) -> None:
        assert [TERM.period(number).start for number in range(4)] == [NOW, moment(2, 28), moment(3, 31), moment(4, 30)]
        assert [TERM.number_at(at) for at in (NOW, moment(2, 27), moment(2, 28), moment(4, 1))] == [0, 0, 1, 2]

    def test_paying_a_period_moves_the_end_and_not_the_anchor(self) -> None:
        paid = TERM.paid_through(1)
        assert (TERM.end, paid.end, paid.anchor) == (moment(2, 28), moment(3, 31), NOW)

    def test_periods_that_passed_unpaid_are_skipped(self) -> None:
        assert TERM.paid_through(3).end == moment(5, 31)

    def test_a_new_anchor_goes_on_with_the_numbers_of_the_periods(self) -> None:
        moved = TERM.anchored(moment(6, 15))
        assert (moved.period(1).start, moved.paid_through(1).end) == (moment(6, 15), moment(7, 15))
        assert TERM.anchored(moment(6, 15), next_period=4).period(4).start == moment(6, 15)

    def test_days_are_those_of_the_tenants_calendar(self) -> None:
        evening = datetime(2026, 2, 10, 20, 30, tzinfo=UTC)  # after midnight in Tbilisi
        assert TERM.local_date(evening) == date(2026, 2, 11)
        assert TERM.period_after(NOW, 1, days=1) == moment(3, 1)


class TestPlans:
    def test_a_scheduled_plan_holds_from_its_period_on(self) -> None:
        plans = Plans(plan=LARGE).schedule(PlanChange(period=3, plan=SMALL, is_more=False))
        assert [plans.of_period(number) for number in (2, 3, 9)] == [LARGE, SMALL, SMALL]
        assert plans.latest == SMALL

    def test_an_upgrade_does_not_hold_before_its_period_is_paid(self) -> None:
        plans = Plans(plan=SMALL).schedule(PlanChange(period=3, plan=LARGE))
        assert plans.at_period(3, next_period=3) == SMALL
        assert plans.at_period(3, next_period=4) == LARGE

    def test_changes_take_effect_in_order_and_are_emitted_once(self) -> None:
        plans = Plans(plan=LARGE)
        for period, plan in ((2, SMALL), (3, FLAT)):
            plans = plans.schedule(PlanChange(period=period, plan=plan, is_more=False))
        begun, named = plans.begin(2, next_period=2)
        assert (begun.plan, [one.period for one in begun.changes], named) == (SMALL, [3], [SMALL])
        assert plans.begin(5, next_period=2) == (Plans(plan=FLAT), [SMALL, FLAT])

    def test_an_unpaid_upgrade_delays_later_changes(self) -> None:
        plans = Plans(plan=SMALL).schedule(PlanChange(period=2, plan=LARGE))
        plans = plans.schedule(PlanChange(period=3, plan=FLAT, is_more=False))
        assert plans.begin(3, next_period=2) == (plans, [])

    def test_a_paid_plan_postpones_the_change_scheduled_for_its_period(self) -> None:
        plans = Plans(plan=LARGE).schedule(PlanChange(period=2, plan=SMALL, is_more=False)).hold(FLAT, 2)
        assert [(one.period, one.plan) for one in plans.changes] == [(2, FLAT), (3, SMALL)]

    def test_a_change_for_a_replaced_period_is_dropped(self) -> None:
        plans = Plans(plan=LARGE)
        for period, plan in ((2, SMALL), (3, LARGE)):
            plans = plans.schedule(PlanChange(period=period, plan=plan, is_more=False))
        assert [(one.period, one.plan) for one in plans.hold(FLAT, 2).changes] == [(2, FLAT), (3, LARGE)]

    def test_changes_are_dropped_from_a_period_on(self) -> None:
        plans = Plans(plan=LARGE)
        for period, plan in ((2, SMALL), (4, FLAT)):
            plans = plans.schedule(PlanChange(period=period, plan=plan, is_more=False))
        assert [one.plan for one in plans.from_period(3)] == [FLAT]
        assert plans.before_period(3).latest == SMALL


class TestDunning:
    def test_a_decline_is_retried_by_the_policy(self) -> None:
        first = Dunning(charged_period=1).declined(POLICY, RetryAdvice.LATER, NOW)
        assert (first.charged_period, first.failures, first.retry_at) == (None, 1, NOW + timedelta(hours=4))
        second = first.charging(1).declined(POLICY, RetryAdvice.LATER, NOW + timedelta(hours=4))
        assert (second.first_failed_at, second.retry_at) == (NOW, NOW + timedelta(days=3))
        third = second.declined(POLICY, RetryAdvice.LATER, NOW + timedelta(days=3))
        assert (third.failures, third.retry_at) == (3, None)

    def test_a_decline_that_no_retry_can_help_is_not_retried(self) -> None:
        assert Dunning().declined(POLICY, RetryAdvice.NEW_CARD, NOW).retry_at is None

    def test_dunning_waits_for_the_period_that_is_charged_or_requested(self) -> None:
        assert Dunning().charging(2).is_waiting_for(2)
        assert Dunning().asked(2).is_waiting_for(2)
        assert not Dunning().asked(2).is_waiting_for(3)
        assert not Dunning().charging(2).not_charging().is_waiting_for(2)

    def test_charging_and_asking_end_the_wait_for_a_retry(self) -> None:
        waiting = Dunning(retry_at=NOW)
        assert [one.retry_at for one in (waiting.charging(1), waiting.asked(1), waiting.given_up())] == [None] * 3

    def test_grace_counts_from_the_end_of_the_paid_time_or_from_a_decline_after_it(self) -> None:
        week = timedelta(days=7)
        assert Dunning().access_until(NOW, week) == NOW + week
        assert Dunning(first_failed_at=NOW - week).access_until(NOW, week) == NOW + week
        late = NOW + timedelta(days=2)
        assert Dunning(first_failed_at=late).access_until(NOW, week) == late + week
