"""The bank's client with metrics and spans, a span for each call."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from echodesk_billing.adapters.telemetry.metrics import BANK_CALLS, BANK_SECONDS, BREAKER
from echodesk_billing.ports.gateway import Gateway, GatewayRefused, GatewayTimeout, GatewayUnavailable
from echodesk_billing.ports.tracing import Tracing


def observed_gateway(inner: Gateway, tracing: Tracing) -> Gateway:
    """The gateway, whose calls are timed, counted and traced."""
    BREAKER.set_function(lambda: float(inner.is_configured and inner.trouble is not None))
    return cast("Gateway", _Observed(inner, tracing))


class _Observed:
    def __init__(self, inner: Gateway, tracing: Tracing) -> None:
        self._inner = inner
        self._tracing = tracing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(found):
            return found  # looked at, never called over the network
        observed = self._observing(name, found)
        setattr(self, name, observed)
        return observed

    def _observing(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(call)
        async def observed(*arguments: Any, **more: Any) -> Any:
            started, outcome = time.perf_counter(), "answered"
            try:
                with self._tracing.span(f"bank {name}"):
                    return await call(*arguments, **more)
            except Exception as error:
                outcome = _outcome(error)
                raise
            finally:
                BANK_SECONDS.labels(name).observe(time.perf_counter() - started)
                BANK_CALLS.labels(name, outcome).inc()

        return observed


def _outcome(error: Exception) -> str:
    for kind, name in ((GatewayRefused, "refused"), (GatewayTimeout, "timeout"), (GatewayUnavailable, "unavailable")):
        if isinstance(error, kind):
            return name
    return "failed"
