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
_last_run = Gauge("billing_chore_last_run_timestamp_seconds", "When a kind of background work last ran", ["chore"])
_behind = Gauge("billing_chore_behind_seconds", "For how long the oldest piece of its work has been due", ["chore"])
_stalled = Gauge("billing_stalled", "1 where renewals are due and nobody processes them")
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
    _stalled.set(0 if await uses.watch.stalled() is None else 1)
    for state in await uses.watch.states():
        chore, ran_at = state.heartbeat.chore.value, state.heartbeat.ran_at
        _last_run.labels(chore).set(ran_at.timestamp() if ran_at else 0)
        _behind.labels(chore).set(state.behind(now).total_seconds())
    return Response(body=generate_latest(), content_type=CONTENT_TYPE_LATEST)
