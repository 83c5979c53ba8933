"""The plan of a subscription, and the changes of it that are scheduled."""

from __future__ import annotations

from attrs import evolve, frozen

from echodesk_billing.domain.catalogue.pricing import Plan


@frozen(kw_only=True)
class PlanChange:
    """`plan` takes effect from period `period`.

    Args:
        is_more: it is an upgrade, so it does not take effect before its period is paid.
    """

    period: int
    plan: Plan
    is_more: bool = True

    def may_begin(self, next_period: int) -> bool:
        """Whether it may take effect once its period begins: an upgrade only once the period is paid.

        Args:
            next_period: the first period that is not paid.
        """
        return self.period < next_period or not self.is_more


@frozen(kw_only=True)
class Plans:
    """The current plan, and the plans of later periods.

    Args:
        plan: the current plan at its agreed price; None until the first payment or trial.
        changes: plans of later periods, earliest first.
    """

    plan: Plan | None = None
    changes: tuple[PlanChange, ...] = ()

    @property
    def latest(self) -> Plan | None:
        """The last requested plan."""
        return self.changes[-1].plan if self.changes else self.plan

    def of_period(self, number: int) -> Plan | None:
        """The plan of a period, once it is paid."""
        held = [change.plan for change in self.changes if change.period <= number]
        return held[-1] if held else self.plan

    def at_period(self, number: int, next_period: int) -> Plan | None:
        """The plan in effect during period `number`, where `next_period` is the first unpaid one."""
        begun = [one for one in self.changes if one.period <= number and one.may_begin(next_period)]
        return begun[-1].plan if begun else self.plan

    def begin(self, number: int, next_period: int) -> tuple[Plans, list[Plan]]:
        """The plans during period `number`, and those that took effect on the way."""
        plans, begun = self, []
        while plans.changes and plans.changes[0].period <= number and plans.changes[0].may_begin(next_period):
            first, rest = plans.changes[0], plans.changes[1:]
            if first.plan != plans.plan:
                begun.append(first.plan)
            plans = Plans(plan=first.plan, changes=rest)
        return plans, begun

    def schedule(self, change: PlanChange) -> Plans:
        """The plans with one more change after the others."""
        return evolve(self, changes=(*self.changes, change))

    def hold(self, plan: Plan, number: int) -> Plans:
        """The plans once `plan` was paid for period `number`: the previously planned one follows after it."""
        earlier = tuple(change for change in self.changes if change.period < number)
        later = tuple(change for change in self.changes if change.period > number)
        put_off = tuple(evolve(change, period=number + 1) for change in self.changes if change.period == number)
        if later and later[0].period == number + 1:
            put_off = ()  # it was for this period only
        paid = PlanChange(period=number, plan=plan, is_more=False)
        return evolve(self, changes=(*earlier, paid, *put_off, *later))

    def from_period(self, number: int) -> tuple[PlanChange, ...]:
        """The changes that are scheduled for period `number` or later."""
        return tuple(change for change in self.changes if change.period >= number)

    def before_period(self, number: int) -> Plans:
        """The plans without those changes."""
        return evolve(self, changes=tuple(change for change in self.changes if change.period < number))
