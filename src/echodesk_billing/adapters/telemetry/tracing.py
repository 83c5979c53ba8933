"""Traces with OpenTelemetry, sent to a collector; needs the extra [otel]."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from echodesk_billing.domain.errors import BillingError
from echodesk_billing.ports.tracing import NoTracing, Span, Tracing

SERVICE = "echodesk-billing"
SEND_WITHIN_SECONDS = 5


class TracingUnavailable(BillingError):
    """Traces are wanted, and the extra is not installed."""


def start_tracing(url: str) -> Tracing:
    """Traces that are sent to a collector; none where there is no address.

    Args:
        url: of OTLP over HTTP, such as `http://collector:4318/v1/traces`.

    Raises:
        TracingUnavailable: the extra is not installed.
    """
    if not url:
        return NoTracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise TracingUnavailable("BILLING_OTLP_URL needs the extra: pip install echodesk-billing[otel]") from None
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    exporter = OTLPSpanExporter(endpoint=url, timeout=SEND_WITHIN_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return OtelTracing(provider)


class _OtelSpan:
    def __init__(self, span: Any) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, name: str, value: str | int) -> None:
        self._span.set_attribute(name, value)


class OtelTracing:
    """Traces of a provider of OpenTelemetry."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("echodesk_billing")

    @contextmanager
    def span(self, name: str) -> Iterator[Span]:
        """A span while the block runs. Of an exception only its type is noted: its text may have what people sent."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        with self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:
            try:
                yield _OtelSpan(span)
            except Exception as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise

    def carried(self) -> str:
        """The open span as a `traceparent` header has it."""
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier)
        return carrier.get("traceparent", "")

    @contextmanager
    def resumed(self, carried: str) -> Iterator[None]:
        """Spans in the block are children of the span that `carried` names."""
        from opentelemetry import context  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        token = context.attach(TraceContextTextMapPropagator().extract({"traceparent": carried}))
        try:
            yield
        finally:
            context.detach(token)

    def close(self) -> None:
        """Send what waits, within a time limit."""
        self._provider.shutdown()


class Traced:
    """A use case, each of whose calls is a span.

    Args:
        inner: the use case itself.
    """

    def __init__(self, inner: Any, tracing: Tracing) -> None:
        self._inner = inner
        self._tracing = tracing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(found):
            return found

        @functools.wraps(found)
        async def call(*arguments: Any, **more: Any) -> Any:
            with self._tracing.span(f"{type(self._inner).__name__}.{name}"):
                return await found(*arguments, **more)

        setattr(self, name, call)
        return call


def traced(use_case: Any, tracing: Tracing) -> Any:
    """The use case with spans; itself where nothing is traced."""
    return use_case if isinstance(tracing, NoTracing) else Traced(use_case, tracing)
