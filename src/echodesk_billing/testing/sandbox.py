"""The simulated bank on a thread of this process."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from cryptography.fernet import Fernet

from bog_sandbox.app import SandboxSettings, build_app
from echodesk_billing import sync
from echodesk_billing.application.errors import CallbackOrderUnknown, CallbackRefused
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.entrypoints.catalogue_file import read_catalogue
from echodesk_billing.entrypoints.http.payments import WEBHOOK
from echodesk_billing.entrypoints.server.serving import packaged
from echodesk_billing.settings import load_settings

GOOD_CARD = "4000000000000001"
POOR_CARD = "4000000000000002"
"""Declined with code 107: not enough money."""

HEARD_WITHIN_SECONDS = 20.0
CALL_SECONDS = 10.0

Hear = Callable[[bytes, str | None], object]


class Sandbox:
    """A simulated bank. What it calls back goes to `hear`, as the library's `receive_callback` takes it.

    Use it as `with Sandbox() as bank:`.
    """

    def __init__(self) -> None:
        self.url = ""
        self.hear: Hear | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bog-sandbox", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(CALL_SECONDS)
        return self

    def __exit__(self, *_error: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(CALL_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> str:
        app = build_app(SandboxSettings())
        app.router.add_post(WEBHOOK, self._heard)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _heard(self, request: web.Request) -> web.Response:
        """A callback, for the program that is tested."""
        body, signature = await request.read(), request.headers.get("Callback-Signature")
        if self.hear is None:
            return web.Response(status=404)
        try:
            await asyncio.get_running_loop().run_in_executor(None, self.hear, body, signature)
        except CallbackOrderUnknown:
            return web.Response(status=404)
        except CallbackRefused:
            return web.Response(status=401)
        except BillingError:
            return web.Response(status=503)
        return web.Response()

    @property
    def environment(self) -> dict[str, str]:
        """Settings of billing that lead to this bank and its clock."""
        return {
            "BOG_CLIENT_ID": "demo",
            "BOG_CLIENT_SECRET": "demo",
            "BOG_AUTH_URL": f"{self.url}/auth/realms/bog/protocol/openid-connect/token",
            "BOG_API_BASE_URL": f"{self.url}/payments/v1",
            "BOG_CALLBACK_PUBLIC_KEY": str(self.control("GET", "public-key")),
            "BILLING_CLOCK_URL": f"{self.url}/sandbox/clock",
            "API_DOMAIN": self.url,
            "BILLING_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        }

    def pay(self, payment: Order | str, card: str = GOOD_CARD, **more: Any) -> dict[str, Any]:
        """The customer pays, and the program hears of it.

        Args:
            payment: an order, or its `payment_url`.
            card: its number; `POOR_CARD` is declined.
            more: `code` to decline with, or `three_d_secure`: `pass` or `fail`.

        Returns:
            The bank's receipt.

        Raises:
            TimeoutError: nobody answered the callback.
        """
        url = payment if isinstance(payment, str) else payment.payment_url or ""
        bank_order_id = parse_qs(urlsplit(url).query)["order_id"][0]
        heard = len(self._answers(bank_order_id))
        receipt: dict[str, Any] = self.control("POST", "pay", {"order_id": bank_order_id, "card": card, **more})
        until = time.monotonic() + HEARD_WITHIN_SECONDS
        while self.hear is not None and len(self._answers(bank_order_id)) <= heard:
            if time.monotonic() > until:
                raise TimeoutError(f"the callback about {bank_order_id} was not answered")
            time.sleep(0.01)
        return receipt

    def advance(self, by: timedelta | float) -> None:
        """Advance the clock of bank and billing.

        Args:
            by: how long, or how many seconds.
        """
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        self.control("POST", "clock", {"advance": seconds})

    def fault(self, path: str, kind: str, **more: Any) -> None:
        """Let something go wrong: see docs/simulated-bank.md."""
        self.control("POST", "faults", {"path": path, "kind": kind, **more})

    def reset(self) -> None:
        """Forget all orders and faults."""
        self.control("DELETE", "faults")
        self.control("DELETE", "state")

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One of the bank's own calls under `/sandbox/`; returns its answer."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - of this machine
            f"{self.url}/sandbox/{path}", content, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310
            text = answer.read().decode()
            return json.loads(text) if answer.headers.get_content_type() == "application/json" and text else text

    def _answers(self, bank_order_id: str) -> list[Any]:
        callbacks = self.control("GET", "callbacks")
        return [one for sent in callbacks if sent["order_id"] == bank_order_id for one in sent["attempts"]]


@contextmanager
def open_billing(bank: Sandbox, folder: Path | None = None, **settings: str) -> Iterator[sync.Billing]:
    """The blocking library on a new SQLite file, with the demo catalogue, and with `bank` as its bank.

    Args:
        folder: of the file; a temporary one where None.
        settings: further variables, as in the environment.
    """
    with tempfile.TemporaryDirectory() as temporary:
        database = f"sqlite:///{folder or Path(temporary)}/billing.sqlite3"
        environment = {"DATABASE_URL": database, **bank.environment, **settings}
        with sync.Billing.open(load_settings(environment)) as billing:
            billing.load_catalogue(read_catalogue(packaged("demo_catalogue.toml")))
            before, bank.hear = bank.hear, billing.receive_callback
            try:
                yield billing
            finally:
                bank.hear = before
