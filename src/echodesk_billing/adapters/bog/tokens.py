"""The bank's access token: kept until five minutes before it expires, fetched once for all concurrent callers."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

import aiohttp
import msgspec
import structlog
from attrs import frozen

from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import GatewayNonsense, GatewayUnavailable

log = structlog.get_logger()

MARGIN = timedelta(minutes=5)
MOST_BYTES = 1024 * 1024
LONGEST_LIFE = timedelta(days=1)
_LATEST_DURATION = 10**9  # seconds; a greater number is a moment
_LATEST_SECONDS = 10**11  # since 1970; a greater number is milliseconds


class TokenServiceDown(GatewayUnavailable):
    """The token service failed for a reason other than our credentials."""


async def read_bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body of an answer of the bank.

    Raises:
        GatewayNonsense: it is longer than any answer of the bank.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            raise GatewayNonsense(f"The bank's response is longer than {MOST_BYTES} bytes")
    return bytes(body)


class _TokenAnswer(msgspec.Struct):
    access_token: str
    expires_in: object = None


def lifetime(expires_in: object, now: datetime) -> timedelta:
    """The lifetime of a token, between zero and one day, from the bank's `expires_in`.

    Args:
        expires_in: seconds, or the moment it ends as seconds or milliseconds since 1970, as a number or a string. A
            token with any other value is used once.

    Source: the bank documents seconds, with 1634719923245 as its example.
    """
    try:
        number = Decimal(str(expires_in))
    except InvalidOperation:
        return timedelta(0)
    if not number.is_finite():
        return timedelta(0)
    if number > _LATEST_DURATION:
        number = (number / 1000 if number > _LATEST_SECONDS else number) - Decimal(now.timestamp())
    return timedelta(seconds=float(min(max(number, Decimal(0)), Decimal(LONGEST_LIFE.total_seconds()))))


@frozen
class _Token:
    value: str
    usable_until: datetime


class TokenSource:
    """Fetches and caches the token.

    Args:
        session: to fetch it with.
        auth_url: URL of the bank's token call.
        client_id: of the merchant.
        client_secret: of the merchant.
        clock: source of time for the token's age.
    """

    def __init__(
        self, session: aiohttp.ClientSession, auth_url: str, client_id: str, client_secret: str, clock: Clock
    ) -> None:
        self._session = session
        self._auth_url = auth_url
        self._credentials = aiohttp.encode_basic_auth(client_id, client_secret)
        self._clock = clock
        self._token: _Token | None = None
        self._fetching: asyncio.Task[_Token] | None = None

    async def get(self) -> str:
        """A valid token.

        Raises:
            GatewayUnavailable: the bank cannot be reached, or rejects our credentials.
            GatewayNonsense: its answer has no token.
        """
        now = await self._clock.now()
        token = self._token  # read after the wait, in which another call may have dropped it
        if token is not None and now < token.usable_until:
            return token.value
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        return (await asyncio.shield(self._fetching)).value

    def drop(self, token: str) -> None:
        """Drop a token that the bank rejects, unless it was replaced meanwhile."""
        if self._token is not None and self._token.value == token:
            self._token = None

    def _fetched(self, task: asyncio.Task[_Token]) -> None:
        self._fetching = None
        with contextlib.suppress(asyncio.CancelledError):
            task.exception()  # retrieved here, because asyncio warns where no caller waits for it

    async def _fetch(self) -> _Token:
        asked_at = await self._clock.now()
        try:
            async with self._session.post(
                self._auth_url,
                data={"grant_type": "client_credentials"},
                headers={"Authorization": self._credentials, "Accept": "application/json"},
                allow_redirects=False,
            ) as response:
                status, raw = response.status, await read_bounded(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TokenServiceDown(
                f"The bank's token service cannot be reached: {str(error) or type(error).__name__}"
            ) from error
        if status in (400, 401, 403):
            log.error("bank.credentials_refused", status=status)
            raise GatewayUnavailable(
                f"The bank rejects our credentials (HTTP {status}): check BOG_CLIENT_ID and BOG_CLIENT_SECRET", 300
            )
        if not 200 <= status < 300:
            raise TokenServiceDown(f"The bank's token service responded with HTTP {status}")
        try:
            answer = msgspec.json.decode(raw, type=_TokenAnswer)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise GatewayNonsense(f"The bank's token service returned no token: {error}") from error
        life = lifetime(answer.expires_in, asked_at)
        self._token = _Token(answer.access_token, asked_at + life - min(MARGIN, life / 2))
        log.info("bank.token_fetched", expires_in_seconds=life.total_seconds())
        return self._token
