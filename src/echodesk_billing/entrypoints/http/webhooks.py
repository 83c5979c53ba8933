"""Webhook endpoints: of a tenant for its own events, of operators for all."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from echodesk_billing.application.webhooks import WithSecret
from echodesk_billing.domain.notifications.webhook import Delivery, DeliveryState, Endpoint
from echodesk_billing.entrypoints.http.calls import Call, Query, Route, whole_number
from echodesk_billing.entrypoints.http.common import Nothing
from echodesk_billing.ports.access import Scope

PATH = "/api/webhook-endpoints/"
ONE = PATH + "{endpoint_id}/"


class CreateEndpoint(Struct, frozen=True, kw_only=True):
    """A new webhook endpoint."""

    url: Annotated[str, Meta(min_length=1, max_length=500)]
    event_types: Annotated[list[str], Meta(max_length=100)] = []
    tenant_id: Annotated[str, Meta(max_length=63)] = ""
    reason: Annotated[str, Meta(max_length=500)] = ""


class Replay(Struct, frozen=True, kw_only=True):
    """Which events are sent again."""

    since: datetime


class EndpointView(Struct, frozen=True, kw_only=True):
    """A webhook endpoint."""

    id: str
    tenant_id: str
    url: str
    event_types: list[str]
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    secret: str | None = None

    @classmethod
    def of(cls, endpoint: Endpoint, secret: str | None = None) -> EndpointView:
        """From an endpoint, with its secret where that is new."""
        return cls(
            id=endpoint.id,
            tenant_id=endpoint.tenant_id,
            url=endpoint.url,
            event_types=list(endpoint.event_types),
            created_at=endpoint.created_at,
            failing_since=endpoint.failing_since,
            disabled_at=endpoint.disabled_at,
            secret=secret,
        )


class EndpointPage(Struct, frozen=True, kw_only=True):
    """Webhook endpoints."""

    endpoints: list[EndpointView]


class TryView(Struct, frozen=True, kw_only=True):
    """One attempt to deliver."""

    at: datetime
    status: int | None
    answer: str
    problem: str
    milliseconds: int


class DeliveryView(Struct, frozen=True, kw_only=True):
    """One message to an endpoint."""

    number: int
    message_id: str
    type: str
    delivery_state: DeliveryState
    created_at: datetime
    body: str
    tries: list[TryView]

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryView:
        """From a delivery."""
        return cls(
            number=delivery.number,
            message_id=delivery.message_id,
            type=delivery.type,
            delivery_state=delivery.state,
            created_at=delivery.created_at,
            body=delivery.body,
            tries=[
                TryView(
                    at=one.at,
                    status=one.status,
                    answer=one.answer,
                    problem=one.problem,
                    milliseconds=one.milliseconds,
                )
                for one in delivery.tries
            ],
        )


class DeliveryPage(Struct, frozen=True, kw_only=True):
    """Deliveries, newest first."""

    deliveries: list[DeliveryView]


class Replayed(Struct, frozen=True, kw_only=True):
    """How many events are sent again."""

    replayed: int


def _with_secret(made: WithSecret) -> EndpointView:
    return EndpointView.of(made.endpoint, made.secret)


async def create(call: Call[CreateEndpoint]) -> EndpointView:
    """`POST /api/webhook-endpoints/`."""
    body = call.body
    return _with_secret(
        await call.uses.webhooks.create(
            call.who, body.url, body.event_types, tenant_id=body.tenant_id, reason=body.reason
        )
    )


async def listed(call: Call[Nothing]) -> EndpointPage:
    """`GET /api/webhook-endpoints/`."""
    found = await call.uses.webhooks.listed(call.who, call.request.query.get("after", ""))
    return EndpointPage(endpoints=[EndpointView.of(one) for one in found])


async def rotate(call: Call[Nothing]) -> EndpointView:
    """`POST /api/webhook-endpoints/<id>/rotate/`."""
    return _with_secret(await call.uses.webhooks.rotate(call.who, call.request.parameters["endpoint_id"]))


async def enable(call: Call[Nothing]) -> EndpointView:
    """`POST /api/webhook-endpoints/<id>/enable/`."""
    return EndpointView.of(await call.uses.webhooks.enable(call.who, call.request.parameters["endpoint_id"]))


async def disable(call: Call[Nothing]) -> EndpointView:
    """`POST /api/webhook-endpoints/<id>/disable/`."""
    return EndpointView.of(await call.uses.webhooks.disable(call.who, call.request.parameters["endpoint_id"]))


async def test(call: Call[Nothing]) -> DeliveryView:
    """`POST /api/webhook-endpoints/<id>/test/`."""
    return DeliveryView.of(await call.uses.webhooks.test(call.who, call.request.parameters["endpoint_id"]))


async def replay(call: Call[Replay]) -> Replayed:
    """`POST /api/webhook-endpoints/<id>/replay/`."""
    endpoint_id = call.request.parameters["endpoint_id"]
    return Replayed(replayed=await call.uses.webhooks.replay(call.who, endpoint_id, call.body.since))


async def deliveries(call: Call[Nothing]) -> DeliveryPage:
    """`GET /api/webhook-endpoints/<id>/deliveries/`."""
    before = whole_number(call.request.query.get("before", "0"), "before")
    found = await call.uses.webhooks.deliveries(call.who, call.request.parameters["endpoint_id"], before)
    return DeliveryPage(deliveries=[DeliveryView.of(one) for one in found])


ROUTES = (
    Route(
        method="GET",
        path=PATH,
        handler=listed,
        operation="listWebhookEndpoints",
        summary="Webhook endpoints, fifty at a time",
        gives=EndpointPage,
        scope=Scope.WRITE,
        query=(Query(name="after", description="only ids after this one"),),
    ),
    Route(
        method="POST",
        path=PATH,
        handler=create,
        operation="createWebhookEndpoint",
        summary="Make a webhook endpoint; its secret is shown only now",
        takes=CreateEndpoint,
        gives=EndpointView,
        is_secret=True,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path=ONE + "rotate/",
        handler=rotate,
        operation="rotateWebhookSecret",
        summary="Make a new secret; the old one signs beside it for a day",
        gives=EndpointView,
        is_secret=True,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path=ONE + "enable/",
        handler=enable,
        operation="enableWebhookEndpoint",
        summary="Send to an endpoint again, first what was waiting",
        gives=EndpointView,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path=ONE + "disable/",
        handler=disable,
        operation="disableWebhookEndpoint",
        summary="Send nothing to an endpoint until it is enabled",
        gives=EndpointView,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path=ONE + "test/",
        handler=test,
        operation="testWebhookEndpoint",
        summary="Send a test message, and see how it went",
        gives=DeliveryView,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path=ONE + "replay/",
        handler=replay,
        operation="replayWebhooks",
        summary="Send the events since a moment again, with the same ids",
        takes=Replay,
        gives=Replayed,
        scope=Scope.WRITE,
    ),
    Route(
        method="GET",
        path=ONE + "deliveries/",
        handler=deliveries,
        operation="listWebhookDeliveries",
        summary="What was sent to an endpoint, newest first, fifty at a time",
        gives=DeliveryPage,
        scope=Scope.WRITE,
        query=(Query(name="before", kind=int, description="only numbers below this one"),),
    ),
)
