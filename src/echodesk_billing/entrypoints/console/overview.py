"""The first page of the console: the business, what needs attention and why, what is late; and the search."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import frozen
from markupsafe import Markup

from echodesk_billing.application.operator_views import MONTHS, Desk
from echodesk_billing.domain.accounting.statistics import Business, Outcomes
from echodesk_billing.domain.orders.attention import unknown_outcome
from echodesk_billing.domain.orders.response_codes import response_code
from echodesk_billing.entrypoints.console.charts import Bar, Part, bars, line
from echodesk_billing.entrypoints.console.visit import Visit, address
from echodesk_billing.entrypoints.http import html
from echodesk_billing.entrypoints.http.message import Response

LATE = timedelta(minutes=5)


@frozen
class Curves:
    """The curves of the business in one currency."""

    business: Business
    recurring: Markup
    customers: Markup
    codes: Sequence[tuple[str, str, int, int, int]]
    """Code, meaning, declined, recovered, per cent."""


async def home(visit: Visit) -> Response:
    """`GET /console/`."""
    desk = await visit.uses.operator_views.desk()
    return visit.render(
        "home.html",
        desk=desk,
        curves=[_curves(one, visit) for one in desk.business],
        days=_days(desk.days, visit.words),
        late=_late(desk),
        unknown_outcome=unknown_outcome,
    )


async def search(visit: Visit) -> Response:
    """`GET /console/search?q=`: to the order, or to the only customer; otherwise what was found."""
    found = await visit.uses.operator_views.search(visit.asked("q"))
    if found.order_id:
        return html.go(address("orders", found.order_id))
    if len(found.customers) == 1:
        return html.go(address("customers", found.customers[0].tenant_id))
    return visit.render("search.html", found=found.customers)


def _late(desk: Desk) -> list[tuple[str, datetime | None, str]]:
    """Chores that are behind or failed: name, since when work waits, problem."""
    return [
        (f"chore_{state.heartbeat.chore}", state.waiting_since, state.heartbeat.problem)
        for state in desk.chores
        if state.behind(desk.now) > LATE or state.heartbeat.problem
    ]


def _curves(one: Business, visit: Visit) -> Curves:
    said = visit.words
    months = one.months[-MONTHS:]
    return Curves(
        business=one,
        recurring=line(
            f"{said['mrr']}, {one.currency}",
            [(each.month[2:], float(each.recurring.amount), f"{each.month}: {each.recurring}") for each in months],
        ),
        customers=line(
            f"{said['customers_paying']}, {one.currency}",
            [(each.month[2:], float(each.customers), f"{each.month}: {each.customers}") for each in months],
        ),
        codes=[
            (
                each.code,
                _meaning(each.code, visit.language),
                each.declined,
                each.recovered,
                round(100 * each.rate),
            )
            for each in sorted(one.collections, key=lambda each: -each.declined)[:8]
        ],
    )


def _meaning(code: str, language: str) -> str:
    if not code.isdigit():
        return ""
    known = response_code(code)
    return known.georgian if language == "ka" else known.meaning


def _days(days: Sequence[Outcomes], said: dict[str, str]) -> Markup:
    return bars(
        said["per_day"],
        [
            Bar(
                f"{one.day:%d}" if one.day.day % 5 == 0 else "",
                f"{one.day}: {one.paid} {said['paid']}, {one.declined} {said['declined']}, "
                f"{one.refunds} {said['refunds']}",
                [Part(one.paid, "good"), Part(one.declined, "bad"), Part(one.refunds, "warn")],
            )
            for one in days
        ],
    )
