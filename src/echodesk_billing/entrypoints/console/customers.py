"""The page of a customer: profile, plan, periods as a picture, cards, orders, invoices, ledger, mails, actions."""

from __future__ import annotations

from datetime import datetime

from markupsafe import Markup

from echodesk_billing.domain.subscriptions.free_time import FOREVER
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.entrypoints.console.charts import Stretch, timeline
from echodesk_billing.entrypoints.console.customer_acts import possible_acts
from echodesk_billing.entrypoints.console.lists import (
    MAIL_COLUMNS,
    ORDER_COLUMNS,
    badge,
    event_name,
    mail_row,
    order_row,
)
from echodesk_billing.entrypoints.console.visit import Visit
from echodesk_billing.entrypoints.http.message import Response

MOST_PERIODS = 13
_S = SubscriptionState


async def show(visit: Visit) -> Response:
    """`GET /console/customers/<tenant>`."""
    file = await visit.uses.operator_views.customer(visit.request.parameters["tenant_id"])
    subscription = file.subscription
    return visit.render(
        "customer.html",
        file=file,
        badge=badge,
        event_name=lambda name: event_name(visit, name),
        picture=periods(subscription, file.now, visit.words) if subscription else Markup(""),
        acts=possible_acts(file),
        order_columns=ORDER_COLUMNS,
        order_rows=[order_row(visit, one) for one in file.orders],
        mail_columns=MAIL_COLUMNS,
        mail_rows=[mail_row(visit, one) for one in file.mails],
    )


def periods(one: Subscription, now: datetime, said: dict[str, str]) -> Markup:
    """The paid periods, the grace and the next period, with a mark for now; empty before the first payment."""
    if not one.term.has_begun:
        return Markup("")
    term = one.term
    first = max(term.anchor_period, term.next_period - MOST_PERIODS + 1)
    kind = "trial" if one.has_never_paid else "calm" if one.is_free(now) else "good"
    shown = [
        Stretch(period.start, period.end, kind, f"{said['period']} {period.number}: {_days(period.start, period.end)}")
        for period in map(term.period, range(first, term.next_period))
    ]
    end = term.end
    if one.state is _S.PAUSED and one.pause is not None:
        until = one.pause.until or max(now, end)
        shown.append(Stretch(end, max(until, end), "warn", said["paused"]))
    elif one.state in (_S.PAST_DUE, _S.SUSPENDED):
        shown.append(Stretch(end, one.grace_until(), "bad", f"{said['grace']}: {_days(end, one.grace_until())}"))
    elif one.upcoming is not None and one.upcoming.end < FOREVER:
        told = (
            f"{said['upcoming']}: {_days(one.upcoming.start, one.upcoming.end)}, {one.plan_of(one.next_period).price}"
        )
        shown.append(Stretch(one.upcoming.start, one.upcoming.end, "next", told))
    return timeline(said["periods"], [stretch for stretch in shown if stretch.ends > stretch.begins], now, said["now"])


def _days(begins: datetime, ends: datetime) -> str:
    return f"{begins:%Y-%m-%d} – {ends:%Y-%m-%d}"
