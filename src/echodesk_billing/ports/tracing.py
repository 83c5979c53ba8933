"""Traces: what led to what, and how long it took. Spans carry no ids of customers and nothing they sent."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, Self


class Span(Protocol):
    """A span that is open."""

    def rename(self, name: str) -> None:
        """Give it another name, once more is known."""
        ...

    def note(self, name: str, value: str | int) -> None:
        """Add an attribute."""
        ...


class Tracing(Protocol):
    """Opens spans. Those that are opened while another is open are its children."""

    def span(self, name: str) -> AbstractContextManager[Span]:
        """A span while the block runs; an exception that leaves it marks it as failed."""
        ...

    def carried(self) -> str:
        """The open span as text, to be resumed in another process; empty where there is none."""
        ...

    def resumed(self, carried: str) -> AbstractContextManager[None]:
        """Spans in the block are children of a span of another process."""
        ...


class NoSpan:
    """A span that nobody looks at."""

    def __enter__(self) -> Self:
        """Nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing."""

    def rename(self, name: str) -> None:
        """Nothing."""

    def note(self, name: str, value: str | int) -> None:
        """Nothing."""


class NoTracing:
    """No traces."""

    _span = NoSpan()

    def span(self, name: str) -> NoSpan:  # noqa: ARG002
        """Nothing."""
        return self._span

    def carried(self) -> str:
        """Nothing."""
        return ""

    def resumed(self, carried: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Nothing."""
        return nullcontext()
