"""Figures of the business per month, counted from events: recurring revenue, customers, money, collection.

Source: docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from attrs import evolve, frozen

from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.events import (
    Event,
    OrderCompleted,
    OrderCorrected,
    OrderRefunded,
    OrderRejected,
    PlanMadeComplimentary,
    SubscriptionActivated,
    SubscriptionChanged,
    SubscriptionEnded,
    SubscriptionImported,
    SubscriptionPaused,
    SubscriptionRenewed,
    SubscriptionSuspended,
)
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.purpose import Purpose

JOINED = {
    "new": "new_customers",
    "imported": "imported_customers",
    "reactivation": "reactivated_customers",
}
LEFT = "churned_customers"
GAINS = (*JOINED, "expansion")
MOVEMENTS = (*GAINS, "contraction", "churn")
CAPTURED, REFUNDED, FAILED, RECOVERED = "captured", "refunded", "failed_payments", "recovered_payments"
DECLINED_WITH, RECOVERED_FROM = "declined:", "recovered:"
NO_CODE = "none"
PAID_A_DAY, DECLINED_A_DAY, REFUNDED_A_DAY = "paid", "declined", "refunds"
DAILY = (PAID_A_DAY, DECLINED_A_DAY, REFUNDED_A_DAY)
"""Counted per day, in all currencies together."""
_LOST = (SubscriptionSuspended, SubscriptionEnded)
_RENEWAL = f"{Purpose.RENEWAL}-"
_PAYS = ("active", "past_due")


@frozen
class Figure:
    """The key of a figure: minor units of money, or a number of things.

    Args:
        month: a calendar month, `2026-11`; or a day, `2026-11-27`, of the names of `DAILY`.
        currency: empty for figures of all currencies.
    """

    month: str
    currency: str
    name: str


@frozen(kw_only=True)
class Counted:
    """What counting has to remember of a customer.

    Args:
        recurring: what it pays a month, in minor units; 0 where it pays nothing.
        has_paid: whether it ever did.
        failing: the bank's code of the first decline since the last payment; empty without one.
    """

    tenant_id: str
    currency: str = Currency.GEL
    recurring: int = 0
    has_paid: bool = False
    failing: str = ""


class Tally:
    """Counts events, in the order in which they are given.

    Args:
        time_zone: by whose calendar months are counted.
        customers: what is remembered of customers, by tenant.
    """

    def __init__(self, time_zone: str, customers: Mapping[str, Counted] | None = None) -> None:
        self._time_zone = time_zone
        self.customers = dict(customers or {})
        self.figures: dict[Figure, int] = {}

    def count(self, events: Iterable[Event]) -> None:
        """Count some more events."""
        for event in events:
            before = self.customers.get(event.tenant_id) or Counted(tenant_id=event.tenant_id)
            after = self._count(event, before)
            if after != before:
                self.customers[event.tenant_id] = after

    def _count(self, event: Event, one: Counted) -> Counted:
        self._count_day(event)
        match event:
            case OrderCompleted() | OrderCorrected():
                self._add(event, event.captured.currency, CAPTURED, event.captured.minor)
            case OrderRefunded():
                self._add(event, event.amount.currency, REFUNDED, event.amount.minor)
            case OrderRejected() if event.order_id.startswith(_RENEWAL):
                return self._failed(event, one)
            case SubscriptionImported() if event.state in _PAYS and event.price is not None:
                return self._pays(event, one, event.price, "imported")
            case SubscriptionActivated() | SubscriptionRenewed() if event.monthly_price is not None:
                return self._pays(event, self._recovered(event, one), event.monthly_price)
            case SubscriptionChanged() if event.monthly_price is not None and one.recurring:
                return self._pays(event, one, event.monthly_price)
            case SubscriptionSuspended() | SubscriptionEnded() | SubscriptionPaused() | PlanMadeComplimentary():
                return self._stops(event, evolve(one, failing="") if isinstance(event, _LOST) else one)
        return one

    def _count_day(self, event: Event) -> None:
        match event:
            case OrderCompleted() | OrderCorrected():
                name = PAID_A_DAY
            case OrderRejected() if event.code:  # without a code it expired, or was never tried
                name = DECLINED_A_DAY
            case OrderRefunded():
                name = REFUNDED_A_DAY
            case _:
                return
        figure = Figure(f"{local_date(event.at, self._time_zone)}", "", name)
        self.figures[figure] = self.figures.get(figure, 0) + 1

    def _failed(self, event: OrderRejected, one: Counted) -> Counted:
        self._add(event, one.currency, FAILED, 1)
        if one.failing:
            return one
        code = event.code or NO_CODE
        self._add(event, one.currency, DECLINED_WITH + code, 1)
        return evolve(one, failing=code)

    def _recovered(self, event: Event, one: Counted) -> Counted:
        if one.failing:
            self._add(event, one.currency, RECOVERED, 1)
            self._add(event, one.currency, RECOVERED_FROM + one.failing, 1)
        return evolve(one, failing="")

    def _pays(self, event: Event, one: Counted, price: Money, joins: str = "new") -> Counted:
        if one.recurring and one.currency != price.currency:
            one = self._stops(event, one)
        difference = price.minor - one.recurring
        if not one.recurring:
            name = "reactivation" if one.has_paid else joins
            self._add(event, price.currency, name, price.minor)
            self._add(event, price.currency, JOINED[name], 1)
        elif difference:
            self._add(event, price.currency, "expansion" if difference > 0 else "contraction", abs(difference))
        return evolve(one, currency=price.currency, recurring=price.minor, has_paid=True)

    def _stops(self, event: Event, one: Counted) -> Counted:
        if one.recurring:
            self._add(event, one.currency, "churn", one.recurring)
            self._add(event, one.currency, LEFT, 1)
        return evolve(one, recurring=0)

    def _add(self, event: Event, currency: str, name: str, value: int) -> None:
        day = local_date(event.at, self._time_zone)
        figure = Figure(f"{day:%Y-%m}", currency, name)
        self.figures[figure] = self.figures.get(figure, 0) + value


@frozen(kw_only=True)
class Month:
    """The figures of one month in one currency.

    Args:
        recurring: monthly recurring revenue at its end.
        customers: who pay at its end.
        movements: how recurring revenue changed, by the names of `MOVEMENTS`.
        joined: customers who began to pay, by the values of `JOINED`.
        left: customers who stopped.
        captured: all money that was taken, card checks included.
        refunded: all money that went back.
        failed: declined automatic charges.
        recovered: customers whose charge failed first and who paid after all.
    """

    month: str
    recurring: Money
    customers: int
    movements: Mapping[str, Money]
    joined: Mapping[str, int]
    left: int
    captured: Money
    refunded: Money
    failed: int
    recovered: int


@frozen(kw_only=True)
class Outcomes:
    """How payments of a calendar day ended.

    Args:
        declined: by the bank, with a code; payments that nobody tried to make are not counted.
        refunds: full or partial.
    """

    day: date
    paid: int = 0
    declined: int = 0
    refunds: int = 0


def outcomes(figures: Mapping[Figure, int], first: date, last: date) -> list[Outcomes]:
    """The outcomes of each day of a span, both ends included."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [Outcomes(day=day, **{name: figures.get(Figure(str(day), "", name), 0) for name in DAILY}) for day in days]


@frozen(kw_only=True)
class Collection:
    """How many failed renewals were paid after all, by the bank's code of the first decline."""

    code: str
    declined: int
    recovered: int

    @property
    def rate(self) -> float:
        """The part that was recovered, from 0 to 1; it rises while retries are under way."""
        return self.recovered / self.declined if self.declined else 0.0


@frozen(kw_only=True)
class Business:
    """The figures of the business in one currency.

    Args:
        recurring: monthly recurring revenue now.
        yearly: twelve times that.
        customers: who pay now.
        months: oldest first; months without a figure are left out.
        collections: by code.
    """

    currency: Currency
    recurring: Money
    yearly: Money
    customers: int
    months: Sequence[Month]
    collections: Sequence[Collection]


def business(figures: Mapping[Figure, int]) -> list[Business]:
    """The figures of the business, a currency at a time."""
    currencies = sorted({figure.currency for figure in figures if figure.currency})
    return [_of_currency(figures, Currency(one)) for one in currencies]


def _of_currency(figures: Mapping[Figure, int], currency: Currency) -> Business:
    mine = {(figure.month, figure.name): value for figure, value in figures.items() if figure.currency == currency}
    months: list[Month] = []
    recurring, customers = Money.zero(currency), 0
    for month in sorted({month for month, _ in mine}):
        found = {name: value for (in_month, name), value in mine.items() if in_month == month}
        movements = {name: Money.from_minor(found.get(name, 0), currency) for name in MOVEMENTS}
        joined = {name: found.get(name, 0) for name in JOINED.values()}
        for name, amount in movements.items():
            recurring = recurring + amount if name in GAINS else recurring - amount
        customers += sum(joined.values()) - found.get(LEFT, 0)
        months.append(
            Month(
                month=month,
                recurring=recurring,
                customers=customers,
                movements=movements,
                joined=joined,
                left=found.get(LEFT, 0),
                captured=Money.from_minor(found.get(CAPTURED, 0), currency),
                refunded=Money.from_minor(found.get(REFUNDED, 0), currency),
                failed=found.get(FAILED, 0),
                recovered=found.get(RECOVERED, 0),
            )
        )
    return Business(
        currency=currency,
        recurring=recurring,
        yearly=recurring * 12,
        customers=customers,
        months=months,
        collections=_collections(mine),
    )


def _collections(mine: Mapping[tuple[str, str], int]) -> list[Collection]:
    sums: dict[str, int] = {}
    for (_, name), value in mine.items():
        sums[name] = sums.get(name, 0) + value
    codes = sorted(name.removeprefix(DECLINED_WITH) for name in sums if name.startswith(DECLINED_WITH))
    return [
        Collection(code=code, declined=sums[DECLINED_WITH + code], recovered=sums.get(RECOVERED_FROM + code, 0))
        for code in codes
    ]
