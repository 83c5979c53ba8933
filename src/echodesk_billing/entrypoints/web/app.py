"""The aiohttp application: what happens around every handler."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import limits
import limits.aio
import msgspec
import structlog
from aiohttp import hdrs, web
from attrs import frozen

from echodesk_billing.domain.customers.tenant import tenant_id
from echodesk_billing.domain.errors import InvalidTenant
from echodesk_billing.entrypoints.web import metrics, openapi, problems
from echodesk_billing.entrypoints.web.calls import STOPPING, USE_CASES, Call, Route, UseCases, raw_body
from echodesk_billing.entrypoints.web.console import HOME as CONSOLE
from echodesk_billing.entrypoints.web.console import add_console
from echodesk_billing.entrypoints.web.idempotency import once
from echodesk_billing.entrypoints.web.problems import Refused
from echodesk_billing.entrypoints.web.routes import REGISTER, ROUTES, WEBHOOK
from echodesk_billing.entrypoints.web.schemas import Nothing
from echodesk_billing.ports.access import Principal, Scope

log = structlog.get_logger()

BODY_LIMIT = 64 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Billing-Version": version("echodesk-billing"),
}
_encoder = msgspec.json.Encoder(decimal_format="number")

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


@frozen(kw_only=True)
class RateLimits:
    """How much this process takes on.

    Args:
        per_token: how often a user may call, as `300/minute`.
        per_address: the same for an address whose calls nobody vouches for.
        registrations: how often an address may register a tenant, which anybody may.
        at_once: how many requests are worked on at a time; more are turned away at once rather than all too late.
        polls_per_tenant: how many calls of a tenant may wait for events at a time.
        polls_at_once: the same for all tenants.
        bodies_per_address: how many bodies of one address may be on their way at a time.
        body_seconds: how long a body may take to come.
    """

    per_token: str
    per_address: str
    registrations: str = "10/hour"
    at_once: int = 200
    polls_per_tenant: int = 5
    polls_at_once: int = 500
    bodies_per_address: int = 64
    body_seconds: float = 10.0


def build_app(use_cases: UseCases, rate_limits: RateLimits) -> web.Application:
    """The application with all routes of the API."""
    guard = _Guard(rate_limits)
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=[_dress, _readable, guard.by_address, guard.bounded])
    app[USE_CASES] = use_cases
    app[STOPPING] = asyncio.Event()
    app.on_shutdown.append(_let_pollers_go)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _endpoint(route, guard))
    app.router.add_get("/metrics", metrics.expose)
    add_console(app)
    document = msgspec.json.encode(openapi.document(ROUTES, _HEADERS["X-Billing-Version"]))
    page = openapi.page(ROUTES)
    app.router.add_get("/openapi.json", _constant(document, "application/json"))
    app.router.add_get("/docs", _constant(page.encode(), "text/html"))
    app.router.add_get("/", _redirect("/docs"))
    app.router.add_get(CONSOLE.rstrip("/"), _redirect(CONSOLE))
    return app


def _constant(body: bytes, content_type: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type, charset="utf-8")

    return serve


def _redirect(path: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def lead(_request: web.Request) -> web.Response:
        return web.Response(status=HTTPStatus.FOUND, headers={"Location": path})

    return lead


def _endpoint(route: Route, guard: _Guard) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Authenticate, read the body, call the handler, render what it gives."""

    async def serve(request: web.Request) -> web.Response:
        uses = request.app[USE_CASES]
        principal = await _authenticate(request, uses, route.scope) if route.scope else None
        if principal is not None:
            await guard.by_token(principal)

        async def answer(key: str | None = None) -> tuple[web.Response, Exception | None]:
            try:
                body = await _body(request, route.takes) if route.takes else Nothing()
                call = Call(request=request, body=body, uses=uses, principal=principal, key=key)
                given = await guard.handle(route, call)
            except Exception as error:  # noqa: BLE001 - rendered by the table of problems
                return problems.problem(request, _refusal(error)), error
            if isinstance(given, web.Response):
                return given, None
            body = _encoder.encode(given)
            return web.Response(status=route.status(given), body=body, content_type="application/json"), None

        is_keyed = request.method != hdrs.METH_GET and route.path != WEBHOOK
        if is_keyed and "Idempotency-Key" in request.headers:
            return await once(request, principal, uses, answer)
        response, _ = await answer()
        return response

    return serve


def _refusal(error: Exception) -> Refused:
    if isinstance(error, Refused):
        return error
    if isinstance(error, web.HTTPException):
        return problems.from_http(error)
    return problems.from_error(error)


async def _authenticate(request: web.Request, uses: UseCases, scope: Scope) -> Principal:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    known = await uses.access.authenticate(token.strip()) if kind.lower() in ("token", "bearer") else None
    if known is None:
        raise Refused(
            HTTPStatus.UNAUTHORIZED,
            "A valid token is needed: send 'Authorization: Token <token>'",
            headers={"WWW-Authenticate": "Token"},
        )
    if uses.access is not uses.tokens and Scope.OPERATOR not in known.scopes:
        _require_tenant(known)  # somebody else's word; our own tokens were checked when they were issued
    if not known.allows(scope):
        if "order_id" in request.match_info:  # another tenant's order looks like none, before it looks forbidden
            await uses.views.order(known, request.match_info["order_id"])
        raise Refused(HTTPStatus.FORBIDDEN, f"This token may not do that: it needs the scope {scope}")
    return known


def _require_tenant(who: Principal) -> None:
    try:
        tenant_id(who.tenant_id)
    except InvalidTenant as error:
        raise Refused(HTTPStatus.FORBIDDEN, str(error)) from None


async def _body(request: web.Request, kind: type) -> Any:
    """The body as `kind`; no body at all counts as an empty object."""
    raw = await raw_body(request)
    if raw and request.content_type != "application/json":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json")
    if rb"\u0000" in raw:  # PostgreSQL knows no such text
        raise Refused(HTTPStatus.BAD_REQUEST, "The body has a NUL character in it")
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise problems.from_validation(error) from None


class _Guard:
    """Rate limits, counted in this process."""

    def __init__(self, rates: RateLimits) -> None:
        self._limiter = limits.aio.strategies.FixedWindowRateLimiter(limits.aio.storage.MemoryStorage())
        self._per_token = limits.parse(rates.per_token)
        self._per_address = limits.parse(rates.per_address)
        self._registrations = limits.parse(rates.registrations)
        self._rates = rates
        self._in_hand = 0
        self._polls: Counter[str] = Counter()
        self._bodies: Counter[str] = Counter()

    async def handle(self, route: Route, call: Call[Any]) -> Any:
        """Call the handler of a route, within the limits of its kind.

        Raises:
            Refused: an address registers too often, or a tenant waits for events too many times at once.
        """
        if route.path == REGISTER:
            await self._count_registration(_address(call.request))
        if not route.waits:
            return await route.handler(call)
        tenant = call.who.tenant_id
        if self._polls[tenant] >= self._rates.polls_per_tenant or self._polls.total() >= self._rates.polls_at_once:
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"Too many calls wait for events: at most {self._rates.polls_per_tenant} of a tenant",
                headers={"Retry-After": "5"},
            )
        with _counted(self._polls, tenant):
            return await route.handler(call)

    async def _count_registration(self, address: str) -> None:
        if not await self._limiter.hit(self._registrations, "registration", address):
            raise await self._too_many(self._registrations, "registration", address)

    async def by_token(self, who: Principal) -> None:
        """Count a call of a user.

        Raises:
            Refused: it was one too many.
        """
        if not await self._limiter.hit(self._per_token, "user", who.tenant_id, who.user_id):
            raise await self._too_many(self._per_token, "user", who.tenant_id, who.user_id)

    @web.middleware
    async def bounded(self, request: web.Request, handler: Next) -> web.StreamResponse:
        """Turn away what cannot be worked on soon; whether the process is well is always answered.

        A request takes its place once all of it is here: whoever is slow to send one keeps nobody else out.
        """
        if request.path in _UNCOUNTED or request.path in _WAITING:
            return await handler(request)
        await self._receive(request)
        if self._in_hand >= self._rates.at_once:
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"Too much at once: {self._rates.at_once} requests are being worked on. Try again in a second",
                headers={"Retry-After": "1"},
            )
        self._in_hand += 1
        try:
            return await handler(request)
        finally:
            self._in_hand -= 1

    async def _receive(self, request: web.Request) -> None:
        """Read the body, however it will be used.

        Raises:
            Refused: it takes too long, or the address has too many on their way.
        """
        if not request.can_read_body:
            return
        address = _address(request)
        if self._bodies[address] >= self._rates.bodies_per_address:
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"Too many unfinished requests: at most {self._rates.bodies_per_address} of an address",
                headers={"Retry-After": "10", "Connection": "close"},
            )
        try:
            with _counted(self._bodies, address):
                async with asyncio.timeout(self._rates.body_seconds):
                    await raw_body(request)
        except TimeoutError:
            raise Refused(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The body did not come within {self._rates.body_seconds:g} s",
                headers={"Connection": "close"},
            ) from None

    @web.middleware
    async def by_address(self, request: web.Request, handler: Next) -> web.StreamResponse:
        """Turn away an address that made too many calls nobody vouched for: public ones, and refused ones."""
        address = _address(request)
        if not await self._limiter.test(self._per_address, "address", address):
            raise await self._too_many(self._per_address, "address", address)
        vouched = request.headers.get("Callback-Signature" if request.path == WEBHOOK else "Authorization")
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        try:
            response = await handler(request)
            status = HTTPStatus(response.status)
            return response
        except Refused as refused:
            status = refused.status
            raise
        finally:
            refused_now = status in _STRANGERS
            if request.path not in _UNCOUNTED and (not vouched or refused_now):
                await self._limiter.hit(self._per_address, "address", address)

    async def _too_many(self, item: limits.RateLimitItem, *key: str) -> Refused:
        reset, _ = await self._limiter.get_window_stats(item, *key)
        seconds = max(1, round(reset - time.time()))
        return Refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"Too many calls: at most {item}. Try again in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )


_UNCOUNTED = ("/healthz", "/readyz", "/metrics")
_WAITING = tuple(route.path for route in ROUTES if route.waits)
_STRANGERS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_TIMEOUT)
_IPV6_NETWORK_BITS = 64


def _address(request: web.Request) -> str:
    """Who calls: an address, or the network that one household has of IPv6."""
    try:
        address = ipaddress.ip_address(request.remote or "")
    except ValueError:
        return request.remote or ""
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, _IPV6_NETWORK_BITS), strict=False))


@contextlib.contextmanager
def _counted(counter: Counter[str], name: str) -> Iterator[None]:
    """Count `name` while the block runs."""
    counter[name] += 1
    try:
        yield
    finally:
        counter[name] -= 1
        if not counter[name]:
            del counter[name]


async def _let_pollers_go(app: web.Application) -> None:
    app[STOPPING].set()


@web.middleware
async def _readable(request: web.Request, handler: Next) -> web.StreamResponse:
    """Turn away an address with a character that PostgreSQL has no text for."""
    if "\0" in request.path or "\0" in request.query_string:
        raise Refused(HTTPStatus.BAD_REQUEST, "The address has a NUL character in it")
    return await handler(request)


@web.middleware
async def _dress(request: web.Request, handler: Next) -> web.StreamResponse:
    """Around everything: request id, errors as problems, security headers, metrics, a line in the log."""
    asked = request.headers.get("X-Request-ID", "")
    request_id = asked if _REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex
    started = time.perf_counter()
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - rendered by the table of problems
            response = problems.problem(request, _refusal(error))
        seconds = time.perf_counter() - started
        resource = request.match_info.route.resource
        metrics.observe(request.method, resource.canonical if resource else "unknown", response.status, seconds)
        log.info(
            "http.answered",
            method=request.method,
            path=request.path,
            status=response.status,
            milliseconds=round(seconds * 1000, 1),
        )
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-ID"] = request_id
    return response
