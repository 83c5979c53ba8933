"""Signing and sending webhooks with aiohttp and the reference library of Standard Webhooks."""

from __future__ import annotations

import asyncio
import base64
import secrets as randomness
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import aiohttp
import msgspec
from standardwebhooks import Webhook

from echodesk_billing._version import __version__
from echodesk_billing.adapters.webhooks.targets import PublicResolver, TargetRefused, Targets
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.notifications.webhook import LONGEST_ANSWER, TEST, Try

SECRET_BYTES = 24
LIMIT_SECONDS = 15.0
CONNECT_SECONDS = 5.0
MOST_BYTES = 16 * 1024
SUCCESS = range(200, 300)


class HttpWebhooks:
    """A `WebhookSender` over HTTP.

    Args:
        targets: which addresses may be reached.
        limit_seconds: time limit of one attempt, from the connection to the end of the answer.
    """

    def __init__(self, targets: Targets, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._targets = targets
        self.limit_seconds = limit_seconds

    def new_secret(self) -> str:
        """24 random bytes in base64, after `whsec_`."""
        return "whsec_" + base64.b64encode(randomness.token_bytes(SECRET_BYTES)).decode()

    def body(self, event: Event) -> str:
        """`type`, `timestamp` and `data`, as Standard Webhooks recommends; `data` is as in the feed of events."""
        data = {**msgspec.to_builtins(event), "version": event.version}
        return _encoded(event.name, event.at, data)

    def test_body(self, at: datetime) -> str:
        """A message that says nothing."""
        return _encoded(TEST, at, {})

    def check_url(self, url: str) -> None:
        """Check that an address may be used.

        Raises:
            InvalidSelection: it is not https, or leads into a private network.
        """
        self._targets.check_url(url)

    async def send(self, url: str, secrets: Sequence[str], message_id: str, body: str, now: datetime) -> Try:
        """One POST. Redirects are not followed, and of the answer only the beginning is read.

        The signature carries the machine's time, which receivers compare with their own.
        """
        began = time.perf_counter()

        def tried(status: int | None, answer: str, problem: str) -> Try:
            milliseconds = round((time.perf_counter() - began) * 1000)
            return Try(at=now, status=status, answer=answer, problem=problem, milliseconds=milliseconds)

        try:
            self._targets.check_url(url)
            status, answer = await self._post(url, _headers(secrets, message_id, body), body.encode())
        except TimeoutError:
            return tried(None, "", f"no answer within {self.limit_seconds:g} seconds")
        except Exception as error:  # noqa: BLE001 - whatever a stranger's server does is the result
            return tried(None, "", _reason(error))
        if status not in SUCCESS:
            return tried(status, answer, f"it answered {status}")
        return tried(status, answer, "")

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        connector = aiohttp.TCPConnector(resolver=PublicResolver(self._targets), force_close=True)
        timeout = aiohttp.ClientTimeout(total=self.limit_seconds, connect=CONNECT_SECONDS)
        async with (
            asyncio.timeout(self.limit_seconds),
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            ) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            beginning = await response.content.read(MOST_BYTES)
            return response.status, _printable(beginning)


def _headers(secrets: Sequence[str], message_id: str, body: str) -> dict[str, str]:
    now = datetime.now(UTC)
    signatures = [Webhook(secret).sign(message_id, now, body) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": f"echodesk-billing/{__version__}",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _encoded(kind: str, at: datetime, data: dict[str, object]) -> str:
    return msgspec.json.encode({"type": kind, "timestamp": at, "data": data}).decode()


def _printable(content: bytes) -> str:
    text = content[: 4 * LONGEST_ANSWER].decode("utf-8", "replace")
    return "".join(one if one.isprintable() else " " for one in text)[:LONGEST_ANSWER]


def _reason(error: BaseException) -> str:
    """Why it failed, without the addresses of our network."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TargetRefused):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, ssl.SSLError | aiohttp.ClientSSLError):
        return "its certificate cannot be verified"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error.strerror or type(error.os_error).__name__}"
    return f"{type(error).__name__}: {error}"[:200]
