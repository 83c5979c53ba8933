"""Health of the process, and readiness to take payments."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from echodesk_billing.domain.notifications.heartbeat import Chore
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Nothing


class Health(Struct, frozen=True, kw_only=True):
    """The process is up."""

    status: Literal["ok"] = "ok"


class Check(Struct, frozen=True, kw_only=True):
    """One readiness check; `problem` says what is wrong."""

    ok: bool
    problem: str | None = None


class ChoreView(Struct, frozen=True, kw_only=True):
    """A kind of background work."""

    name: Chore
    last_run_at: datetime | None
    behind_seconds: int
    problem: str


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether payments can be taken: database and gateway. `renewals` and `chores` tell whether billing goes on."""

    status: Literal["ready", "not ready"]
    database: Check
    gateway: Check
    renewals: Check
    chores: list[ChoreView]


async def alive(_call: Call[Nothing]) -> Health:
    """`GET /healthz`."""
    return Health()


async def ready(call: Call[Nothing]) -> Readiness:
    """`GET /readyz`."""
    database = await call.uses.storage.problem()
    gateway = call.uses.gateway.trouble
    stalled = None if database else await call.uses.watch.stalled()
    now = await call.uses.clock.now()
    states = [] if database else await call.uses.watch.states()
    return Readiness(
        status="not ready" if database or gateway else "ready",
        database=Check(ok=database is None, problem=database),
        gateway=Check(ok=gateway is None, problem=gateway),
        renewals=Check(ok=stalled is None, problem=stalled),
        chores=[
            ChoreView(
                name=one.heartbeat.chore,
                last_run_at=one.heartbeat.ran_at,
                behind_seconds=int(one.behind(now).total_seconds()),
                problem=one.heartbeat.problem,
            )
            for one in states
        ],
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
