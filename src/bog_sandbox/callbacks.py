"""Callbacks: signed, delivered, and repeated until answered with 200."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Sequence

import aiohttp
from attrs import define, field
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from bog_sandbox.clock import Clock
from bog_sandbox.faults import Fault, Faults
from bog_sandbox.orders import Json, Order, receipt, zoned

RETRY_SECONDS = (15.0, 15.0, 15.0, 15.0)
ANSWER_WITHIN_SECONDS = 30


class Signer:
    """Signs with a key generated at the first start.

    Args:
        pem: a stored private key; a new one is generated where empty.
    """

    def __init__(self, pem: bytes = b"") -> None:
        key = load_pem_private_key(pem, None) if pem else rsa.generate_private_key(65537, 2048)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("the kept key is no RSA key")
        self._key = key

    @property
    def private_pem(self) -> bytes:
        """The private key, to be stored."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, raw: bytes) -> str:
        """Base64 of RSA, PKCS#1 v1.5, SHA-256."""
        return base64.b64encode(self._key.sign(raw, PKCS1v15(), SHA256())).decode()

    @property
    def public_pem(self) -> str:
        """The public key."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@define(kw_only=True)
class Callback:
    """One callback and its delivery. `body` is the signed text, byte for byte."""

    n: int
    order_id: str
    url: str
    body: str
    signature: str | None
    attempts: list[Json] = field(factory=list)

    def as_json(self) -> Json:
        """As `GET /sandbox/callbacks` lists it."""
        return {
            "n": self.n,
            "order_id": self.order_id,
            "url": self.url,
            "attempts": list(self.attempts),
            "body": self.body,
            "signature": self.signature,
        }


class Callbacks:
    """Signs and delivers callbacks, applying planned faults.

    Args:
        retry_seconds: the pauses between attempts.
    """

    def __init__(self, clock: Clock, faults: Faults, signer: Signer, retry_seconds: Sequence[float]) -> None:
        self._clock = clock
        self._faults = faults
        self._session: aiohttp.ClientSession | None = None
        self._retry_seconds = tuple(retry_seconds)
        self.signer = signer
        self.sent: list[Callback] = []
        self._held: list[Callback] = []

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Deliver callbacks while the block runs."""
        async with aiohttp.ClientSession() as self._session:
            yield

    def forget(self) -> None:
        """Delete the record of sent callbacks."""
        self.sent.clear()
        self._held.clear()

    def send(self, order: Order) -> None:
        """Send the merchant the state of an order."""
        envelope = {
            "event": "order_payment",
            "zoned_request_time": zoned(self._clock.now()),
            "body": receipt(order),
        }
        body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":"), default=str)
        fault = self._faults.for_callback()
        callback = Callback(
            n=len(self.sent) + 1,
            order_id=order.id,
            url=order.callback_url,
            body=body,
            signature=self.signature(body, fault.kind if fault else "valid"),
        )
        self.sent.append(callback)
        self._schedule(callback, fault)

    def signature(self, body: str, kind: str) -> str | None:
        """A signature over `body`: valid, missing, or well-formed and wrong."""
        if kind in ("unsigned", "none"):
            return None
        wrong = kind in ("corrupt_signature", "corrupt")
        return self.signer.sign((body + " " if wrong else body).encode())

    async def resend(self, callback: Callback, kind: str) -> None:
        """Deliver once more, now, with a signature of this kind."""
        await self._attempt(callback, self.signature(callback.body, kind))

    def _schedule(self, callback: Callback, fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        if kind == "drop":
            return
        if kind == "reorder":
            self._held.append(callback)
            return
        self._deliver_after(fault.seconds if fault and kind == "delay" else 0, callback)
        if kind == "duplicate":
            self._deliver_after(0, callback)
        held, self._held = self._held, []
        for earlier in held:
            self._deliver_after(0.1, earlier)

    def _deliver_after(self, seconds: float, callback: Callback, attempt: int = 0) -> None:
        async def deliver() -> None:
            status = await self._attempt(callback, callback.signature)
            if status != 200 and attempt < len(self._retry_seconds):
                self._deliver_after(self._retry_seconds[attempt], callback, attempt + 1)

        self._clock.after(seconds, deliver)

    async def _attempt(self, callback: Callback, signature: str | None) -> int | None:
        headers = {"Content-Type": "application/json"}
        if signature is not None:
            headers["Callback-Signature"] = signature
        status: int | None = None
        if self._session is None:
            raise AssertionError("callbacks are delivered while the application runs")
        try:
            async with self._session.post(
                callback.url,
                data=callback.body.encode(),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN_SECONDS),
                allow_redirects=False,
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            status = None
        callback.attempts.append({"at": zoned(self._clock.now()), "status": status})
        return status
