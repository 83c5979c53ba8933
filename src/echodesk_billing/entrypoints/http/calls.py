"""Calls and routes: what a handler receives and how a path is declared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Generic, Literal, TypeVar

from attrs import frozen

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.domain.catalogue.catalogue import LARGEST_ID
from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.entrypoints.http.problems import Refused
from echodesk_billing.ports.access import Principal, Scope

B = TypeVar("B")


@frozen(kw_only=True)
class Call(Generic[B]):
    """A validated request.

    Args:
        request: with headers and path.
        body: validated against the route's request type.
        uses: the use cases.
        principal: the caller; None on public routes.
        key: UUID v4 of a request with an `Idempotency-Key`; None without one.
        is_gone: whether the client has disconnected, or the process is about to end.
    """

    request: Request
    body: B
    uses: UseCases
    principal: Principal | None
    key: str | None = None
    is_gone: Callable[[], bool] = lambda: False

    @property
    def who(self) -> Principal:
        """The caller, on a route with a scope."""
        if self.principal is None:
            raise AssertionError("a public route asked who is calling")
        return self.principal

    @property
    def language(self) -> str:
        """`ka` where the browser prefers Georgian, else `en`."""
        return self.request.language


@frozen(kw_only=True)
class Query:
    """A query parameter, for the OpenAPI description.

    Args:
        kind: its type, which the handler reads from text.
    """

    name: str
    kind: Any = str
    description: str


LANGUAGE = Query(name="language", kind=Literal["ka", "en"], description="of the document; Accept-Language where absent")


@frozen(kw_only=True)
class Route:
    """One path of the API: the source of both the contract and its OpenAPI description.

    Args:
        scope: required of the token; None for public routes.
        takes: type of the request body; None where there is none or it is read raw.
        gives: type of the answer; bytes where it is not JSON.
        status: computed from the answer where it is not the first of `statuses`.
        statuses: of successful answers.
        waits: long polling, which does not count towards concurrent requests.
        is_secret: its answers contain secrets, and are stored encrypted under an idempotency key.
        query: its query parameters.
        operation: the operation id, in camel case.
    """

    method: str
    path: str
    handler: Callable[[Call[Any]], Awaitable[Any]]
    summary: str
    operation: str
    gives: Any
    takes: type | None = None
    scope: Scope | None = None
    status: Callable[[Any], int] | None = None
    statuses: tuple[int, ...] = (200,)
    waits: bool = False
    is_secret: bool = False
    query: tuple[Query, ...] = ()


@frozen(kw_only=True)
class Page:
    """One path outside the API: documents, metrics, HTML pages."""

    method: str = "GET"
    path: str
    handler: Callable[[Request, UseCases], Awaitable[Response]]


def whole_number(text: str, name: str, at_most: int = LARGEST_ID) -> int:
    """A number from a query or path.

    Args:
        name: its name in error messages.

    Raises:
        Refused: 400; it is not an integer from 0 to `at_most`.
    """
    if text.isascii() and text.isdecimal() and len(text) <= len(str(at_most)) and int(text) <= at_most:
        return int(text)
    raise Refused(HTTPStatus.BAD_REQUEST, f"{name}: give a whole number from 0 to {at_most}")
