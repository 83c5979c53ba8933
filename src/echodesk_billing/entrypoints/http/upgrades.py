"""Changes of plan: packages and seats, now or from the next period."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from attrs import evolve
from msgspec import Meta, Struct

from echodesk_billing.application.changes import Changed, When
from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.catalogue.catalogue import LONGEST_INTERVAL
from echodesk_billing.domain.catalogue.limits import MOST_SEATS
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.subscriptions.purchase import Preview
from echodesk_billing.entrypoints.http.calls import Call, Query, Route, whole_number
from echodesk_billing.entrypoints.http.common import CouponCode, Done, Id, IdDigits, Nothing
from echodesk_billing.entrypoints.http.messages import coupon_notice, say
from echodesk_billing.entrypoints.http.subscription import MyPackage
from echodesk_billing.ports.access import Scope

Seats = Annotated[int, Meta(ge=1, le=MOST_SEATS)]
Months = Annotated[int, Meta(ge=1, le=LONGEST_INTERVAL)]


class Upgrade(Struct, frozen=True, kw_only=True):
    """Another package, other seats, another interval; omitted values stay unchanged."""

    package_id: Id | IdDigits | None = None
    agent_count: Seats | None = None
    interval: Months | None = None
    effective_date: Annotated[str, Meta(max_length=40)] | None = None
    coupon: CouponCode = ""

    def selection(self, has: Selection) -> Selection:
        """The new selection, based on the current one."""
        package_id = None if self.package_id is None else int(self.package_id)
        return has.changed(package_id=package_id, seats=self.agent_count, interval=self.interval)

    def effective(self) -> datetime | None:
        """`effective_date`, a date or a date-time."""
        if self.effective_date is None:
            return None
        try:
            return datetime.fromisoformat(self.effective_date)
        except ValueError:
            raise InvalidSelection(
                "effective_date", f"{self.effective_date!r} is not a date: give YYYY-MM-DD"
            ) from None


class ChangeSeats(Struct, frozen=True, kw_only=True):
    """How many agents."""

    agent_count: Seats


class ReplacedChange(Struct, frozen=True, kw_only=True):
    """A cancelled scheduled change."""

    name: str
    agent_count: int
    effective_date: datetime


class UpgradePreview(Struct, frozen=True, kw_only=True):
    """Preview of a change: the exact figures if it is made now."""

    package: MyPackage
    agent_count: int
    currency: str
    current_monthly_cost: Decimal
    new_monthly_cost: Decimal
    interval: int
    amount_due_now: Decimal
    is_immediate: bool
    effective_date: datetime
    extra_days: int
    next_billing_date: datetime
    replaces: list[ReplacedChange]
    coupon_notice: str | None = None

    @classmethod
    def of(cls, changed: Changed, language: str = "en") -> UpgradePreview:
        """From a previewed change."""
        preview = changed.preview
        price = preview.plan.price
        return cls(
            package=MyPackage.of(preview.plan),
            agent_count=preview.plan.selection.seats,
            currency=price.currency,
            current_monthly_cost=changed.before.monthly_price.amount,
            new_monthly_cost=preview.plan.monthly_price.amount,
            interval=preview.plan.interval,
            amount_due_now=price.amount if preview.is_immediate else Decimal("0.00"),
            is_immediate=preview.is_immediate,
            effective_date=preview.effective_at,
            extra_days=preview.extra_days,
            next_billing_date=preview.paid_until,
            replaces=replaced_changes(preview),
            coupon_notice=coupon_notice(preview.plan, preview.free_days, language),
        )


class PlanChanged(Struct, frozen=True, kw_only=True):
    """A requested change; with `payment_url`, it takes effect once paid there."""

    success: bool = True
    message: str
    requires_payment: bool
    payment_url: str | None
    order_id: str | None
    amount: Decimal
    currency: str
    effective_date: datetime
    extra_days: int
    current_monthly_cost: Decimal
    new_monthly_cost: Decimal
    interval: int
    paid_until: datetime
    replaces: list[ReplacedChange]
    coupon_notice: str | None = None

    @classmethod
    def of(cls, changed: Changed, language: str = "en") -> PlanChanged:
        """From a change."""
        order, preview = changed.order, changed.preview
        return cls(
            message=change_message(changed, language),
            requires_payment=order is not None,
            payment_url=order.payment_url if order else None,
            order_id=order.id if order else None,
            amount=order.amount.amount if order else Decimal("0.00"),
            currency=preview.plan.price.currency,
            effective_date=preview.effective_at,
            extra_days=preview.extra_days,
            current_monthly_cost=changed.before.monthly_price.amount,
            new_monthly_cost=preview.plan.monthly_price.amount,
            interval=preview.plan.interval,
            paid_until=preview.paid_until,
            replaces=replaced_changes(preview),
            coupon_notice=coupon_notice(preview.plan, preview.free_days, language),
        )


def change_message(changed: Changed, language: str = "en") -> str:
    """The message about a change."""
    plan, zone = changed.preview.plan, changed.time_zone
    replaced = replaced_message(changed.preview, zone, language)
    if changed.order is not None:
        return say(language, "pay_now", amount=changed.order.amount, plan=plan.name) + replaced
    day = local_date(changed.preview.effective_at, zone)
    return say(language, "scheduled", plan=plan.name, day=day, amount=plan.monthly_price) + replaced


def replaced_message(preview: Preview, time_zone: str, language: str) -> str:
    """The message about the scheduled changes that a change replaces; empty where there are none."""
    return "".join(
        say(language, "replaced", plan=one.name, day=local_date(starts, time_zone)) for one, starts in preview.replaces
    )


def replaced_changes(preview: Preview) -> list[ReplacedChange]:
    """The scheduled changes that a change replaces."""
    return [
        ReplacedChange(name=plan.name, agent_count=plan.selection.seats, effective_date=starts)
        for plan, starts in preview.replaces
    ]


async def preview(call: Call[Nothing]) -> UpgradePreview:
    """`GET /api/upgrade/preview/?package_id=&agent_count=&interval=&coupon=`."""
    asked = ((name, call.request.query.get(name)) for name in ("package_id", "agent_count", "interval"))
    package_id, seats, interval = (None if text is None else whole_number(text, name) for name, text in asked)
    wanted = Upgrade(package_id=package_id, agent_count=seats, interval=interval)
    coupon = call.request.query.get("coupon", "")
    return UpgradePreview.of(await call.uses.change_plan.preview(call.who, wanted.selection, coupon), call.language)


async def immediate(call: Call[Upgrade]) -> PlanChanged:
    """`POST /api/upgrade/immediate/`."""
    changed = await call.uses.change_plan.change(
        call.who, call.body.selection, When.NOW, key=call.key, coupon=call.body.coupon
    )
    return PlanChanged.of(changed, call.language)


async def scheduled(call: Call[Upgrade]) -> PlanChanged:
    """`POST /api/upgrade/scheduled/`."""
    changed = await call.uses.change_plan.change(
        call.who, call.body.selection, When.LATER, effective=call.body.effective(), coupon=call.body.coupon
    )
    return PlanChanged.of(changed, call.language)


async def cancel_scheduled(call: Call[Nothing]) -> Done:
    """`POST /api/upgrade/cancel-scheduled/`."""
    await call.uses.change_plan.drop_schedule(call.who)
    return Done(message=say(call.language, "schedule_dropped"))


async def seats(call: Call[ChangeSeats]) -> PlanChanged:
    """`PUT /api/subscription/agent-count/`: more at once, fewer from the next period."""

    def wanted(has: Selection) -> Selection:
        return evolve(has, seats=call.body.agent_count)

    changed = await call.uses.change_plan.change(call.who, wanted, When.NOW_IF_MORE_EXPENSIVE, key=call.key)
    return PlanChanged.of(changed, call.language)


ROUTES = (
    Route(
        method="GET",
        path="/api/upgrade/preview/",
        handler=preview,
        operation="previewUpgrade",
        summary="Preview a change: price, date, extra days",
        gives=UpgradePreview,
        scope=Scope.READ,
        query=(
            Query(name="package_id", kind=Id, description="the new package; the current one where omitted"),
            Query(name="agent_count", kind=Seats, description="how many agents; unchanged where omitted"),
            Query(name="interval", kind=Months, description="months that are paid at a time; unchanged where omitted"),
            Query(name="coupon", description="a code to redeem with the payment"),
        ),
    ),
    Route(
        method="POST",
        path="/api/upgrade/immediate/",
        handler=immediate,
        operation="upgradeImmediately",
        summary="Upgrade now: pay the full new price; unused time becomes extra days",
        takes=Upgrade,
        gives=PlanChanged,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path="/api/upgrade/scheduled/",
        handler=scheduled,
        operation="scheduleUpgrade",
        summary="Schedule a change for the next period or later",
        takes=Upgrade,
        gives=PlanChanged,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path="/api/upgrade/cancel-scheduled/",
        handler=cancel_scheduled,
        operation="cancelScheduledUpgrade",
        summary="Cancel a scheduled change",
        gives=Done,
        scope=Scope.WRITE,
    ),
    Route(
        method="PUT",
        path="/api/subscription/agent-count/",
        handler=seats,
        operation="updateAgentCount",
        summary="Add seats now, or remove them from the next period",
        takes=ChangeSeats,
        gives=PlanChanged,
        scope=Scope.WRITE,
    ),
)
