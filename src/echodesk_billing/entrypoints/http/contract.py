"""The HTTP contract: answers requests, independent of any server."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import structlog

from echodesk_billing._version import __version__
from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.entrypoints.http import metrics, openapi, problems, reference
from echodesk_billing.entrypoints.http.authentication import authenticate
from echodesk_billing.entrypoints.http.calls import Call, Page, Route
from echodesk_billing.entrypoints.http.common import Nothing
from echodesk_billing.entrypoints.http.cors import Cors
from echodesk_billing.entrypoints.http.idempotency import once
from echodesk_billing.entrypoints.http.limits import Limiter, RateLimits
from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.entrypoints.http.payments import WEBHOOK
from echodesk_billing.entrypoints.http.problems import Refused
from echodesk_billing.entrypoints.http.registration import REGISTER
from echodesk_billing.entrypoints.http.router import Router
from echodesk_billing.entrypoints.http.routes import ROUTES
from echodesk_billing.ports.access import Principal

log = structlog.get_logger()


LINK = "{link}"
"""A path parameter that lets in whoever has it, and so is not logged."""
_UNCOUNTED = ("/healthz", "/readyz", "/metrics")
_WAITING = tuple(route.path for route in ROUTES if route.waits)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Billing-Version": __version__,
}
_encoder = msgspec.json.Encoder(decimal_format="number")


class Contract:
    """Everything between a server and the use cases.

    Around every request: a request id, errors as problems, security headers, metrics, a line in the log, limits.

    Args:
        pages: paths besides the API and its description, such as the console.
        origins: patterns of the origins whose pages may call the API; none switches CORS off.
    """

    def __init__(
        self,
        uses: UseCases,
        rates: RateLimits,
        pages: Iterable[Page] = (),
        origins: Sequence[re.Pattern[str]] = (),
    ) -> None:
        self._uses = uses
        self._cors = Cors(origins)
        self._limiter = Limiter(rates)
        self._is_stopping = False
        self._router = Router((*ROUTES, *_own_pages(), *pages))

    def stop(self) -> None:
        """End long polls, because the process is about to stop."""
        self._is_stopping = True

    async def handle(self, request: Request) -> Response:
        """Answer a request. Never raises: errors become answers."""
        asked = request.header("X-Request-ID")
        request_id = asked if _REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex
        if self._limiter.is_full and not _is_uncounted(request):
            return self._turned_away(request, request_id)
        started = time.perf_counter()
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            self._uses.tracing.span(request.method) as span,
        ):
            response, path = await self._answer(request)
            span.rename(f"{request.method} {path}")
            span.note("http.response.status_code", int(response.status))
            seconds = time.perf_counter() - started
            metrics.observe(request.method, path, response.status, seconds)
            log.info(
                "http.answered",
                method=request.method,
                path=path if LINK in path else request.path,
                status=int(response.status),
                milliseconds=round(seconds * 1000, 1),
            )
        return self._with_headers(response, request, request_id)

    def _turned_away(self, request: Request, request_id: str) -> Response:
        """Refuse a request before it is looked at: under overload there are many of them."""
        response = problems.problem(request, self._limiter.overloaded())
        metrics.observe(request.method, "turned away", response.status, 0)
        return self._with_headers(response, request, request_id)

    def _with_headers(self, response: Response, request: Request, request_id: str) -> Response:
        response.headers = {**_HEADERS, **self._cors.headers(request), **response.headers, "X-Request-ID": request_id}
        return response

    async def _answer(self, request: Request) -> tuple[Response, str]:
        """The answer, and the path pattern of its route."""
        if preflight := self._cors.preflight(request):
            return preflight, "preflight"
        target: Route | Page | None = None
        try:
            _require_readable(request)
            await self._limiter.allow_address(request)
        except Refused as refused:
            return problems.problem(request, refused), "unknown"
        try:
            target, request.parameters = self._router.find(request.method, request.path)
            response = await self._within_limits(request, target)
        except Exception as error:  # noqa: BLE001 - rendered by the table of problems
            response = problems.problem(request, problems.from_error(error))
        if request.path not in _UNCOUNTED:
            vouched = request.header("Callback-Signature" if request.path == WEBHOOK else "Authorization")
            await self._limiter.count_stranger(request, response.status, is_vouched=bool(vouched))
        return response, target.path if target else "unknown"

    async def _within_limits(self, request: Request, target: Route | Page) -> Response:
        """A request counts as concurrent once fully received; health checks are always answered."""
        if _is_uncounted(request):
            return await self._serve(request, target)
        await self._limiter.receive(request)
        with self._limiter.place():
            return await self._serve(request, target)

    async def _serve(self, request: Request, target: Route | Page) -> Response:
        if isinstance(target, Page):
            return await target.handler(request, self._uses)
        who = await authenticate(request, self._uses, target.scope) if target.scope else None
        if who is not None:
            await self._limiter.count_user(who)

        async def answer(key: str | None = None) -> tuple[Response, Exception | None]:
            try:
                return await self._call(request, target, who, key), None
            except Exception as error:  # noqa: BLE001 - rendered by the table of problems
                return problems.problem(request, problems.from_error(error)), error

        is_keyed = request.method != "GET" and target.path != WEBHOOK
        if is_keyed and "idempotency-key" in request.headers:
            return await once(request, who, self._uses, answer, is_secret=target.is_secret)
        response, _ = await answer()
        return response

    async def _call(self, request: Request, route: Route, who: Principal | None, key: str | None) -> Response:
        """Read the body, call the handler within its limits, render the result."""
        body = await _body(request, route.takes) if route.takes else Nothing()
        call = Call(
            request=request,
            body=body,
            uses=self._uses,
            principal=who,
            key=key,
            is_gone=lambda: self._is_stopping or request.is_gone(),
        )
        if route.path == REGISTER:
            await self._limiter.count_registration(request)
        if route.waits:
            with self._limiter.poll(call.who.tenant_id):
                given = await route.handler(call)
        else:
            given = await route.handler(call)
        if isinstance(given, Response):
            return given
        status = route.status(given) if route.status else route.statuses[0]
        return Response(status=status, body=_encoder.encode(given))


def _is_uncounted(request: Request) -> bool:
    """Whether it does not count as concurrent: health checks, and calls that wait for news."""
    return request.path in _UNCOUNTED or request.path in _WAITING


def _require_readable(request: Request) -> None:
    if "\0" in request.path or any("\0" in text for pair in request.query.items() for text in pair):
        raise Refused(HTTPStatus.BAD_REQUEST, "The address has a NUL character in it")  # PostgreSQL cannot store it


async def _body(request: Request, kind: type) -> Any:
    """Parse the body as `kind`; a missing body counts as an empty object."""
    raw = await request.body()
    if raw and request.content_type != "application/json":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json")
    if rb"\u0000" in raw:  # PostgreSQL cannot store it
        raise Refused(HTTPStatus.BAD_REQUEST, "The body has a NUL character in it")
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise problems.from_validation(error) from None


def _own_pages() -> list[Page]:
    document = msgspec.json.encode(openapi.document(ROUTES, __version__))
    return [
        Page(path="/metrics", handler=metrics.expose),
        Page(path="/openapi.json", handler=_constant(document, "application/json; charset=utf-8")),
        *reference.pages(ROUTES),
        Page(path="/", handler=redirect("/docs")),
    ]


def _constant(body: bytes, content_type: str) -> Callable[[Request, UseCases], Awaitable[Response]]:
    async def serve(_request: Request, _uses: UseCases) -> Response:
        return Response(body=body, content_type=content_type)

    return serve


def redirect(path: str) -> Callable[[Request, UseCases], Awaitable[Response]]:
    """A handler that redirects to another page."""

    async def lead(_request: Request, _uses: UseCases) -> Response:
        return Response(status=HTTPStatus.FOUND, content_type="text/plain", headers={"Location": path})

    return lead
