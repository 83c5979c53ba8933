"""The feed of events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from echodesk_billing.domain.events import Event
from echodesk_billing.entrypoints.http.calls import Call, Query, Route, whole_number
from echodesk_billing.entrypoints.http.common import Nothing
from echodesk_billing.ports.access import Scope

Seconds = Annotated[int, Meta(ge=0, le=999)]


class EventView(Struct, frozen=True, kw_only=True):
    """A recorded event. `data` depends on `type`; its amounts are decimal strings."""

    id: str
    type: str
    version: int
    at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> EventView:
        """From a recorded event."""
        data = {key: value for key, value in msgspec.to_builtins(event).items() if key not in ("id", "at")}
        return cls(id=event.id, type=event.name, version=event.version, at=event.at, data=data)


class Events(Struct, frozen=True, kw_only=True):
    """Events, oldest first. Pass `next` as `after` to continue."""

    events: list[EventView]
    next: str | None

    @classmethod
    def of(cls, events: Sequence[Event]) -> Events:
        """From recorded events."""
        return cls(events=[EventView.of(event) for event in events], next=events[-1].id if events else None)


async def feed(call: Call[Nothing]) -> Events:
    """`GET /api/events/?after=<event id>&wait=<seconds>`."""
    wait = whole_number(call.request.query.get("wait", "0"), "wait", 999)
    found = await call.uses.views.events(
        call.who, call.request.query.get("after"), timedelta(seconds=wait), call.is_gone
    )
    return Events.of(found)


ROUTES = (
    Route(
        method="GET",
        path="/api/events/",
        handler=feed,
        operation="listEvents",
        summary="Events of the tenant after a given event; can wait for more",
        gives=Events,
        scope=Scope.READ,
        waits=True,
        query=(
            Query(name="after", description="the id of the last event that you have"),
            Query(name="wait", kind=Seconds, description="how many seconds to wait for an event, at most 30"),
        ),
    ),
)
