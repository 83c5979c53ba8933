"""Prometheus metrics."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.entrypoints.http.message import Request, Response

MOST_COUNTED = 1000

_answered = Counter("billing_http_requests_total", "Answered requests", ["method", "route", "status"])
_attention = Gauge("billing_orders_needing_attention", "Orders that need attention; 1000 means 1000 or more")
_to_reconcile = Gauge("billing_orders_to_ask_about", "Orders due for reconciliation with the bank")
_due = Gauge("billing_subscriptions_due", "Subscriptions due to be processed by a worker")
_seconds = Histogram("billing_http_request_seconds", "Time to answer", ["method", "route"])


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answer. `route` is the path pattern, so that ids do not become labels."""
    _answered.labels(method, route, status).inc()
    _seconds.labels(method, route).observe(seconds)


async def expose(_request: Request, uses: UseCases) -> Response:
    """`GET /metrics`: answers of this process, and pending work in the database."""
    now = await uses.clock.now()
    attention, to_reconcile, due = await uses.storage.read(
        lambda uow: (
            len(uow.orders.needing_attention(MOST_COUNTED)),
            len(uow.orders.due(now, MOST_COUNTED)),
            len(uow.subscriptions.due(now, MOST_COUNTED)),
        )
    )
    _attention.set(attention)
    _to_reconcile.set(to_reconcile)
    _due.set(due)
    return Response(body=generate_latest(), content_type=CONTENT_TYPE_LATEST)
