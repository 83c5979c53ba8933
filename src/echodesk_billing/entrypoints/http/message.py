"""Requests and answers, independent of the server."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlencode

from attrs import define, field

from echodesk_billing.ports.access import Principal

MOST_LANGUAGES = 20


def _lower(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name; the first of several counts."""
    found: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        found.setdefault(name.lower(), value)
    return found


def _preferences(header: str) -> Iterable[tuple[float, int, str]]:
    """Weight, position from the end, and language of each part of an `Accept-Language` header; the largest wins."""
    for position, part in enumerate(header.lower().split(",")[:MOST_LANGUAGES]):
        tag, _, weight = part.partition(";")
        found = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{1,3})?)\s*", weight) if weight else None
        quality = float(found[1]) if found else 0.0 if weight else 1.0
        if quality > 0:
            yield quality, -position, tag.strip().partition("-")[0]


def body_of(content: bytes) -> Callable[[], Awaitable[bytes]]:
    """A `receive` function for a body that is already received."""

    async def receive() -> bytes:
        return content

    return receive


@define(kw_only=True)
class Request:
    """A request as passed by a server.

    Args:
        path: decoded, without the query.
        query: decoded; the first of several values with one name counts.
        target: path and query as they were sent.
        headers: names in any case.
        host: the `Host` header's name and port.
        remote: the client's address, directly or from a trusted proxy.
        has_body: whether there is a body to receive.
        receive: returns the whole body; takes as long as the client takes to send it. Raises `Refused` where the
            body breaks off or is too large.
        is_gone: whether the client has disconnected.
        parameters: path parameters; set by the router.
        principal: the caller, where the server knows its users itself.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(factory=dict)
    target: str = field()
    headers: Mapping[str, str] = field(factory=dict, converter=_lower)
    host: str = ""
    remote: str = ""
    has_body: bool = False
    receive: Callable[[], Awaitable[bytes]] = field(factory=lambda: body_of(b""))
    is_gone: Callable[[], bool] = lambda: False
    parameters: Mapping[str, str] = field(factory=dict)
    principal: Principal | None = None
    _body: bytes | None = field(default=None, init=False)

    @target.default
    def _target(self) -> str:
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def header(self, name: str) -> str:
        """A header's value, or an empty string."""
        return self.headers.get(name.lower(), "")

    @property
    def host_name(self) -> str:
        """The host's name in lower case, without its port."""
        return re.sub(r":\d*$", "", self.host).lower()

    @property
    def language(self) -> str:
        """`ka` where the browser prefers Georgian, else `en`."""
        best = max(_preferences(self.header("Accept-Language")), default=(0.0, 0, "en"))
        return "ka" if best[2] == "ka" else "en"

    @property
    def content_type(self) -> str:
        """The type of the body, lower case and without parameters."""
        return self.header("Content-Type").partition(";")[0].strip().lower()

    @property
    def cookies(self) -> dict[str, str]:
        """Cookies by name; none where they cannot be parsed."""
        try:
            return {name: one.value for name, one in SimpleCookie(self.header("Cookie")).items()}
        except CookieError:
            return {}

    async def body(self) -> bytes:
        """The whole body, received once.

        Raises:
            Refused: it broke off, or is too large.
        """
        if self._body is None:
            self._body = await self.receive() if self.has_body else b""
        return self._body


@define(kw_only=True)
class Response:
    """An answer to be sent by a server.

    Args:
        content_type: including the charset, if any.
        cookies: values of `Set-Cookie` headers.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(factory=dict)
    cookies: list[str] = field(factory=list)


def see_other(where: str) -> Response:
    """A redirect after a submitted form."""
    return Response(status=303, content_type="text/plain", headers={"Location": where})
