"""A call as a handler sees it: who asks, what for, and the use cases that can do it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from aiohttp import web
from attrs import frozen

from echodesk_billing.application.callbacks import ReceiveCallback
from echodesk_billing.application.cards import SavedCards
from echodesk_billing.application.changes import Cancel, ChangePlan, StartTrial
from echodesk_billing.application.checkout import Checkout
from echodesk_billing.application.preauthorisation import Preauthorisation
from echodesk_billing.application.refunds import RefundPayment
from echodesk_billing.application.registration import Register
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.application.tokens import Tokens
from echodesk_billing.application.views import Views
from echodesk_billing.domain.catalogue.catalogue import LARGEST_ID
from echodesk_billing.entrypoints.web.problems import Refused
from echodesk_billing.ports.access import Access, Principal, Scope
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway
from echodesk_billing.ports.storage import Storage

B = TypeVar("B")


@frozen(kw_only=True)
class UseCases:
    """What the handlers may call."""

    access: Access
    tokens: Tokens
    checkout: Checkout
    callbacks: ReceiveCallback
    cancel: Cancel
    refunds: RefundPayment
    settlement: Settlement
    preauthorisation: Preauthorisation
    cards: SavedCards
    change_plan: ChangePlan
    start_trial: StartTrial
    register: Register
    views: Views
    storage: Storage
    gateway: Gateway
    clock: Clock
    api_domain: str


USE_CASES = web.AppKey("use_cases", UseCases)
STOPPING = web.AppKey("stopping", asyncio.Event)


@frozen(kw_only=True)
class Call(Generic[B]):
    """One request after it was checked.

    Args:
        request: for headers and path.
        body: validated against the route's request type.
        uses: the use cases.
        principal: who asks; None on public routes.
        key: identity of a request that carries an `Idempotency-Key`, a UUID v4; None where it carries none.
    """

    request: web.Request
    body: B
    uses: UseCases
    principal: Principal | None
    key: str | None = None

    @property
    def who(self) -> Principal:
        """Who asks, on a route that has a scope."""
        if self.principal is None:
            raise AssertionError("a public route asked who is calling")
        return self.principal

    @property
    def is_gone(self) -> bool:
        """Whether nobody waits for the answer any more, or the process is about to end."""
        transport = self.request.transport
        return transport is None or transport.is_closing() or self.request.app[STOPPING].is_set()

    @property
    def language(self) -> str:
        """`ka` where the browser prefers Georgian, else `en`."""
        return "ka" if self.request.headers.get("Accept-Language", "").lower().startswith("ka") else "en"


Handler = Callable[[Call[Any]], Awaitable[Any]]


@frozen(kw_only=True)
class Route:
    """One path of the API, the source of both the server and its description.

    Args:
        scope: what the token must allow; None for public routes.
        takes: type of the request body; None where there is none, or where it is read raw.
        gives: type of the answer; bytes for what is no JSON.
        status: chosen from the answer where it is not 200.
        waits: it answers when something happens, so that it takes no place among the requests that are worked on.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    gives: Any
    takes: type | None = None
    scope: Scope | None = None
    status: Callable[[Any], int] = lambda _: 200
    waits: bool = False


async def raw_body(request: web.Request) -> bytes:
    """The body as it came.

    Raises:
        Refused: 400; it broke off, or its chunks are none.
    """
    try:
        return await request.read()
    except (ConnectionError, web.RequestPayloadError):
        raise Refused(HTTPStatus.BAD_REQUEST, "The body broke off before its end") from None


def whole_number(text: str, name: str, at_most: int = LARGEST_ID) -> int:
    """The number that a query or an address gives as text.

    Args:
        name: what it is called there, for the refusal.

    Raises:
        Refused: 400; it is no whole number from 0 to `at_most`.
    """
    if text.isascii() and text.isdecimal() and len(text) <= len(str(at_most)) and int(text) <= at_most:
        return int(text)
    raise Refused(HTTPStatus.BAD_REQUEST, f"{name}: give a whole number from 0 to {at_most}")
