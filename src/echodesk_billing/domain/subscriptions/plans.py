"""The plan of a subscription, and the changes of it that are scheduled."""

from __future__ import annotations

from attrs import evolve, frozen

from echodesk_billing.domain.catalogue.pricing import Plan


@frozen(kw_only=True)
class PlanChange:
    """`plan` holds from period `period` on.

    Args:
        is_more: it is an upgrade, so that it does not hold before its period is paid.
    """

    period: int
    plan: Plan
    is_more: bool = True

    def may_begin(self, next_period: int) -> bool:
        """Whether it may hold once its period begins: an upgrade not before that is paid.

        Args:
            next_period: the first period that is not paid.
        """
        return self.period < next_period or not self.is_more


@frozen(kw_only=True)
class Plans:
    """What a subscription gives now, and from later periods on.

    Args:
        plan: at the price that was agreed; None until the first payment or trial.
        changes: plans that hold from later periods on, earliest first.
    """

    plan: Plan | None = None
    changes: tuple[PlanChange, ...] = ()

    @property
    def latest(self) -> Plan | None:
        """What was asked for last."""
        return self.changes[-1].plan if self.changes else self.plan

    def of_period(self, number: int) -> Plan | None:
        """The plan that holds in a period once that is paid."""
        held = [change.plan for change in self.changes if change.period <= number]
        return held[-1] if held else self.plan

    def at_period(self, number: int, next_period: int) -> Plan | None:
        """The plan that holds while period `number` runs, where `next_period` is the first that is not paid."""
        begun = [one for one in self.changes if one.period <= number and one.may_begin(next_period)]
        return begun[-1].plan if begun else self.plan

    def begin(self, number: int, next_period: int) -> tuple[Plans, list[Plan]]:
        """The plans once period `number` runs, and those that began to hold on the way."""
        plans, begun = self, []
        while plans.changes and plans.changes[0].period <= number and plans.changes[0].may_begin(next_period):
            first, rest = plans.changes[0], plans.changes[1:]
            if first.plan != plans.plan:
                begun.append(first.plan)
            plans = Plans(plan=first.plan, changes=rest)
        return plans, begun

    def schedule(self, change: PlanChange) -> Plans:
        """The plans with one more change behind the others."""
        return evolve(self, changes=(*self.changes, change))

    def hold(self, plan: Plan, number: int) -> Plans:
        """The plans once `plan` was paid for period `number`: what was planned for it holds from the next one on."""
        earlier = tuple(change for change in self.changes if change.period < number)
        later = tuple(change for change in self.changes if change.period > number)
        put_off = tuple(evolve(change, period=number + 1) for change in self.changes if change.period == number)
        if later and later[0].period == number + 1:
            put_off = ()  # it would have held for this one period
        paid = PlanChange(period=number, plan=plan, is_more=False)
        return evolve(self, changes=(*earlier, paid, *put_off, *later))

    def from_period(self, number: int) -> tuple[PlanChange, ...]:
        """The changes that are scheduled for period `number` or later."""
        return tuple(change for change in self.changes if change.period >= number)

    def before_period(self, number: int) -> Plans:
        """The plans without those changes."""
        return evolve(self, changes=tuple(change for change in self.changes if change.period < number))
