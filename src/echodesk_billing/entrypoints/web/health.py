"""Whether the process is up, and whether it can take payments."""

from __future__ import annotations

from echodesk_billing.entrypoints.web.calls import Call
from echodesk_billing.entrypoints.web.schemas import Check, Health, Nothing, Readiness


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
