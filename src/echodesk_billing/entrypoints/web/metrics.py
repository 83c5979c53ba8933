"""Counts and times of calls, for Prometheus."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

_answered = Counter("billing_http_requests_total", "Answered requests", ["method", "route", "status"])
_seconds = Histogram("billing_http_request_seconds", "Time to answer", ["method", "route"])


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answer. `route` is the pattern of the path, so that ids do not become labels."""
    _answered.labels(method, route, status).inc()
    _seconds.labels(method, route).observe(seconds)


async def expose(_request: web.Request) -> web.Response:
    """`GET /metrics`."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
