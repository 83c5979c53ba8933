"""A call as a handler sees it: who asks, what for, and the use cases that can do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from attrs import frozen

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.domain.catalogue.catalogue import LARGEST_ID
from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.entrypoints.http.problems import Refused
from echodesk_billing.ports.access import Principal, Scope

B = TypeVar("B")


@frozen(kw_only=True)
class Call(Generic[B]):
    """One request after it was checked.

    Args:
        request: for headers and path.
        body: validated against the route's request type.
        uses: the use cases.
        principal: who asks; None on public routes.
        key: identity of a request that carries an `Idempotency-Key`, a UUID v4; None where it carries none.
        is_gone: whether nobody waits for the answer any more, or the process is about to end.
    """

    request: Request
    body: B
    uses: UseCases
    principal: Principal | None
    key: str | None = None
    is_gone: Callable[[], bool] = lambda: False

    @property
    def who(self) -> Principal:
        """Who asks, on a route that has a scope."""
        if self.principal is None:
            raise AssertionError("a public route asked who is calling")
        return self.principal

    @property
    def language(self) -> str:
        """`ka` where the browser prefers Georgian, else `en`."""
        return "ka" if self.request.header("Accept-Language").lower().startswith("ka") else "en"


@frozen(kw_only=True)
class Route:
    """One path of the API, the source of both the contract and its description.

    Args:
        scope: what the token must allow; None for public routes.
        takes: type of the request body; None where there is none, or where it is read raw.
        gives: type of the answer; bytes for what is no JSON.
        status: chosen from the answer where it is not 200.
        waits: it answers when something happens, so that it takes no place among the requests that are worked on.
    """

    method: str
    path: str
    handler: Callable[[Call[Any]], Awaitable[Any]]
    summary: str
    gives: Any
    takes: type | None = None
    scope: Scope | None = None
    status: Callable[[Any], int] = lambda _: 200
    waits: bool = False


@frozen(kw_only=True)
class Page:
    """One path that is not part of the API: documents, metrics, pages for people."""

    method: str = "GET"
    path: str
    handler: Callable[[Request, UseCases], Awaitable[Response]]


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
