"""Health of the process, and readiness to take payments."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Nothing


class Health(Struct, frozen=True, kw_only=True):
    """The process is up."""

    status: Literal["ok"] = "ok"


class Check(Struct, frozen=True, kw_only=True):
    """One readiness check; `problem` says what is wrong."""

    ok: bool
    problem: str | None = None


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether payments can be taken."""

    status: Literal["ready", "not ready"]
    database: Check
    gateway: Check


async def alive(_call: Call[Nothing]) -> Health:
    """`GET /healthz`."""
    return Health()


async def ready(call: Call[Nothing]) -> Readiness:
    """`GET /readyz`."""
    database = await call.uses.storage.problem()
    gateway = call.uses.gateway.trouble
    return Readiness(
        status="not ready" if database or gateway else "ready",
        database=Check(ok=database is None, problem=database),
        gateway=Check(ok=gateway is None, problem=gateway),
    )


ROUTES = (
    Route(
        method="GET", path="/healthz", handler=alive, operation="getHealth", summary="The process is up", gives=Health
    ),
    Route(
        method="GET",
        path="/readyz",
        handler=ready,
        operation="getReadiness",
        summary="Whether payments can be taken: database and gateway",
        gives=Readiness,
        status=lambda readiness: 200 if readiness.status == "ready" else 503,
        statuses=(200, 503),
    ),
)
