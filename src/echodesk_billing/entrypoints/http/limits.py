"""Limits of a process: rates per token and address, concurrent requests, slow senders, long polls."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import time
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus

import limits
import limits.aio
from attrs import frozen

from echodesk_billing.entrypoints.http.counts import Counts
from echodesk_billing.entrypoints.http.message import Request
from echodesk_billing.entrypoints.http.problems import Refused
from echodesk_billing.ports.access import Principal

BODY_LIMIT = 64 * 1024
_IPV6_NETWORK_BITS = 64
_STRANGERS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_TIMEOUT)


@frozen(kw_only=True)
class RateLimits:
    """The limits of this process.

    Args:
        per_token: rate limit per user, such as `300/minute`.
        per_address: rate limit of unauthenticated calls per address.
        registrations: rate limit of registrations per address.
        at_once: concurrent requests; more are rejected at once instead of all being slow.
        polls_per_tenant: concurrent long polls per tenant.
        polls_at_once: concurrent long polls in total.
        bodies_per_address: request bodies being received per address at a time.
        body_seconds: time limit to receive a body.
    """

    per_token: str
    per_address: str
    registrations: str = "10/hour"
    at_once: int = 200
    polls_per_tenant: int = 5
    polls_at_once: int = 500
    bodies_per_address: int = 64
    body_seconds: float = 10.0


class Limiter:
    """Counts requests and rejects those beyond the limits."""

    def __init__(self, rates: RateLimits) -> None:
        self._limiter = limits.aio.strategies.FixedWindowRateLimiter(Counts())
        self._per_token = limits.parse(rates.per_token)
        self._per_address = limits.parse(rates.per_address)
        self._registrations = limits.parse(rates.registrations)
        self._rates = rates
        self._in_hand = 0
        self._polls: Counter[str] = Counter()
        self._bodies: Counter[str] = Counter()

    async def allow_address(self, request: Request) -> None:
        """Check the rate limit of unauthenticated calls of an address.

        Raises:
            Refused: 429.
        """
        address = _address(request)
        if not await self._limiter.test(self._per_address, "address", address):
            raise await self._too_many(self._per_address, "address", address)

    async def count_stranger(self, request: Request, status: int, *, is_vouched: bool) -> None:
        """Count an unauthenticated call: a public or a rejected one."""
        if not is_vouched or status in _STRANGERS:
            await self._limiter.hit(self._per_address, "address", _address(request))

    async def count_user(self, who: Principal) -> None:
        """Count a call of a user.

        Raises:
            Refused: 429; the limit is exceeded.
        """
        if not await self._limiter.hit(self._per_token, "user", who.tenant_id, who.user_id):
            raise await self._too_many(self._per_token, "user", who.tenant_id, who.user_id)

    async def count_registration(self, request: Request) -> None:
        """Count a registration of an address.

        Raises:
            Refused: 429; the limit is exceeded.
        """
        address = _address(request)
        if not await self._limiter.hit(self._registrations, "registration", address):
            raise await self._too_many(self._registrations, "registration", address)

    @contextlib.contextmanager
    def poll(self, tenant_id: str) -> Iterator[None]:
        """Count a long poll while the block runs.

        Raises:
            Refused: 429; the tenant or the process has too many long polls.
        """
        if self._polls[tenant_id] >= self._rates.polls_per_tenant or self._polls.total() >= self._rates.polls_at_once:
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"Too many calls wait for events: at most {self._rates.polls_per_tenant} of a tenant",
                headers={"Retry-After": "5"},
            )
        with _counted(self._polls, tenant_id):
            yield

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Count a concurrent request while the block runs.

        Raises:
            Refused: 503; the process is at its limit.
        """
        if self.is_full:
            raise self.overloaded()
        self._in_hand += 1
        try:
            yield
        finally:
            self._in_hand -= 1

    @property
    def is_full(self) -> bool:
        """Whether the process is at its limit of concurrent requests."""
        return self._in_hand >= self._rates.at_once

    def overloaded(self) -> Refused:
        """The error of a request beyond the limit."""
        return Refused(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"Overloaded: {self._rates.at_once} requests are in progress. Try again in a second",
            headers={"Retry-After": "1"},
        )

    async def receive(self, request: Request) -> None:
        """Receive the body before anything else, so that slow senders do not block others.

        Raises:
            Refused: it takes too long (408) or is too large (413), or the address is sending too many (429).
        """
        if not request.has_body:
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
                    content = await request.body()
        except TimeoutError:
            raise Refused(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The body did not arrive within {self._rates.body_seconds:g} s",
                headers={"Connection": "close"},
            ) from None
        if len(content) > BODY_LIMIT:
            raise too_large()

    async def _too_many(self, item: limits.RateLimitItem, *key: str) -> Refused:
        reset, _ = await self._limiter.get_window_stats(item, *key)
        seconds = max(1, round(reset - time.time()))
        return Refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"Too many calls: at most {item}. Try again in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )


def too_large() -> Refused:
    """The error for a body that is too large."""
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than 64 KiB")


def _address(request: Request) -> str:
    return _network(request.remote)


@functools.lru_cache(maxsize=1024)
def _network(remote: str) -> str:
    """An IPv4 address as it is, or the /64 network of an IPv6 address."""
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return remote
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
