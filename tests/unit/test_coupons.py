"""Coupons: days, per cent for good, per cent for some periods; once per customer, and the last use to one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from echodesk_billing import (
    Applicant,
    CouponNotFound,
    CouponRedeemed,
    InvalidSelection,
    NameTaken,
    Order,
    OrderState,
    PaymentActionRequired,
    SaveCard,
)
from echodesk_billing.application.changes import When
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.catalogue.discounts import Discount, taken_off
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.subscriptions.coupons import Coupon, CouponKind
from echodesk_billing.entrypoints.http.messages import coupon_notice
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, a_plan, gel, principal
from tests.unit.conftest import World

ACME, OPERATOR = principal("acme"), principal("", Scope.OPERATOR)
DAYS, PERCENT, PERIODS = CouponKind.DAYS, CouponKind.PERCENT, CouponKind.PERCENT_PERIODS
FEBRUARY = datetime(2026, 2, 28, 9, 30, tzinfo=UTC)
MARCH = datetime(2026, 3, 31, 9, 30, tzinfo=UTC)


async def coupon(
    world: World, kind: CouponKind = PERCENT, value: int = 20, code: str = "SUMMER", **more: Any
) -> Coupon:
    facts = {"valid_from": NOW, "created_at": NOW, "reason": "a campaign", **more}
    return await world.coupons.create(OPERATOR, Coupon(code=code, kind=kind, value=value, **facts))


async def bought(world: World, code: str = "SUMMER", tenant: str = "acme", package: int = 2, **more: Any) -> Order:
    terms = Terms(save_card=SaveCard.AUTOMATIC, coupon=code)
    return await world.buy(tenant, package_id=package, terms=terms, **more)


async def paid(world: World, code: str = "SUMMER", tenant: str = "acme", **more: Any) -> Order:
    order = await bought(world, code, tenant, **more)
    await world.answer(order)
    return await world.order(order.id)


async def test_days_come_first_and_the_price_stays(world: World) -> None:
    await coupon(world, DAYS, 10)
    order = await bought(world)
    assert (order.amount, order.pays_until) == (gel("145.00"), datetime(2026, 3, 10, 9, 30, tzinfo=UTC))
    await world.answer(order)
    subscription = await world.subscription()
    assert subscription.paid_until == order.pays_until
    assert subscription.has_access(NOW)
    (redeemed,) = [event for event in await world.events() if isinstance(event, CouponRedeemed)]
    assert (redeemed.code, redeemed.order_id) == ("SUMMER", order.id)
    world.clock.moment = order.pays_until or NOW
    assert (await world.charge_due()).amount == gel("145.00")


async def test_per_cent_for_good_renews_by_itself_at_the_lower_price(world: World) -> None:
    await coupon(world)
    order = await paid(world)
    assert (order.amount, order.state) == (gel("116.00"), OrderState.COMPLETED)
    for month in (FEBRUARY, MARCH):
        world.clock.moment = month
        assert (await world.charge_due()).amount == gel("116.00")
    (first, *_) = reversed(await world.views.invoices(ACME))
    assert [(line.description, line.amount, line.is_discount) for line in first.details.lines] == [
        ("Company", gel("145.00"), False),
        ("SUMMER, 20 %", gel("0.00") - gel("29.00"), True),
    ]
    assert sum((line.amount for line in first.details.lines), gel("0.00")) == first.amount


async def test_per_cent_for_some_periods_ends_and_the_customer_confirms_the_full_price(world: World) -> None:
    await coupon(world, PERIODS, 50, periods=2)
    order = await paid(world)
    assert order.amount == gel("72.50")
    assert order.plan is not None
    assert "72.50 GEL for the first 2 periods. Then the price is 145.00 GEL" in (
        coupon_notice(order.plan, 0, "en") or ""
    )
    world.clock.moment = FEBRUARY
    assert (await world.charge_due()).amount == gel("72.50")
    world.clock.moment = MARCH
    (renewed,) = await world.renewals()
    assert renewed.amount == gel("145.00")
    (asked,) = [event for event in await world.events() if isinstance(event, PaymentActionRequired)]
    assert "72.50" in asked.reason
    await world.answer(await world.order(renewed.order_id or ""))
    subscription = await world.subscription()
    assert subscription.plan is not None
    assert (subscription.plan.discount, subscription.plan.price) == (None, gel("145.00"))


async def test_an_upgrade_redeems_one_and_its_preview_says_so(world: World) -> None:
    await world.buy_and_pay()
    await coupon(world, DAYS, 10, "TEN")
    await coupon(world, code="FIFTH")
    world.clock.moment = NOW + timedelta(days=10)
    wanted = Selection(package_id=1, seats=5)
    plain = await world.change_plan.preview(ACME, lambda _: wanted)
    ten = await world.change_plan.preview(ACME, lambda _: wanted, "ten")
    assert ten.preview.extra_days == plain.preview.extra_days + 10
    assert ten.preview.paid_until > plain.preview.paid_until
    cheaper = await world.change_plan.preview(ACME, lambda _: wanted, "fifth")
    assert cheaper.preview.plan.price == gel("200.00")
    changed = await world.change_plan.change(ACME, lambda _: wanted, When.NOW, coupon="ten")
    assert changed.preview.paid_until == ten.preview.paid_until
    assert changed.order is not None
    await world.answer(changed.order)
    assert (await world.subscription()).paid_until == ten.preview.paid_until
    with pytest.raises(InvalidSelection, match="begins later"):
        await world.change_plan.change(ACME, lambda _: Selection(package_id=2), When.LATER, coupon="fifth")


async def test_the_discount_stays_when_the_plan_changes_and_goes_with_other_packages(world: World) -> None:
    await coupon(world, packages=(2,))
    await coupon(world, code="ALL")
    await paid(world, "ALL")
    more = await world.change_plan.preview(ACME, lambda _: Selection(package_id=1, seats=5))
    assert more.preview.plan.price == gel("200.00")
    await paid(world, tenant="other")
    other = await world.change_plan.preview(principal("other"), lambda _: Selection(package_id=1, seats=5))
    assert other.preview.plan.price == gel("250.00")
    with pytest.raises(InvalidSelection, match="not for this choice"):
        await bought(world, tenant="third", package=1)


async def test_a_registration_redeems_one(world: World) -> None:
    await coupon(world)
    applicant = Applicant(schema_name="fresh", name="Fresh LLC", admin_email="a@fresh.example")
    order = await world.register.register(applicant, Selection(package_id=2), coupon="summer")
    assert order.amount == gel("116.00")
    await world.answer(order)
    subscription = await world.subscription("fresh")
    assert subscription.plan is not None
    assert subscription.plan.price == gel("116.00")


async def test_each_customer_uses_it_once(world: World) -> None:
    await coupon(world)
    await paid(world)
    with pytest.raises(InvalidSelection, match="each customer can use it once"):
        await bought(world, distinct=True)


async def test_two_pages_of_one_customer_redeem_it_once(world: World) -> None:
    await coupon(world)
    first = await bought(world)
    second = await bought(world, distinct=True)
    assert first.id != second.id
    await world.answer(second)
    await world.answer(first)
    twice = await world.order(first.id)
    assert twice.is_given_back
    assert (await world.subscription()).next_period == 1


async def test_the_last_use_goes_to_one_and_comes_back_when_its_payment_fails(world: World) -> None:
    await coupon(world, max_uses=1)
    first = await bought(world)
    with pytest.raises(InvalidSelection, match="used up"):
        await bought(world, tenant="other")
    await world.answer(first, "107")
    other = await bought(world, tenant="other")
    await world.answer(other)
    with pytest.raises(InvalidSelection, match="used up"):
        await bought(world, distinct=True)
    assert [one.uses for one in await world.coupons.listed()] == [1]


async def test_a_page_that_was_left_reserves_nothing_for_long(world: World) -> None:
    await coupon(world, max_uses=1)
    left = await bought(world)
    world.clock.moment += timedelta(minutes=26)
    other = await bought(world, tenant="other")
    await world.answer(other)
    await world.answer(left)  # what its page promised holds
    assert not (await world.order(left.id)).is_given_back


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"valid_from": NOW + timedelta(days=1)}, "There is no coupon SUMMER"),
        ({"valid_until": NOW + timedelta(seconds=1)}, "has expired"),
        ({"disabled_at": NOW}, "There is no coupon SUMMER"),
    ],
)
async def test_one_that_is_not_valid_is_refused(world: World, changes: dict[str, Any], says: str) -> None:
    await coupon(world, **changes)
    world.clock.moment += timedelta(seconds=1)
    with pytest.raises(InvalidSelection, match=says):
        await bought(world)
    for code in ("NOTHING", "x", "a b c", "<script>"):
        with pytest.raises(InvalidSelection, match="There is no coupon"):
            await bought(world, code)
    assert await world.orders() == []


async def test_operators_make_and_end_them(world: World) -> None:
    made = await coupon(world, code="new-year")
    assert (made.code, made.by) == ("NEW-YEAR", OPERATOR.name)
    with pytest.raises(NameTaken):
        await coupon(world, code="NEW-YEAR")
    with pytest.raises(InvalidSelection, match="no package 99"):
        await coupon(world, code="OTHER", packages=(99,))
    with pytest.raises(InvalidSelection, match="Say why"):
        await coupon(world, code="OTHER", reason=" ")
    ended = await world.coupons.disable(OPERATOR, "new-year")
    assert (await world.coupons.disable(OPERATOR, "NEW-YEAR")).disabled_at == ended.disabled_at
    with pytest.raises(CouponNotFound):
        await world.coupons.disable(OPERATOR, "NOTHING")


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": 0},
        {"value": 100},
        {"kind": DAYS, "value": 367},
        {"periods": 3},
        {"kind": PERIODS},
        {"kind": PERIODS, "periods": 0},
        {"kind": PERIODS, "periods": 121},
        {"max_uses": 0},
        {"max_uses": 1_000_001},
        {"valid_until": NOW},
        {"code": "no"},
    ],
)
def test_impossible_coupons_are_refused(wrong: dict[str, Any]) -> None:
    facts = {"code": "SUMMER", "kind": PERCENT, "value": 20, "valid_from": NOW, "created_at": NOW}
    with pytest.raises(InvalidSelection):
        Coupon(**{**facts, **wrong})


@pytest.mark.parametrize(
    ("price", "percent", "off"),
    [("145.00", 20, "29.00"), ("0.99", 33, "0.33"), ("1.00", 1, "0.01"), ("0.01", 99, "0.00"), ("0.02", 99, "0.01")],
)
def test_what_is_taken_off_is_rounded_up_and_something_is_left(price: str, percent: int, off: str) -> None:
    assert taken_off(gel(price), percent) == gel(off)
    assert gel(price) - taken_off(gel(price), percent) >= gel("0.01")


def test_a_discount_that_is_over_shows_in_no_later_period() -> None:
    plan = a_plan().discounted(Discount(code="X", percent=10, amount=gel("0.00"), periods=2))
    assert plan.discount is not None
    plan = evolve(plan, discount=evolve(plan.discount, ends=3))
    assert [plan.in_period(number).price.amount for number in (2, 3, 4)] == [
        Decimal("130.50"),
        Decimal("145.00"),
        Decimal("145.00"),
    ]
