"""The bank's calls over HTTP, and what each way of failing means."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Self

import aiohttp
import stamina
import structlog
from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from echodesk_billing.adapters.bog import codec, signature
from echodesk_billing.adapters.bog.tokens import TokenSource, read_bounded
from echodesk_billing.domain.order import Order
from echodesk_billing.domain.report import BankReport, Source
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import (
    GatewayError,
    GatewayNonsense,
    GatewayNotConfigured,
    GatewayRefused,
    GatewayTimeout,
    GatewayUnavailable,
    MalformedCallback,
    Verdict,
)

log = structlog.get_logger()

_ATTEMPTS = 3
_LONGEST_WAIT_SECONDS = 2
_TOO_MANY_REQUESTS = 429
_UNAUTHORIZED = 401
_SERVER_ERROR = 500


@frozen(kw_only=True)
class BankAccess:
    """Where the bank is and who we are to it.

    Args:
        client_id: empty where payments are not configured.
        timeout_seconds: for one call of ours, repetitions included.
        keys: any of which may have signed a callback.
    """

    auth_url: str
    api_base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    timeout_seconds: float
    keys: Sequence[RSAPublicKey] = field(repr=False)


class BogGateway:
    """The `Gateway` port on the bank's API, version 1.

    Args:
        session: to call with; it follows no redirects and keeps no cookies for us.
        access: where and who.
        clock: for the token's age.
    """

    def __init__(self, session: aiohttp.ClientSession, access: BankAccess, clock: Clock) -> None:
        self._session = session
        self._access = access
        self._tokens = TokenSource(session, access.auth_url, access.client_id, access.client_secret, clock)

    @property
    def is_configured(self) -> bool:
        """Whether there are credentials."""
        return bool(self._access.client_id and self._access.client_secret)

    async def create_order(self, order: Order) -> BankReport:
        """`POST /ecommerce/orders`."""
        headers = {"Idempotency-Key": order.idempotency_key, "Accept-Language": order.request.language}
        raw = await self._call("POST", "/ecommerce/orders", codec.create_order(order), headers)
        try:
            return codec.created(codec.decode(raw), order)
        except codec.Malformed as error:
            raise GatewayNonsense(f"The bank's answer to a new order cannot be read: {error}") from error

    async def receipt(self, bank_order_id: str) -> BankReport:
        """`GET /receipt/{order_id}`."""
        raw = await self._call("GET", f"/receipt/{bank_order_id}", None, {})
        try:
            report = codec.receipt(codec.decode(raw), Source.RECEIPT)
        except codec.Malformed as error:
            raise GatewayNonsense(f"The bank's receipt cannot be read: {error}") from error
        log.info("bank.receipt_read", bank_order_id=bank_order_id, bank_status=report.status, code=report.code)
        return report

    def verify(self, raw_body: bytes, signature_header: str | None) -> Verdict:
        """What the signature is worth, by the bank's keys."""
        return signature.verify(self._access.keys, raw_body, signature_header)

    def read_callback(self, raw_body: bytes) -> BankReport:
        """What a callback says."""
        try:
            return codec.callback(codec.decode(raw_body))
        except codec.Malformed as error:
            raise MalformedCallback(f"The callback cannot be read: {error}") from error

    async def check_credentials(self) -> None:
        """Fetch a token."""
        if not self.is_configured:
            raise GatewayNotConfigured
        await self._tokens.get()

    async def _call(self, method: str, path: str, body: codec.Json | None, headers: dict[str, str]) -> bytes:
        """One call, repeated while that is safe and helps; every changing call carries its idempotency key.

        Raises:
            GatewayError: of the kind that says whether anything was done.
        """
        if not self.is_configured:
            raise GatewayNotConfigured
        waiting_after: _Transient | None = None
        try:
            async with asyncio.timeout(self._access.timeout_seconds):
                async for attempt in stamina.retry_context(
                    on=_wait_before_repeating, attempts=_ATTEMPTS, wait_initial=0.1, wait_max=_LONGEST_WAIT_SECONDS
                ):
                    with attempt:
                        waiting_after = None
                        try:
                            return await self._attempt(method, path, body, headers)
                        except _Transient as transient:
                            waiting_after = transient
                            raise
        except _Transient as transient:
            raise transient.meaning from transient
        except TimeoutError:
            if waiting_after is not None:
                raise waiting_after.meaning from waiting_after
            log.error("bank.timeout", method=method, path=path, seconds=self._access.timeout_seconds)
            raise GatewayTimeout(
                f"The bank did not answer within {self._access.timeout_seconds:g} s; the payment is being found out"
            ) from None
        raise AssertionError("a retry context ends by returning or raising")

    async def _attempt(self, method: str, path: str, body: codec.Json | None, headers: dict[str, str]) -> bytes:
        """One request, and one more with a fresh token where the bank no longer takes ours."""
        for is_last in (False, True):
            token = await self._tokens.get()
            status, answer, answer_headers = await self._request(method, path, body, headers, token)
            log.info("bank.called", method=method, path=path, status=status)
            if status != _UNAUTHORIZED:
                return _understood(status, answer, answer_headers)
            self._tokens.drop(token)
            if is_last:
                break
        raise GatewayUnavailable("The bank refuses a token that it gave a moment ago", 60)

    async def _request(
        self, method: str, path: str, body: codec.Json | None, headers: dict[str, str], token: str
    ) -> tuple[int, bytes, Any]:
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
        url = self._access.api_base_url + path
        data = None if body is None else codec.encode(body)
        try:
            async with self._session.request(method, url, data=data, headers=sent, allow_redirects=False) as response:
                return response.status, await read_bounded(response), response.headers
        except aiohttp.ClientConnectorError as error:
            raise _Transient(GatewayUnavailable(f"The bank cannot be reached: {error}")) from error
        except aiohttp.ClientError as error:
            doubt = GatewayTimeout(f"The connection to the bank broke: {error!r}; the payment is being found out")
            raise _Transient(doubt) from error


class _Transient(Exception):
    """A failure that may pass: worth repeating, and `meaning` when it does not pass."""

    def __init__(self, meaning: GatewayError, wait_seconds: float | None = None) -> None:
        super().__init__(str(meaning))
        self.meaning = meaning
        self.wait_seconds = wait_seconds

    @classmethod
    def from_status(cls, status: int, headers: Any) -> Self:
        asked = headers.get("Retry-After", "")
        seconds = int(asked) if asked.isdigit() else None
        meaning = GatewayUnavailable(f"The bank answered HTTP {status}", min(seconds or 30, 3600))
        return cls(meaning, seconds)


def _wait_before_repeating(error: Exception) -> bool | float:
    """Whether to repeat, and how long the bank wants us to wait where it says so and it is not long."""
    if not isinstance(error, _Transient):
        return False
    if error.wait_seconds is None:
        return True
    return float(error.wait_seconds) if error.wait_seconds <= _LONGEST_WAIT_SECONDS else False


def _understood(status: int, answer: bytes, headers: Any) -> bytes:
    if 200 <= status < 300:
        return answer
    if status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR:
        raise _Transient.from_status(status, headers)
    if status < 400:
        raise GatewayNonsense(f"The bank answered HTTP {status}: a redirect, which is not followed")
    raise GatewayRefused(status, codec.error_message(answer))
