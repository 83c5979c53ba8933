"""The bank's API over HTTP, and the meaning of each failure."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

import aiohttp
import stamina
import structlog
from aiohttp import hdrs
from attrs import field, frozen
from circuitbreaker import CircuitBreaker
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from echodesk_billing.adapters.bog import codec, signature
from echodesk_billing.adapters.bog.tokens import TokenServiceDown, TokenSource, read_bounded
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.refund import Refund
from echodesk_billing.domain.orders.report import BankReport, Source
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import (
    GatewayError,
    GatewayNonsense,
    GatewayNotConfigured,
    GatewayOutcomeUnknown,
    GatewayRefused,
    GatewayTimeout,
    GatewayUnavailable,
    MalformedCallback,
    Verdict,
)

log = structlog.get_logger()

T = TypeVar("T")

# Without `Accept` one client was answered in XML; a language other than these two, `*` included, is refused.
_ALWAYS = {"Accept": "application/json", "Accept-Language": "ka", "Content-Type": "application/json"}
_LANGUAGES = ("ka", "en")
_ATTEMPTS = 3
_LONGEST_WAIT_SECONDS = 2
_MOST_DIGITS = 9
_TOO_MANY_REQUESTS = 429
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_PASSING = (408, 409, 423, 425, _TOO_MANY_REQUESTS)
_SERVER_ERROR = 500


@frozen(kw_only=True)
class BankAccess:
    """The bank's URLs and our credentials.

    Args:
        client_id: empty where payments are not configured.
        timeout_seconds: for one call, retries included.
        keys: public keys; a callback may be signed with any of them.
        merchant_id: our `client.id` at the bank, to recognise callbacks of other merchants; not checked where empty.
        breaker_failures: how many transient failures in a row open the circuit breaker.
        breaker_seconds: how long it stays open.
    """

    auth_url: str
    api_base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    timeout_seconds: float
    keys: Sequence[RSAPublicKey] = field(repr=False)
    merchant_id: str = ""
    breaker_failures: int = 5
    breaker_seconds: float = 15

    @property
    def is_test_environment(self) -> bool:
        """Whether it is the real bank, which requires the amount of every refund."""
        return signature.is_test_environment(self.api_base_url)


class BogGateway:
    """The `Gateway` port on the bank's API, version 1.

    Args:
        session: the HTTP client; redirects and cookies are not used.
        access: URLs and credentials.
        clock: for the token's age.
    """

    def __init__(self, session: aiohttp.ClientSession, access: BankAccess, clock: Clock) -> None:
        self._session = session
        self._access = access
        self._breaker, self._hint_breaker = (
            CircuitBreaker(
                failure_threshold=access.breaker_failures,
                recovery_timeout=access.breaker_seconds,
                expected_exception=_Transient,
                name=name,
            )
            for name in ("bank", "bank, asked because of a callback")
        )
        self._tokens = TokenSource(session, access.auth_url, access.client_id, access.client_secret, clock)

    @property
    def is_configured(self) -> bool:
        """Whether there are credentials."""
        return bool(self._access.client_id and self._access.client_secret)

    @property
    def trouble(self) -> str | None:
        """Missing credentials, or an open circuit breaker."""
        if not self.is_configured:
            return str(GatewayNotConfigured())
        return str(self._resting(self._breaker)) if self._breaker.opened else None

    async def create_order(self, order: Order, wallet_token: str = "") -> BankReport:
        """`POST /ecommerce/orders`, with a saved card `POST /ecommerce/orders/{parent}` or `…/subscribe`."""
        request = order.request
        path = "/ecommerce/orders"
        if request.parent_order_id is not None:
            path += f"/{request.parent_order_id}" + ("/subscribe" if request.is_automatic else "")
        body = codec.subscribe(order) if request.is_automatic else codec.create_order(order, wallet_token)
        headers = {
            "Idempotency-Key": order.idempotency_key,
            "Accept-Language": request.language if request.language in _LANGUAGES else "ka",
            "Theme": request.options.theme.value,
        }
        raw = await self._call("POST", path, body, headers)
        return _read(lambda document: codec.created(document, order), raw, "a new order")

    async def complete_apple_pay(self, order: Order, wallet_token: str) -> BankReport:
        """`POST /ecommerce/orders/{order_id}/payment`."""
        key = derived_key(order.idempotency_key, "apple pay")
        path = f"/ecommerce/orders/{order.bank_order_id}/payment"
        raw = await self._call("POST", path, {"apple_pay_token": wallet_token}, {"Idempotency-Key": key})
        return _read(lambda document: codec.created(document, order), raw, "Apple Pay")

    async def save_card(self, bank_order_id: str, kind: SaveCard, key: str) -> None:
        """`PUT /orders/{order_id}/cards`, or `…/subscriptions` for an automatic card."""
        what = "subscriptions" if kind is SaveCard.AUTOMATIC else "cards"
        await self._call("PUT", f"/orders/{bank_order_id}/{what}", None, {"Idempotency-Key": key})

    async def forget_card(self, bank_order_id: str, key: str) -> None:
        """`DELETE /charges/card/{order_id}`."""
        await self._call("DELETE", f"/charges/card/{bank_order_id}", None, {"Idempotency-Key": key})

    async def refund(self, order: Order, refund: Refund) -> str:
        """`POST /payment/refund/{order_id}`."""
        body = codec.refund(order, refund, states_amount=self._access.is_test_environment)
        path = f"/payment/refund/{order.bank_order_id}"
        raw = await self._call("POST", path, body, {"Idempotency-Key": refund.id})
        return _read(codec.action_id, raw, "a refund")

    async def capture(self, order: Order, amount: Money | None, key: str) -> None:
        """`POST /payment/authorization/approve/{order_id}`."""
        path = f"/payment/authorization/approve/{order.bank_order_id}"
        await self._call("POST", path, codec.amount_of(amount), {"Idempotency-Key": key})

    async def release(self, order: Order, key: str) -> None:
        """`POST /payment/authorization/cancel/{order_id}`."""
        path = f"/payment/authorization/cancel/{order.bank_order_id}"
        await self._call("POST", path, {}, {"Idempotency-Key": key})

    async def receipt(self, order_id: str, *, is_hint: bool = False) -> BankReport:
        """`GET /receipt/{order_id}`."""
        breaker = self._hint_breaker if is_hint else self._breaker
        raw = await self._call("GET", f"/receipt/{order_id}", None, {}, breaker)
        report = _read(lambda document: codec.receipt(document, Source.RECEIPT), raw, "a receipt")
        log.info("bank.receipt_read", bank_order_id=order_id, bank_status=report.status, code=report.code)
        return report

    def is_ours(self, report: BankReport) -> bool:
        """Compares `client.id`, where both the settings and the report have one."""
        return not (self._access.merchant_id and report.merchant_id) or report.merchant_id == self._access.merchant_id

    def verify(self, raw_body: bytes, signature_header: str | None) -> Verdict:
        """Verify the signature with the bank's keys."""
        return signature.verify(self._access.keys, raw_body, signature_header)

    def read_callback(self, raw_body: bytes) -> BankReport:
        """Parse a callback."""
        try:
            return codec.callback(codec.decode(raw_body))
        except codec.Malformed as error:
            raise MalformedCallback(f"The callback cannot be parsed: {error}") from error

    async def check_credentials(self) -> None:
        """Fetch a token."""
        if not self.is_configured:
            raise GatewayNotConfigured
        await self._tokens.get()

    async def _call(
        self,
        method: str,
        path: str,
        body: codec.Json | None,
        headers: dict[str, str],
        breaker: CircuitBreaker | None = None,
    ) -> bytes:
        """One call, retried while that is safe and useful; every changing call carries its idempotency key.

        Raises:
            GatewayError: its type says whether the call may have had an effect.
        """
        if not self.is_configured:
            raise GatewayNotConfigured
        breaker = breaker or self._breaker
        if breaker.opened:
            raise self._resting(breaker)
        try:
            result: bytes = await breaker.call_async(self._repeating, method, path, body, headers)
        except _Transient as transient:
            raise transient.meaning from transient
        return result

    async def _repeating(self, method: str, path: str, body: codec.Json | None, headers: dict[str, str]) -> bytes:
        """Attempts within one time limit.

        Raises:
            _Transient: the last failure, where no attempt was answered properly; the last one that leaves it open
                whether the call had an effect, where one does.
            GatewayOutcomeUnknown: the bank refused after an attempt whose effect is unknown.
        """
        last: _Transient | None = None
        unknown: _Transient | None = None
        try:
            async with asyncio.timeout(self._access.timeout_seconds):
                async for attempt in stamina.retry_context(
                    on=_wait_before_repeating, attempts=_ATTEMPTS, wait_initial=0.1, wait_max=_LONGEST_WAIT_SECONDS
                ):
                    with attempt:
                        last = None
                        try:
                            return await self._attempt(method, path, body, headers)
                        except _Transient as transient:
                            last = transient
                            if transient.may_have_effect and method != hdrs.METH_GET:
                                unknown = transient
                            raise
                        except GatewayRefused as refusal:
                            if unknown is None:
                                raise
                            raise GatewayOutcomeUnknown(refusal) from refusal
        except _Transient as transient:
            raise unknown or transient from None
        except TimeoutError:
            if last is not None:  # the time ran out between two attempts: the last failure counts
                raise unknown or last from None
            log.error("bank.timeout", method=method, path=path, seconds=self._access.timeout_seconds)
            silence = f"The bank did not respond within {self._access.timeout_seconds:g} s"
            raise _Transient(GatewayTimeout(f"{silence}; the payment is being reconciled")) from None
        raise AssertionError("a retry context ends by returning or raising")

    def _resting(self, breaker: CircuitBreaker) -> GatewayUnavailable:
        """The error while the circuit breaker is open."""
        seconds = max(1, math.ceil(breaker.open_remaining))
        failures = self._access.breaker_failures
        return GatewayUnavailable(
            f"The bank failed {failures} times in a row; calls to it are paused for {seconds} s", seconds
        )

    async def _attempt(self, method: str, path: str, body: codec.Json | None, headers: dict[str, str]) -> bytes:
        """One request, and one more with a fresh token where the bank rejects the current one."""
        for is_last in (False, True):
            token = await self._token()
            status, answer, answer_headers = await self._request(method, path, body, headers, token)
            log.info("bank.called", method=method, path=path, status=status)
            if status != _UNAUTHORIZED:
                return _understood(status, answer, answer_headers)
            self._tokens.drop(token)
            if is_last:
                break
        raise GatewayUnavailable("The bank rejects a token that it issued a moment ago", 60)

    async def _token(self) -> str:
        """The current token; an unreachable token service is a transient failure, tried once."""
        try:
            return await self._tokens.get()
        except TokenServiceDown as down:
            raise _Transient(down, _LONGEST_WAIT_SECONDS + 1) from down

    async def _request(
        self, method: str, path: str, body: codec.Json | None, headers: dict[str, str], token: str
    ) -> tuple[int, bytes, Any]:
        sent = {**_ALWAYS, "Authorization": f"Bearer {token}", **headers}
        url = self._access.api_base_url + path
        data = None if body is None else codec.encode(body)
        try:
            async with self._session.request(method, url, data=data, headers=sent, allow_redirects=False) as response:
                return response.status, await read_bounded(response), response.headers
        except aiohttp.ClientConnectorError as error:
            raise _Transient(GatewayUnavailable(f"The bank cannot be reached: {error}")) from error
        except aiohttp.ClientError as error:
            broke = f"The connection to the bank broke: {str(error) or type(error).__name__}"
            timeout = GatewayTimeout(f"{broke}; the payment is being reconciled")
            raise _Transient(timeout, may_have_effect=True) from error


class _Transient(Exception):
    """A transient failure: worth retrying, and `meaning` when the retries run out.

    Args:
        may_have_effect: the call may have had an effect.
    """

    def __init__(
        self, meaning: GatewayError, wait_seconds: float | None = None, *, may_have_effect: bool = False
    ) -> None:
        super().__init__(str(meaning))
        self.meaning = meaning
        self.wait_seconds = wait_seconds
        self.may_have_effect = may_have_effect

    @classmethod
    def from_status(cls, status: int, headers: Any) -> Self:
        asked = headers.get("Retry-After", "")
        seconds = int(asked) if asked.isdecimal() and len(asked) <= _MOST_DIGITS else None
        meaning = GatewayUnavailable(f"The bank responded with HTTP {status}", min(seconds or 30, 3600))
        return cls(meaning, seconds, may_have_effect=status != _TOO_MANY_REQUESTS)


def _wait_before_repeating(error: Exception) -> bool | float:
    """Whether to retry, and the bank's `Retry-After` where it is short."""
    if not isinstance(error, _Transient):
        return False
    if error.wait_seconds is None:
        return True
    return float(error.wait_seconds) if error.wait_seconds <= _LONGEST_WAIT_SECONDS else False


def _read(read: Callable[[codec.Json], T], raw: bytes, what: str) -> T:
    """The bank's answer, parsed by `read`.

    Raises:
        GatewayNonsense: it cannot be parsed.
    """
    try:
        return read(codec.decode(raw))
    except codec.Malformed as error:
        raise GatewayNonsense(f"The bank's response to {what} cannot be parsed: {error}") from error


def _understood(status: int, answer: bytes, headers: Any) -> bytes:
    if 200 <= status < 300:
        return answer
    if status in _PASSING or status >= _SERVER_ERROR:
        raise _Transient.from_status(status, headers)
    if status == _FORBIDDEN:  # from a firewall or a contract rule: it says nothing about the order
        raise GatewayUnavailable(f"The bank responded with HTTP {status}: {codec.error_message(answer)}", 300)
    if status < 400:
        raise GatewayNonsense(f"The bank responded with HTTP {status}: a redirect, which is not followed")
    raise GatewayRefused(status, codec.error_message(answer))
