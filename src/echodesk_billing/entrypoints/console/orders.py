"""The page of an order: what it is, its story in sentences, its raw record, actions."""

from __future__ import annotations

from echodesk_billing.entrypoints import order_history
from echodesk_billing.entrypoints.console.lists import badge
from echodesk_billing.entrypoints.console.order_acts import possible_acts
from echodesk_billing.entrypoints.console.stories import story
from echodesk_billing.entrypoints.console.visit import Visit
from echodesk_billing.entrypoints.http.message import Response


async def show(visit: Visit) -> Response:
    """`GET /console/orders/<id>`, ours or the bank's."""
    timeline = await visit.uses.views.timeline(visit.who, visit.request.parameters["order_id"])
    order = timeline.order
    return visit.render(
        "order.html",
        order=order,
        badge=badge,
        acts=possible_acts(order),
        sentences=story(order, timeline.history, visit.language),
        facts=order_history.facts(order),
        happenings=order_history.happenings(timeline),
    )
