"""A tenant's subscription: what is paid, until when, whether it gives access, and what has to be done next."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from attrs import define, evolve, frozen

from echodesk_billing.domain import calendar
from echodesk_billing.domain.calendar import Period
from echodesk_billing.domain.catalogue import pricing
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.catalogue.pricing import Item, Plan, Selection
from echodesk_billing.domain.errors import (
    ChangeRefused,
    IllegalTransition,
    InvalidSelection,
    NoActiveSubscription,
    NothingScheduled,
    TrialRefused,
)
from echodesk_billing.domain.events import (
    Event,
    OrderMismatch,
    ReminderDue,
    SubscriptionActivated,
    SubscriptionCancelled,
    SubscriptionChanged,
    SubscriptionChangeDropped,
    SubscriptionChangeScheduled,
    SubscriptionEnded,
    SubscriptionPastDue,
    SubscriptionRenewed,
    SubscriptionResumed,
    SubscriptionSuspended,
    TrialStarted,
)
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.order import Order, Purpose
from echodesk_billing.domain.orders.response_codes import RetryAdvice
from echodesk_billing.domain.subscriptions import lifecycle, proration
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy, reminder

_S = SubscriptionState
FARTHEST_CHANGE = timedelta(days=366)
LONGEST_CHARGE = timedelta(days=1)
"""How long after the end of access an automatic charge without an answer keeps a subscription from being suspended."""
LOOK_AGAIN_AFTER = timedelta(hours=1)
DEFAULT_GRACE = RenewalPolicy().grace


@frozen(kw_only=True)
class PlanChange:
    """`plan` holds from period `period` on.

    Args:
        is_more: it is an upgrade, so that it does not hold before its period is paid.
    """

    period: int
    plan: Plan
    is_more: bool = True


@frozen(kw_only=True)
class PaidPeriod:
    """What was really paid for a period, a discount of the bank taken off."""

    period: int
    amount: Money


@frozen(kw_only=True)
class Purchase:
    """What an order is to pay: a plan, for a period, and how it comes into force."""

    purpose: Purpose
    plan: Plan
    period: int


@frozen(kw_only=True)
class Preview:
    """What an upgrade or a change would do, were it paid or scheduled at once.

    Args:
        plan: the new one.
        is_immediate: it costs more and is paid now; otherwise it holds from the next period.
        effective_at: when it comes into force.
        extra_days: what the unused value of the old plan becomes.
        paid_until: the end of what is paid then.
        replaces: scheduled changes that will not happen then, each with when it would have.
    """

    plan: Plan
    is_immediate: bool
    effective_at: datetime
    extra_days: int
    paid_until: datetime
    replaces: tuple[tuple[Plan, datetime], ...] = ()


@define(kw_only=True)
class Subscription:
    """The one subscription of a tenant.

    Args:
        tenant_name: for the payment pages and invoices of renewals.
        time_zone: whose calendar months are counted, an IANA name.
        grace: how long access outlives the paid period while a payment is owed.
        plan: what it gives, at the price that was agreed; None until the first payment or trial.
        changes: plans that hold from later periods on, earliest first.
        started_at: since when the present plan and anchor count.
        anchor: when period `anchor_period` began; moves only with an upgrade or a new start.
        next_period: number of the first period that is not paid. Periods are numbered through the tenant's whole
            life, so a period number is never used twice.
        paid: what was paid for the periods that have not passed.
        grace_used: access that was used after the paid time, and not paid, before it was suspended or ended.
        trial_ends_at: the end of the one trial a tenant may have.
        charged_period: the period whose automatic charge is under way.
        asked_period: the period for which the customer was asked to come and pay.
        failures: how many charges of the present period were declined.
        first_failed_at: when the first of them was.
        retry_at: when the next is made.
        tended_at: up to when what comes by time has been done.
        due_at: when something is to be done next; None where only the customer can move it.
        version: counts the saved changes.

    Source: domain.md, Subscription.
    """

    tenant_id: str
    time_zone: str
    tenant_name: str = ""
    grace: timedelta = DEFAULT_GRACE
    state: SubscriptionState = SubscriptionState.INCOMPLETE
    plan: Plan | None = None
    changes: tuple[PlanChange, ...] = ()
    started_at: datetime | None = None
    anchor: datetime | None = None
    anchor_period: int = 0
    next_period: int = 0
    paid: tuple[PaidPeriod, ...] = ()
    grace_used: timedelta = timedelta(0)
    trial_ends_at: datetime | None = None
    charged_period: int | None = None
    asked_period: int | None = None
    failures: int = 0
    first_failed_at: datetime | None = None
    retry_at: datetime | None = None
    tended_at: datetime | None = None
    due_at: datetime | None = None
    version: int = 0

    # What it is now.

    @property
    def subject(self) -> str:
        """What error messages call it."""
        return f"the subscription of {self.tenant_id}"

    @property
    def paid_until(self) -> datetime | None:
        """The end of the last paid period, or of the trial; None before both."""
        return None if self.anchor is None else self._period(self.anchor, self.next_period - 1).end

    @property
    def access_until(self) -> datetime | None:
        """When access ends unless something is paid: with the paid time, or, where a payment is owed, with grace."""
        lost = self.anchor is None or self.state in (_S.INCOMPLETE, _S.SUSPENDED, _S.ENDED)
        return None if lost else self._access_until()

    @property
    def is_running(self) -> bool:
        """Whether it renews itself, or would if it were paid."""
        return self.state in (_S.TRIALING, _S.ACTIVE, _S.PAST_DUE)

    @property
    def upcoming(self) -> Period | None:
        """The next period to pay; None where nothing further is charged."""
        return self._period(self.anchor, self.next_period) if self.anchor and self.is_running else None

    def has_access(self, now: datetime) -> bool:
        """Whether the tenant may use the product: exactly while paid, in trial, or in grace."""
        until = self.access_until
        return until is not None and now < until

    def is_paid(self, now: datetime) -> bool:
        """Whether paid time, not trial nor grace, is left."""
        until = self.paid_until
        return self.next_period > 0 and self.has_access(now) and until is not None and now < until

    def plan_of(self, period: int) -> Plan:
        """The plan that holds in a period.

        Raises:
            NoActiveSubscription: there has been none yet.
        """
        held = [change.plan for change in self.changes if change.period <= period]
        plan = held[-1] if held else self.plan
        if plan is None:
            raise NoActiveSubscription
        return plan

    def plan_at(self, moment: datetime) -> Plan | None:
        """The plan that a tenant has at a moment, whether it gives access or not; None before and after everything.

        A change to something more expensive holds only once its period is paid.
        """
        if self.anchor is None or self.state in (_S.INCOMPLETE, _S.ENDED):
            return None
        begun = [one for one in self.changes if one.period <= self._number_at(moment) and self._may_begin(one)]
        return begun[-1].plan if begun else self.plan

    def rename(self, tenant_name: str) -> bool:
        """Take the name that an administrator or a paid registration gives; returns whether it is another one."""
        if not tenant_name or tenant_name == self.tenant_name:
            return False
        self.tenant_name = tenant_name
        return True

    @property
    def next_change(self) -> tuple[datetime, Plan] | None:
        """The next plan, and from when it holds."""
        if not self.changes or self.anchor is None:
            return None
        return self._period(self.anchor, self.changes[0].period).start, self.changes[0].plan

    # What a customer may buy or change.

    def purchase(self, catalogue: Catalogue, selection: Selection, currency: Currency, now: datetime) -> Purchase:
        """What buying `selection` now means: a first or further period, an upgrade, or a change that is paid ahead.

        Raises:
            InvalidSelection: the catalogue has no such thing, or paid time of another currency is left.

        Source: domain.md, "Buying while active".
        """
        period = self.first_unpaid(now)
        kept = self.kept(now)
        for plan in (self.plan_of(period), kept[0]) if kept else ():
            if plan.is_of(selection) and plan.price.currency is currency:
                return Purchase(purpose=Purpose.SUBSCRIPTION, plan=plan, period=period)
        plan = pricing.plan(catalogue, selection, currency, kept)
        if not self.is_paid(now):
            return Purchase(purpose=Purpose.SUBSCRIPTION, plan=plan, period=period)
        running = self._in_force(now)
        if running.price.currency is not currency:
            raise InvalidSelection("currency", f"Paid time in {running.price.currency} is left: pay in it until then")
        purpose = Purpose.UPGRADE if pricing.is_more(plan, running, catalogue) else Purpose.SUBSCRIPTION
        return Purchase(purpose=purpose, plan=plan, period=period)

    def upgrade(self, plan: Plan, now: datetime, catalogue: Catalogue | None = None) -> Purchase:
        """What an upgrade to `plan` now has to pay.

        Args:
            catalogue: today's prices, on which both plans are compared.

        Raises:
            NoActiveSubscription: it does not run.
            ChangeRefused: the plan is no more than the running one.
        """
        preview = self.preview(plan, now, catalogue)
        if not preview.is_immediate:
            raise ChangeRefused(f"{plan.name} costs no more than the running plan: change from the next period instead")
        purpose = Purpose.UPGRADE if self.is_paid(now) else Purpose.SUBSCRIPTION
        return Purchase(purpose=purpose, plan=plan, period=self.first_unpaid(now))

    def kept(self, now: datetime) -> tuple[Plan, ...]:
        """The plans whose unit prices it keeps: what it has, then what is scheduled; none before and after its life."""
        over = self.state is _S.CANCELLED and not self.has_access(now)
        if self.plan is None or over or self.state in (_S.INCOMPLETE, _S.ENDED):
            return ()
        return (self._in_force(now), *(change.plan for change in self.changes))

    def item(self, feature_id: int, now: datetime) -> Item | None:
        """The feature with this number that it has or has scheduled; None where it has none such."""
        items = (item for plan in self.kept(now) for item in plan.items)
        return next((item for item in items if item.key and item.id == feature_id), None)

    def renewal(self, now: datetime) -> Purchase:
        """What pays the next period by hand: the plan that holds in it.

        Raises:
            NoActiveSubscription: it does not run on.
        """
        if not (self.is_running or self.state is _S.SUSPENDED):
            raise NoActiveSubscription
        period = self.first_unpaid(now)
        return Purchase(purpose=Purpose.MANUAL, plan=self.plan_of(period), period=period)

    def reactivation(self, catalogue: Catalogue, now: datetime) -> Purchase:
        """What brings a suspended or ended subscription back: what it was, at its price, or at today's once it ended.

        Raises:
            NoActiveSubscription: there never was one.
            IllegalTransition: it is neither suspended nor ended.
            InvalidSelection: what it was is not sold any more.
        """
        if self.plan is None:
            raise NoActiveSubscription
        if self.state is _S.SUSPENDED:
            return self.renewal(now)
        if self.state is not _S.ENDED and not (self.state is _S.CANCELLED and not self.has_access(now)):
            raise IllegalTransition(self.subject, "reactivate", self.state)
        plan = pricing.plan(catalogue, self.plan.selection, self.plan.price.currency)
        return Purchase(purpose=Purpose.SUBSCRIPTION, plan=plan, period=self.next_period)

    def running_plan(self, now: datetime) -> Plan:
        """The plan that holds now.

        Raises:
            NoActiveSubscription: nothing runs.
        """
        self._require_running()
        return self._in_force(now)

    def pays_until(self, purchase: Purchase, now: datetime) -> datetime:
        """Until when paying a purchase now pays, for every offer to say so before it is paid."""
        if purchase.purpose is Purpose.UPGRADE and self.is_paid(now):
            anchor = calendar.days_after(now, self._extra_days(purchase.plan, now), self.time_zone)
            return calendar.months_after(anchor, 1, self.time_zone)
        if self.anchor is None or self._begins_anew(now):
            return calendar.months_after(self._new_anchor(now), 1, self.time_zone)
        return self._period(self.anchor, purchase.period).end

    def preview(self, plan: Plan, now: datetime, catalogue: Catalogue | None = None) -> Preview:
        """What changing to `plan` does.

        Args:
            catalogue: today's prices, on which both plans are compared.

        Raises:
            NoActiveSubscription: it does not run.
            ChangeRefused: the plan is the running one and no other is scheduled, or it is of another currency.
        """
        running = self.running_plan(now)
        if plan.price.currency is not running.price.currency:
            raise ChangeRefused(f"The subscription runs in {running.price.currency}: a change keeps the currency")
        if plan.selection == running.selection:
            return self._preview_of_undoing(running, now)
        dearer, days = pricing.is_more(plan, running, catalogue), 0
        upcoming = self._period(self._anchor(), self.first_unpaid(now))
        until = upcoming.end if dearer else upcoming.start
        if dearer and self.is_paid(now):
            days = self._extra_days(plan, now)
            anchor = calendar.days_after(now, days, self.time_zone)
            until = calendar.months_after(anchor, 1, self.time_zone)
        effective_at = now if dearer else max(now, upcoming.start)
        return Preview(
            plan=plan,
            is_immediate=dearer,
            effective_at=effective_at,
            extra_days=days,
            paid_until=until,
            replaces=self._scheduled_from(0 if dearer and self.is_paid(now) else upcoming.number),
        )

    def _preview_of_undoing(self, running: Plan, now: datetime) -> Preview:
        """What asking for what runs does: it takes back what is scheduled."""
        replaced = self._scheduled_from(self._effective_period(now, None))
        if not replaced:
            raise ChangeRefused(f"{running.name} with the same seats is what runs now")
        return Preview(
            plan=running,
            is_immediate=False,
            effective_at=now,
            extra_days=0,
            paid_until=self._paid_until(),
            replaces=replaced,
        )

    def schedule(
        self, plan: Plan, at: datetime, effective: date | None = None, catalogue: Catalogue | None = None
    ) -> list[Event]:
        """Have `plan` hold from the next unpaid period on, or from the first that begins on `effective` or later.

        A change scheduled before for the same time or later is replaced, and told of. What runs now takes it back.
        Where the running period is unpaid, something cheaper holds at once and something more expensive once it is
        paid.

        Args:
            catalogue: today's prices, on which the plans are compared.

        Raises:
            NoActiveSubscription: it does not run.
            ChangeRefused: the plan is of another currency, or the day is too far off.
        """
        self._require_running()
        if effective is not None and effective > self._local_date(at) + FARTHEST_CHANGE:
            raise ChangeRefused(f"{effective} is too far off: a change holds within {FARTHEST_CHANGE.days} days")
        number = self._effective_period(at, effective)
        before = self.plan_of(number)
        if before.price.currency is not plan.price.currency:
            raise ChangeRefused(f"The subscription runs in {before.price.currency}: a change keeps the currency")
        events = self._drop_changes(number, f"{plan.name} was chosen instead", at, unless=plan)
        before = self.plan_of(number)
        if before == plan:
            return events
        change = PlanChange(period=number, plan=plan, is_more=pricing.is_more(plan, before, catalogue))
        self.changes = (*self.changes, change)
        if begun := self._begin_changes(at):
            return [*events, *begun]
        starts = max(at, self._period(self._anchor(), number).start)
        return [*events, self._change_scheduled(plan, starts, at)]

    def would_replace(self, plan: Plan, at: datetime, effective: date | None) -> tuple[tuple[Plan, datetime], ...]:
        """The scheduled changes that scheduling `plan` would replace, each with when it would have held."""
        self._require_running()
        return tuple(one for one in self._scheduled_from(self._effective_period(at, effective)) if one[0] != plan)

    def _effective_period(self, at: datetime, effective: date | None) -> int:
        """The first unpaid period that begins on `effective` or later."""
        number = max(self.next_period, self.first_unpaid(at))
        while effective is not None and self._local_date(self._period(self._anchor(), number).start) < effective:
            number += 1
        return number

    def scheduled(self, plan: Plan, now: datetime) -> Preview:
        """What scheduling `plan` led to: from when it holds."""
        starts = [self._period(self._anchor(), one.period).start for one in self.changes if one.plan == plan]
        return Preview(
            plan=plan,
            is_immediate=False,
            effective_at=max(starts[-1], now) if starts else now,
            extra_days=0,
            paid_until=self._paid_until(),
        )

    def drop_schedule(self, at: datetime) -> list[Event]:
        """Forget scheduled changes; those that are paid stay.

        Raises:
            NothingScheduled: there is none.
        """
        events = self._drop_changes(self.next_period, "it was taken back", at)
        if not events:
            raise NothingScheduled
        return events

    @property
    def planned(self) -> Selection | None:
        """What the tenant has or has asked for last, to which single features and seats are added."""
        latest = self.changes[-1].plan if self.changes else self.plan
        return latest.selection if latest and self.is_running else None

    # What happens to it.

    def start_trial(self, plan: Plan, policy: RenewalPolicy, at: datetime) -> list[Event]:
        """Give access to `plan` for nothing, once, for as long as the settings say.

        Raises:
            TrialRefused: the settings know no trial, or the tenant had its own or a subscription before.
        """
        if not policy.trial:
            raise TrialRefused("There are no trials")
        if self.state is not _S.INCOMPLETE:
            raise TrialRefused(f"{self.subject} is {self.state}: a trial comes before everything else, once")
        lifecycle.fire(self, "start_trial")
        self.plan, self.started_at, self.tended_at = plan, at, at
        self.anchor = self.trial_ends_at = at + policy.trial
        self.anchor_period = self.next_period
        return [TrialStarted(tenant_id=self.tenant_id, at=at, plan_name=plan.name, ends_at=self.anchor)]

    def on_payment(self, order: Order, at: datetime, catalogue: Catalogue | None = None) -> list[Event]:
        """Take the payment of the period that the order carries.

        While a subscription runs, the period is added behind the paid ones, counted from the anchor, also when it is
        paid late. Otherwise, and after a gap longer than the grace, a new anchor starts at `at`. A cancelled
        subscription that its customer pays for runs on. What buys nothing is told and refunded: a period that is paid
        already (two tabs), an automatic charge that a cancellation overtook, an upgrade that a larger one overtook.

        Args:
            catalogue: today's prices, on which an upgrade is compared with what runs by now.
        """
        if reason := self._buys_nothing(order, at, catalogue):
            return self._give_back(order, reason, at)
        events = self.on_time(at)
        if order.purpose is Purpose.UPGRADE and self.is_paid(at):
            return [*events, *self._on_upgrade(order, at)]
        activates = self.anchor is None or self.state is _S.ENDED or self._never_paid
        if self._begins_anew(at):
            self._start_anew(order, at)
        number = self.first_unpaid(at)
        if order.purpose is not Purpose.RENEWAL:  # whose number is unique in the database already
            order.period = number
        self._run_on()
        self.next_period = number + 1
        self._note_paid(order, number)
        if activates:
            events += self._drop_changes(0, f"{order.plan.name if order.plan else ''} was bought anew", at)
            self.plan, self.started_at = order.plan, at
        elif order.plan is not None:
            events += self._hold(order.plan, number, at)
            events += self._begin_changes(at, order.id)
        self._settle_debts(at)
        until = self._paid_until()
        told = SubscriptionActivated if activates else SubscriptionRenewed
        return [*events, told(tenant_id=self.tenant_id, at=at, order_id=order.id, paid_until=until)]

    def on_decline(
        self, order: Order, code: str | None, advice: RetryAdvice, policy: RenewalPolicy, at: datetime
    ) -> list[Event]:
        """Take the decline of the period's automatic charge: it is tried again, or the customer is asked.

        Declines of what a present customer tried to pay change nothing: there is a page in front of them.

        Source: domain.md, Subscription, "Failure".
        """
        stale = order.period is None or order.period < self.next_period
        if order.purpose is not Purpose.RENEWAL or stale or self.state not in (_S.ACTIVE, _S.PAST_DUE):
            return []
        self.charged_period = None
        self.failures += 1
        self.first_failed_at = self.first_failed_at or at
        self.retry_at = policy.next_try(self.first_failed_at, self.failures, at, advice)
        events = self._fall_due(code, at) if self.state is _S.ACTIVE else []
        if advice.allows_retry and self.retry_at is None and at >= self._paid_until():
            events += self._suspend(at)
        return events

    def on_time(self, now: datetime, policy: RenewalPolicy | None = None, *, chargeable: bool = False) -> list[Event]:
        """Do what became due by the passing of time: plans change, trials and cancelled time end, grace runs out.

        Args:
            policy: whose reminders are told; none are without it.
            chargeable: whether the saved card may be charged for the next period.
        """
        events = self._begin_changes(now)
        if policy is not None:
            events += self._remind(now, policy, chargeable=chargeable)
        over = self.anchor is not None and now >= self._paid_until()
        if self.state is _S.CANCELLED and over:
            lifecycle.fire(self, "end")
            events.append(SubscriptionEnded(tenant_id=self.tenant_id, at=now))
        elif self.state is _S.TRIALING and over:
            if chargeable:
                lifecycle.fire(self, "activate")
            else:
                events += self._suspend(now)
        elif self.state in (_S.ACTIVE, _S.PAST_DUE) and over and not self.has_access(now):
            in_time = self.retry_at is not None and self.retry_at <= self._access_until()
            is_charging = self.charged_period == self.first_unpaid(now)
            is_answered = now >= self._access_until() + LONGEST_CHARGE if is_charging else True
            never_tried = self.state is _S.ACTIVE and chargeable and not is_charging
            if not in_time and not never_tried and is_answered:
                events += self._fall_due(None, now) if self.state is _S.ACTIVE else []
                events += self._suspend(now)
        elif self.state is _S.ACTIVE and over and self.asked_period == self.first_unpaid(now):
            events += self._fall_due(None, now)
        return events

    def cancel(self, at: datetime, *, immediately: bool) -> list[Event]:
        """Charge no further period. Access lasts until the paid one ends, or ends now. Nothing is refunded.

        Raises:
            NoActiveSubscription: there is nothing to cancel.
        """
        events = self.on_time(at)
        if self.state in (_S.INCOMPLETE, _S.ENDED):
            raise NoActiveSubscription
        if self.state is not _S.CANCELLED:
            self._note_grace(at)
            lifecycle.fire(self, "cancel")
            access_until = at if immediately else max(at, self._paid_until())
            self._clear_debts()
            events.append(SubscriptionCancelled(tenant_id=self.tenant_id, at=at, access_until=access_until))
        if immediately or at >= self._paid_until():
            lifecycle.fire(self, "end")
            events.append(SubscriptionEnded(tenant_id=self.tenant_id, at=at))
        return events

    def resume(self, at: datetime) -> list[Event]:
        """Take a cancellation back, until the paid time ends.

        Raises:
            NoActiveSubscription: there is none, or it has ended.
            IllegalTransition: it is not cancelled.
        """
        events = self.on_time(at)
        if self.state in (_S.INCOMPLETE, _S.ENDED):
            raise NoActiveSubscription
        lifecycle.fire(self, "resume_trial" if self._never_paid else "resume")
        return [*events, SubscriptionResumed(tenant_id=self.tenant_id, at=at)]

    # What renewals ask of it.

    def owes(self, now: datetime, policy: RenewalPolicy) -> Purchase | None:
        """The period that is to be charged, or the customer asked for, now; None where nothing is to be done.

        Its purpose is `RENEWAL` where the card may be tried, `MANUAL` where only the customer can help.
        """
        if self.state not in (_S.ACTIVE, _S.PAST_DUE):
            return None
        period = self.first_unpaid(now)
        if period in (self.charged_period, self.asked_period):
            return None
        plan = self.plan_of(period)
        if self.state is _S.ACTIVE:
            begins = self._period(self._anchor(), period).start - policy.ahead
            return Purchase(purpose=Purpose.RENEWAL, plan=plan, period=period) if now >= begins else None
        if self.retry_at is None:
            return Purchase(purpose=Purpose.MANUAL, plan=plan, period=period)
        return Purchase(purpose=Purpose.RENEWAL, plan=plan, period=period) if now >= self.retry_at else None

    def charging(self, period: int) -> None:
        """An automatic charge of the period is under way."""
        self.charged_period = period
        self.retry_at = None

    def asked(self, period: int, now: datetime) -> list[Event]:
        """The customer was asked to pay the period; once it has begun unpaid, the subscription is past due."""
        self.asked_period = period
        self.retry_at = None
        return self._fall_due(None, now) if self.state is _S.ACTIVE and now >= self._paid_until() else []

    def plan_next(self, now: datetime, policy: RenewalPolicy) -> None:
        """Set when something is to be done next."""
        self.due_at = self._next_due(now, policy)

    def first_unpaid(self, now: datetime) -> int:
        """The next period to pay; periods that passed unpaid are not charged for afterwards."""
        running = self.is_running or self.state is _S.SUSPENDED
        if self.anchor is None or not running or self._begins_anew(now) or self._never_paid:
            return self.next_period
        return max(self.next_period, self._number_at(now))

    # How.

    def _next_due(self, now: datetime, policy: RenewalPolicy) -> datetime | None:
        if self.anchor is None or self.state in (_S.INCOMPLETE, _S.SUSPENDED, _S.ENDED):
            return None
        if self.owes(now, policy) is not None:
            return now
        until = self._paid_until()
        moments = [until, self._access_until(), *(moment for moment, _ in policy.reminders_before(until))]
        moments += [self._period(self.anchor, change.period).start for change in self.changes]
        moments += [until - policy.ahead] if self.state is _S.ACTIVE else []
        moments += [self.retry_at] if self.retry_at else []
        done_until = self.tended_at or now
        return min(
            (moment for moment in moments if moment > done_until), default=max(now, done_until) + LOOK_AGAIN_AFTER
        )

    def _remind(self, now: datetime, policy: RenewalPolicy, *, chargeable: bool) -> list[Event]:
        since, self.tended_at = self.tended_at, now
        if chargeable or self.state not in (_S.ACTIVE, _S.TRIALING):
            return []
        until = self._paid_until()
        days = reminder(policy, until, since, now)
        if days is None:
            return []
        what = "trial" if self.state is _S.TRIALING else "period"
        return [ReminderDue(tenant_id=self.tenant_id, at=now, what=what, days=days, expires_at=until)]

    def _may_begin(self, change: PlanChange) -> bool:
        """Whether a change may hold once its period begins: something more expensive not before that is paid."""
        return change.period < self.next_period or not change.is_more

    def _begin_changes(self, now: datetime, order_id: str | None = None) -> list[Event]:
        """Have the changes hold whose time has come.

        Args:
            order_id: of the payment that made the last of them possible.
        """
        if self.anchor is None:
            return []
        number = self._number_at(now)
        events: list[Event] = []
        while self.changes and self.changes[0].period <= number and self._may_begin(self.changes[0]):
            begun, self.changes = self.changes[0].plan, self.changes[1:]
            if begun != self.plan:
                self.plan = begun
                events.append(self._changed(begun, order_id, now))
        return events

    def _hold(self, plan: Plan, number: int, at: datetime) -> list[Event]:
        """Have the plan that was paid hold in period `number`; what was planned for it holds from the next one on."""
        if plan == self.plan_of(number):
            return []
        earlier = tuple(change for change in self.changes if change.period < number)
        later = tuple(change for change in self.changes if change.period > number)
        put_off = tuple(evolve(change, period=number + 1) for change in self.changes if change.period == number)
        if later and later[0].period == number + 1:
            put_off = ()  # it would have held for this one period
        self.changes = (*earlier, PlanChange(period=number, plan=plan, is_more=False), *put_off, *later)
        start = self._period(self._anchor(), number).start
        return [] if start <= at else [self._change_scheduled(plan, start, at)]

    def _scheduled_from(self, number: int) -> tuple[tuple[Plan, datetime], ...]:
        """The scheduled changes from period `number` on, each with when it would hold."""
        anchor = self._anchor()
        return tuple((one.plan, self._period(anchor, one.period).start) for one in self.changes if one.period >= number)

    def _drop_changes(self, number: int, reason: str, at: datetime, unless: Plan | None = None) -> list[Event]:
        """Drop the scheduled changes from period `number` on, and tell of each but those to the plan `unless`."""
        if not self.changes:
            return []
        events: list[Event] = [
            SubscriptionChangeDropped(
                tenant_id=self.tenant_id, at=at, plan_name=plan.name, effective_at=starts, reason=reason
            )
            for plan, starts in self._scheduled_from(number)
            if plan != unless
        ]
        self.changes = tuple(change for change in self.changes if change.period < number)
        return events

    def _note_paid(self, order: Order, number: int) -> None:
        """Remember what was paid for a period, for as long as any of it may be left."""
        kept = tuple(one for one in self.paid if one.period >= number - 1 and one.period != number)
        amount = order.captured or order.amount
        self.paid = (*kept[-11:], PaidPeriod(period=number, amount=amount))

    def _begins_anew(self, now: datetime) -> bool:
        """Whether a payment starts a new anchor: the first one, after an end, after a gap longer than the grace."""
        if self.anchor is None or self.state is _S.ENDED:
            return True
        if self._never_paid:
            return not self.has_access(now)
        lapsed = self.state is not _S.CANCELLED and not self.has_access(now)
        return lapsed and now >= self._paid_until() + self.grace

    def _new_anchor(self, now: datetime) -> datetime:
        """When time begins that is bought anew: what was used and not paid, before it was ended, counts."""
        return now - self.grace_used if self.state is _S.ENDED else now

    def _start_anew(self, order: Order, at: datetime) -> None:
        number = order.period if order.purpose is Purpose.RENEWAL and order.period is not None else 0
        anchor = self._new_anchor(at)
        self.next_period = max(self.next_period, number)
        self.anchor, self.anchor_period, self.grace_used, self.paid = anchor, self.next_period, timedelta(0), ()

    def _note_grace(self, at: datetime) -> None:
        """Remember how much access is used and not paid, before it ends."""
        if self.state in (_S.ACTIVE, _S.PAST_DUE) and at > self._paid_until():
            self.grace_used = min(at, self._access_until()) - self._paid_until()

    def _on_upgrade(self, order: Order, at: datetime) -> list[Event]:
        """The full new price was paid: a new anchor starts behind the days that the unused value buys."""
        if order.plan is None:
            raise AssertionError(f"{order.subject} upgrades to nothing")
        promised = self._extra_days(order.plan, max(order.created_at, self.started_at or at))
        days = max(promised, self._extra_days(order.plan, at))
        self._run_on()
        order.period = self.next_period
        dropped = self._drop_changes(0, f"the upgrade to {order.plan.name} replaced it", at)
        self.anchor, self.anchor_period = calendar.days_after(at, days, self.time_zone), self.next_period
        self.paid = ()
        self._note_paid(order, self.next_period)
        self.next_period += 1
        self.plan, self.started_at = order.plan, at
        self._settle_debts(at)
        until = self._paid_until()
        renewed = SubscriptionRenewed(tenant_id=self.tenant_id, at=at, order_id=order.id, paid_until=until)
        return [*dropped, self._changed(order.plan, order.id, at, days), renewed]

    def _extra_days(self, plan: Plan, moment: datetime) -> int:
        numbers = range(self._number_at(moment), self.next_period)
        amounts = {one.period: one.amount for one in self.paid}
        paid = [
            (self._period(self._anchor(), number), amounts.get(number, self.plan_of(number).price))
            for number in numbers
        ]
        return proration.extra_days(proration.unused_value(paid, moment), plan.price, moment, self.time_zone)

    def _buys_nothing(self, order: Order, at: datetime, catalogue: Catalogue | None) -> str | None:
        """Why a payment buys nothing; None where it does."""
        if order.purpose is Purpose.RENEWAL and self.state in (_S.CANCELLED, _S.ENDED):
            return "the subscription was cancelled before this charge went through"
        if order.purpose is Purpose.UPGRADE and self.is_paid(at):
            running, bought = self._in_force(at), order.plan or self._in_force(at)
            same_currency = bought.price.currency is running.price.currency
            if same_currency and pricing.is_more(bought, running, catalogue):
                return None
            return f"the upgrade is not one any more: {running.name} runs at {running.price}"
        if order.period is None or order.period < self.next_period:
            return f"period {order.period} was paid before"
        return None

    def _give_back(self, order: Order, reason: str, at: datetime) -> list[Event]:
        """Tell of a payment that buys nothing and have it refunded."""
        if self.charged_period == order.period:
            self.charged_period = None
        return give_back(order, reason, at)

    def _run_on(self) -> None:
        """Whatever it was, it is paid now."""
        match self.state:
            case _S.INCOMPLETE | _S.TRIALING | _S.ENDED:
                lifecycle.fire(self, "activate")
            case _S.PAST_DUE | _S.SUSPENDED:
                lifecycle.fire(self, "recover")
            case _S.CANCELLED:
                lifecycle.fire(self, "resume")

    def _fall_due(self, code: str | None, at: datetime) -> list[Event]:
        lifecycle.fire(self, "fall_due")
        told = SubscriptionPastDue(
            tenant_id=self.tenant_id, at=at, code=code, retry_at=self.retry_at, access_until=self._access_until()
        )
        return [told]

    def _suspend(self, at: datetime) -> list[Event]:
        self._note_grace(at)
        lifecycle.fire(self, "suspend")
        self.retry_at = None
        return [SubscriptionSuspended(tenant_id=self.tenant_id, at=at)]

    def _clear_debts(self) -> None:
        self.failures, self.first_failed_at, self.retry_at = 0, None, None
        self.charged_period = self.asked_period = None

    def _settle_debts(self, at: datetime) -> None:
        self._clear_debts()
        self.tended_at, self.grace_used = at, timedelta(0)

    def _change_scheduled(self, plan: Plan, starts: datetime, at: datetime) -> SubscriptionChangeScheduled:
        return SubscriptionChangeScheduled(
            tenant_id=self.tenant_id, at=at, plan_name=plan.name, price=plan.price, effective_at=starts
        )

    def _changed(self, plan: Plan, order_id: str | None, at: datetime, extra_days: int = 0) -> SubscriptionChanged:
        return SubscriptionChanged(
            tenant_id=self.tenant_id,
            at=at,
            order_id=order_id,
            plan_name=plan.name,
            price=plan.price,
            extra_days=extra_days,
        )

    @property
    def _never_paid(self) -> bool:
        """Whether there has been nothing but a trial."""
        return self.trial_ends_at is not None and self.anchor == self.trial_ends_at and self.next_period == 0

    def _in_force(self, moment: datetime) -> Plan:
        """The plan that a tenant has at a moment.

        Raises:
            NoActiveSubscription: none.
        """
        plan = self.plan_at(moment) or self.plan
        if plan is None:
            raise NoActiveSubscription
        return plan

    def _require_running(self) -> None:
        if not self.is_running:
            raise NoActiveSubscription

    def _local_date(self, moment: datetime) -> date:
        return calendar.local_date(moment, self.time_zone)

    def _number_at(self, moment: datetime) -> int:
        return calendar.period_at(self._anchor(), self.anchor_period, moment, self.time_zone).number

    def _period(self, anchor: datetime, number: int) -> Period:
        return calendar.period(anchor, self.anchor_period, number, self.time_zone)

    def _anchor(self) -> datetime:
        if self.anchor is None:
            raise AssertionError(f"{self.subject} runs without an anchor")
        return self.anchor

    def _paid_until(self) -> datetime:
        return self._period(self._anchor(), self.next_period - 1).end

    def _access_until(self) -> datetime:
        until = self._paid_until()
        if self.state in (_S.ACTIVE, _S.PAST_DUE):
            return max(until, self.first_failed_at or until) + self.grace
        return until


def give_back(order: Order, reason: str, at: datetime) -> list[Event]:
    """Tell of a payment that buys nothing and ask for its refund, which reconciliation carries to the bank."""
    order.give_back(reason, at)
    told = f"{reason}: this payment is refunded"
    return [OrderMismatch(tenant_id=order.tenant_id, at=at, order_id=order.id, reason=told)]
