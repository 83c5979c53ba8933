"""Planned faults of the next calls and callbacks."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define

from bog_sandbox.orders import Json
from bog_sandbox.validation import Refused

CALL_KINDS = (
    "delay",
    "drop_before_effect",
    "drop_after_effect",
    "status",
    "garbage",
    "slow",
    "expire_token",
    "cut",
    "empty",
    "created",
)
CALLBACK_KINDS = ("drop", "duplicate", "reorder", "delay", "corrupt_signature", "unsigned")
DEFAULT_SECONDS = 5.0
CALLBACK = "callback"


@define(kw_only=True)
class Fault:
    """A fault, its path, and how many times it still happens."""

    path: str
    kind: str
    times: int = 1
    status: int = 500
    seconds: float = DEFAULT_SECONDS


def read(body: Json) -> Fault:
    """A fault from the body of `POST /sandbox/faults`.

    Raises:
        Refused: it is not a valid fault.
    """
    path, kind = body.get("path"), body.get("kind")
    if not isinstance(path, str) or not path:
        raise Refused(400, f"path is required: a part of a call's path, or {CALLBACK!r}")
    kinds = CALLBACK_KINDS if path == CALLBACK else CALL_KINDS
    if not isinstance(kind, str) or kind not in kinds:
        raise Refused(400, f"kind for {path!r} must be one of {', '.join(kinds)}")
    times, status, seconds = body.get("times", 1), body.get("status", 500), body.get("seconds", DEFAULT_SECONDS)
    if not isinstance(times, int) or isinstance(times, bool) or times < 1:
        raise Refused(400, "times must be a whole number above zero")
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise Refused(400, "status must be an HTTP status")
    if isinstance(seconds, str | bool | dict | list) or seconds is None or float(seconds) < 0:
        raise Refused(400, "seconds must be a number, zero or more")
    return Fault(path=path, kind=kind, times=times, status=status, seconds=float(seconds))


class Faults:
    """The planned faults, first in first out per path."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Plan a fault."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Remove all planned faults."""
        self._waiting.clear()

    def for_call(self, path: str) -> Fault | None:
        """The fault of this call, if any; uses it up once."""
        return self._take(lambda fault: fault.path != CALLBACK and fault.path in path)

    def for_callback(self) -> Fault | None:
        """The fault of this callback, if any; uses it up once."""
        return self._take(lambda fault: fault.path == CALLBACK)

    def _take(self, fits: Callable[[Fault], bool]) -> Fault | None:
        for fault in self._waiting:
            if fits(fault):
                fault.times -= 1
                if not fault.times:
                    self._waiting.remove(fault)
                return fault
        return None
