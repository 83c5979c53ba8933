"""A tenant's subscription: paid periods, access, and what is due next.

It holds a `Term` (periods), `Plans` (which plan when) and `Dunning` (collection attempts). Beside it: purchases
are in `offers`, scheduled changes in `changes`, payments in `payments`, owed periods in `renewals`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from attrs import define, evolve, field

from echodesk_billing.domain.calendar import Period
from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.errors import NoActiveSubscription
from echodesk_billing.domain.events import (
    Event,
    SubscriptionChanged,
    SubscriptionChangeDropped,
    SubscriptionPastDue,
    SubscriptionSuspended,
)
from echodesk_billing.domain.subscriptions import lifecycle, proration
from echodesk_billing.domain.subscriptions.dunning import Dunning
from echodesk_billing.domain.subscriptions.free_time import FOREVER, Complimentary, Pause
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.plans import PlanChange, Plans
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.proration import PaidPeriod
from echodesk_billing.domain.subscriptions.term import Term

_S = SubscriptionState
DEFAULT_GRACE = RenewalPolicy().grace


@define(kw_only=True)
class Subscription:
    """A tenant's subscription; there is one per tenant.

    Args:
        term: its periods and which are paid.
        grace: how long access lasts after the paid period while a payment is owed.
        plans: the current plan and scheduled changes.
        started_at: start of the current plan and anchor.
        paid: time that was paid or given, with its value, where it has not passed.
        grace_used: unpaid access after the paid time, before it was suspended or ended.
        trial_ends_at: the end of the one trial a tenant may have.
        dunning: attempts to collect the owed period.
        pause: planned for the end of the paid time, or running.
        complimentary: time that costs nothing, also once it has passed.
        tended_at: until when time-based changes have been applied.
        due_at: when it is processed next; None where only the customer can act.
        version: incremented with every stored change.

    Source: docs/subscriptions.md.
    """

    tenant_id: str
    term: Term
    grace: timedelta = DEFAULT_GRACE
    state: SubscriptionState = SubscriptionState.INCOMPLETE
    plans: Plans = field(factory=Plans)
    started_at: datetime | None = None
    paid: tuple[PaidPeriod, ...] = ()
    grace_used: timedelta = timedelta(0)
    trial_ends_at: datetime | None = None
    dunning: Dunning = field(factory=Dunning)
    pause: Pause | None = None
    complimentary: Complimentary | None = None
    tended_at: datetime | None = None
    due_at: datetime | None = None
    version: int = 0

    # Current state.

    @property
    def subject(self) -> str:
        """Its name in error messages."""
        return f"the subscription of {self.tenant_id}"

    @property
    def plan(self) -> Plan | None:
        """The current plan at its agreed price; None until the first payment or trial."""
        return self.plans.plan

    @property
    def changes(self) -> tuple[PlanChange, ...]:
        """Plans of later periods, earliest first."""
        return self.plans.changes

    @property
    def time_zone(self) -> str:
        """The time zone of its calendar months, an IANA name."""
        return self.term.time_zone

    @property
    def anchor(self) -> datetime | None:
        """The start of counting periods; None until the first payment or trial."""
        return self.term.anchor

    @property
    def next_period(self) -> int:
        """Number of the first unpaid period."""
        return self.term.next_period

    @property
    def paid_until(self) -> datetime | None:
        """The end of the last paid period, or of the trial; None before both."""
        return self.term.end if self.term.has_begun else None

    @property
    def access_until(self) -> datetime | None:
        """When access ends without a payment: with the paid time, or, where a payment is owed, with the grace."""
        if self.state is _S.PAUSED:
            return (self.pause.until or FOREVER) if self.pause and self.pause.keeps_access else None
        is_lost = not self.term.has_begun or self.state in (_S.INCOMPLETE, _S.SUSPENDED, _S.ENDED)
        return None if is_lost else self.grace_until()

    @property
    def is_running(self) -> bool:
        """Whether it renews automatically, or would if it were paid."""
        return self.state in (_S.TRIALING, _S.ACTIVE, _S.PAST_DUE)

    @property
    def upcoming(self) -> Period | None:
        """The next period to pay; None where nothing more is charged, or nothing yet because of a pause."""
        is_charged = self.is_running and self.pause is None and not self.is_free_for_good
        return self.term.period(self.next_period) if self.term.has_begun and is_charged else None

    @property
    def is_free_for_good(self) -> bool:
        """Whether its plan is complimentary without an end."""
        return self.complimentary is not None and self.complimentary.until is None

    def is_free(self, now: datetime) -> bool:
        """Whether its plan is complimentary now."""
        return self.complimentary is not None and self.complimentary.holds_at(now)

    def has_access(self, now: datetime) -> bool:
        """Whether the tenant has access: while paid, in trial, or in grace."""
        until = self.access_until
        return until is not None and now < until

    def is_paid(self, now: datetime) -> bool:
        """Whether paid time is left, not counting trial and grace."""
        return self.next_period > 0 and self.has_access(now) and now < self.term.end

    def plan_of(self, period: int) -> Plan:
        """The plan of a period.

        Raises:
            NoActiveSubscription: it has never had a plan.
        """
        return _require_plan(self.plans.of_period(period)).in_period(period)

    def plan_at(self, moment: datetime) -> Plan | None:
        """The plan at a moment, with or without access; None before the first and after the last.

        A change to a more expensive plan takes effect only once its period is paid.
        """
        if not self.term.has_begun or self.state in (_S.INCOMPLETE, _S.ENDED):
            return None
        if self.state is _S.PAUSED:
            return self.plan
        number = self.term.number_at(moment)
        plan = self.plans.at_period(number, self.next_period)
        return plan.in_period(number) if plan else None

    def plan_in_force(self, moment: datetime) -> Plan:
        """The plan at a moment, or the last one before it.

        Raises:
            NoActiveSubscription: the tenant has none.
        """
        return _require_plan(self.plan_at(moment) or self.plan)

    def running_plan(self, now: datetime) -> Plan:
        """The current plan.

        Raises:
            NoActiveSubscription: the tenant has none.
        """
        self.require_running()
        return self.plan_in_force(now)

    def require_running(self) -> None:
        """Check that it renews automatically.

        Raises:
            NoActiveSubscription: it does not renew.
        """
        if not self.is_running:
            raise NoActiveSubscription

    @property
    def next_change(self) -> tuple[datetime, Plan] | None:
        """The next plan, and when it takes effect."""
        if not self.changes or not self.term.has_begun:
            return None
        return self.term.period(self.changes[0].period).start, self.changes[0].plan

    def scheduled_from(self, number: int) -> tuple[tuple[Plan, datetime], ...]:
        """The scheduled changes from period `number`, each with its effective time."""
        return tuple((one.plan, self.term.period(one.period).start) for one in self.plans.from_period(number))

    def first_unpaid(self, now: datetime) -> int:
        """The next period to pay; periods that passed unpaid are not charged later."""
        running = self.is_running or self.state is _S.SUSPENDED
        if not self.term.has_begun or not running or self.begins_anew(now) or self.has_never_paid:
            return self.next_period
        return max(self.next_period, self.term.number_at(now))

    def begins_anew(self, now: datetime) -> bool:
        """Whether a payment starts a new anchor: the first one, in a pause, after an end or a gap beyond the grace."""
        if not self.term.has_begun or self.state in (_S.ENDED, _S.PAUSED):
            return True
        if self.has_never_paid:
            return not self.has_access(now)
        over, lapsed = self.term.end + self.grace, self.state is not _S.CANCELLED and not self.has_access(now)
        return now >= over and (lapsed or self.dunning.began_after(over))

    def new_anchor(self, now: datetime) -> datetime:
        """The start of newly bought time: unpaid use before the end counts."""
        return now - self.grace_used if self.state is _S.ENDED else now

    def extra_days(self, plan: Plan, moment: datetime) -> int:
        """The whole days of `plan` that the unused paid value buys.

        Source: docs/subscriptions.md, "Changing the plan".
        """
        value = self.unused_value(moment)
        return proration.extra_days(value, plan.price, moment, self.time_zone, plan.interval)

    def unused_value(self, moment: datetime) -> Fraction:
        """The value of the paid time after a moment, in minor units; complimentary time has none."""
        return sum((one.left_at(moment) for one in self.paid_time(moment)), Fraction(0))

    def paid_time(self, moment: datetime) -> tuple[PaidPeriod, ...]:
        """The time after a moment that has a value; by the term where its bounds are not known."""
        if self.paid and all(one.ends is not None for one in self.paid):
            return tuple(one for one in self.paid if one.ends is not None and one.ends > moment)
        if not self.term.has_begun or self.next_period == 0:
            return ()
        amounts = {one.period: one.amount for one in self.paid}
        periods = [self.term.period(number) for number in range(self.term.number_at(moment), self.next_period)]
        return tuple(
            PaidPeriod(
                period=one.number,
                amount=amounts.get(one.number, self.plan_of(one.number).price),
                begins=one.start,
                ends=one.end,
            )
            for one in periods
        )

    # Steps used by the neighbouring modules.

    @property
    def has_never_paid(self) -> bool:
        """Whether it has only had a trial."""
        return self.trial_ends_at is not None and self.anchor == self.trial_ends_at and self.next_period == 0

    def grace_until(self) -> datetime:
        """When access ends without a payment, in a state with access."""
        until = self.term.end
        return self.dunning.access_until(until, self.grace) if self.state in (_S.ACTIVE, _S.PAST_DUE) else until

    def begin_changes(self, now: datetime, order_id: str | None = None) -> list[Event]:
        """Apply the changes that are due, and end a discount that is over.

        Args:
            order_id: of the payment that enabled the last one.
        """
        if not self.term.has_begun or self.state is _S.PAUSED:
            return []
        number = self.term.number_at(now)
        plans, begun = self.plans.begin(number, self.next_period)
        if plans.plan is not None and (priced := plans.plan.in_period(number)) != plans.plan:
            plans, begun = evolve(plans, plan=priced), [*begun, priced]
        if plans is not self.plans:
            self.hold(plans, self.changes[: len(self.changes) - len(plans.changes)])
        return [self.changed(plan, order_id, now) for plan in begun]

    def drop_changes(self, number: int, reason: str, at: datetime, unless: Plan | None = None) -> list[Event]:
        """Drop the scheduled changes from period `number`; emit events, except for changes to the plan `unless`."""
        if not self.changes:
            return []
        events: list[Event] = [
            SubscriptionChangeDropped(
                tenant_id=self.tenant_id, at=at, plan_name=plan.name, effective_at=starts, reason=reason
            )
            for plan, starts in self.scheduled_from(number)
            if plan != unless
        ]
        self.hold(self.plans.before_period(number))
        return events

    def start_plan(self, plan: Plan, at: datetime) -> None:
        """Begin with `plan` and no other; its periods are counted from the anchor."""
        self.plans, self.started_at, self.term = Plans(plan=plan), at, self.term.of(plan.interval)

    def hold(self, plans: Plans, begun: Sequence[PlanChange] = ()) -> None:
        """Set the plans, and the lengths of the periods that follow from them.

        Args:
            begun: changes that took effect.
        """
        gone = {change.period for change in self.changes}
        added = [(change.period, change.plan.interval) for change in (*begun, *plans.changes)]
        self.term = self.term.with_spans(gone, added, self.plan.interval if self.plan else 1)
        self.plans = plans

    def note_grace(self, at: datetime) -> None:
        """Record unpaid access before it ends."""
        if self.state in (_S.ACTIVE, _S.PAST_DUE) and at > self.term.end:
            self.grace_used = min(at, self.grace_until()) - self.term.end

    def fall_due(self, code: str | None, at: datetime) -> list[Event]:
        """Move it to past due: its period has begun unpaid.

        Args:
            code: the bank's response code, where a charge was declined.
        """
        lifecycle.fire(self, "fall_due")
        retry_at, until = self.dunning.retry_at, self.grace_until()
        return [SubscriptionPastDue(tenant_id=self.tenant_id, at=at, code=code, retry_at=retry_at, access_until=until)]

    def suspend(self, at: datetime) -> list[Event]:
        """Suspend: no access until a payment."""
        self.note_grace(at)
        lifecycle.fire(self, "suspend")
        self.dunning, self.pause = self.dunning.given_up(), None
        self.complimentary = None if self.is_free_for_good else self.complimentary
        return [SubscriptionSuspended(tenant_id=self.tenant_id, at=at)]

    def owe_nothing(self) -> None:
        """What was owed is owed no more: it runs again; one that has ended has access again and does not renew."""
        match self.state:
            case _S.PAST_DUE | _S.SUSPENDED | _S.PAUSED:
                self.pause = None
                lifecycle.fire(self, "recover")
            case _S.ENDED:
                lifecycle.fire(self, "activate")
                lifecycle.fire(self, "cancel")
        self.dunning = Dunning(charged_period=self.dunning.charged_period)

    def changed(self, plan: Plan, order_id: str | None, at: datetime, extra_days: int = 0) -> SubscriptionChanged:
        """The event that `plan` takes effect now."""
        return SubscriptionChanged(
            tenant_id=self.tenant_id,
            at=at,
            order_id=order_id,
            plan_name=plan.name,
            price=plan.price,
            extra_days=extra_days,
            monthly_price=plan.monthly_price,
        )


def _require_plan(plan: Plan | None) -> Plan:
    if plan is None:
        raise NoActiveSubscription
    return plan
