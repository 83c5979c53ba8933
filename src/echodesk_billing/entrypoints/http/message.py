"""A request and its answer, whatever server they came through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlencode

from attrs import define, field


def _lower(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by their lower-case names; of several with one name the first counts."""
    found: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        found.setdefault(name.lower(), value)
    return found


def body_of(content: bytes) -> Callable[[], Awaitable[bytes]]:
    """What gives a body that is here already."""

    async def receive() -> bytes:
        return content

    return receive


@define(kw_only=True)
class Request:
    """A request as a server hands it over.

    Args:
        path: decoded, without the query.
        query: decoded; of several values with one name the first counts.
        target: path and query as they were sent.
        headers: by any spelling of their names.
        host: the server's name and port, as the client wrote them.
        remote: the address of the client, or of the proxy that is trusted with it.
        has_body: whether there is one to receive.
        receive: gives the whole body; may take as long as the client takes to send it. It raises `Refused` where the
            body breaks off or is too large.
        is_gone: whether the client has hung up.
        parameters: what the route's path has in braces; set by the router.
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
    _body: bytes | None = field(default=None, init=False)

    @target.default
    def _target(self) -> str:
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def header(self, name: str) -> str:
        """A header's value; empty where it was not sent."""
        return self.headers.get(name.lower(), "")

    @property
    def content_type(self) -> str:
        """The type of the body, lower case and without parameters."""
        return self.header("Content-Type").partition(";")[0].strip().lower()

    @property
    def cookies(self) -> dict[str, str]:
        """Cookies by name; none where they cannot be read."""
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
    """An answer that a server sends.

    Args:
        content_type: with its charset, where it has one.
        cookies: values of `Set-Cookie` headers.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(factory=dict)
    cookies: list[str] = field(factory=list)


def see_other(where: str) -> Response:
    """What leads a browser to another page after a form."""
    return Response(status=303, content_type="text/plain", headers={"Location": where})
