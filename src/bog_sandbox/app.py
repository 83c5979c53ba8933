"""The simulated bank as one aiohttp application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from aiohttp import web
from attrs import frozen

from bog_sandbox.api import Addresses, Api, Credentials
from bog_sandbox.bank import Bank
from bog_sandbox.callbacks import RETRY_SECONDS, Callbacks, Signer
from bog_sandbox.clock import Clock
from bog_sandbox.control import Control
from bog_sandbox.faults import Faults
from bog_sandbox.page import Page
from bog_sandbox.store import Store
from bog_sandbox.validation import Refused
from bog_sandbox.wire import answer


@frozen(kw_only=True)
class SandboxSettings:
    """The options of the simulation.

    Args:
        token_seconds: how long a token lasts.
        seed: of the ids.
        retry_seconds: pauses between attempts to deliver a callback.
        state: a file that keeps orders, answers, key and time across restarts; None to keep nothing.
        key_file: where the public key of callbacks is written, as PEM; None for nowhere.
        cards_enabled: false to answer 501 to the card calls, as the bank's test environment does.
        gross: whether receipts go on stating what was paid after refunds.
        strict_amounts: whether orders whose amounts are strings are rejected.
        public_url: base URL of links to the API; the called URL where empty.
        payment_url: base URL of links to the payment page; the called URL where empty.
    """

    client_id: str = "demo"
    client_secret: str = "demo"  # noqa: S105 - not a secret
    token_seconds: int = 3600
    seed: int | None = None
    retry_seconds: Sequence[float] = RETRY_SECONDS
    state: Path | None = None
    key_file: Path | None = None
    cards_enabled: bool = True
    gross: bool = False
    strict_amounts: bool = False
    public_url: str = ""
    payment_url: str = ""


def build_app(settings: SandboxSettings) -> web.Application:
    """The application, with its clock running while it serves."""
    store = Store(settings.state)
    clock, faults = Clock(store), Faults()
    signer = Signer(store.get("key", "callbacks") or b"")
    store.put("key", "callbacks", signer.private_pem)
    if settings.key_file is not None:
        settings.key_file.write_text(signer.public_pem)
    callbacks = Callbacks(clock, faults, signer, settings.retry_seconds)
    bank = Bank(
        clock,
        store,
        settings.seed,
        callbacks.send,
        cards_enabled=settings.cards_enabled,
        gross=settings.gross,
        strict_amounts=settings.strict_amounts,
    )
    credentials = Credentials(
        client_id=settings.client_id, client_secret=settings.client_secret, token_seconds=settings.token_seconds
    )
    addresses = Addresses(public=settings.public_url, pages=settings.payment_url)
    api = Api(bank, clock, faults, credentials, store, addresses)

    async def life(_app: web.Application) -> AsyncIterator[None]:
        async with callbacks.open():
            bank.remember()
            ticking = asyncio.create_task(clock.run())
            yield
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
        store.close()

    app = web.Application(middlewares=[_refusals])
    app.cleanup_ctx.append(life)
    api.add_routes(app)
    Page(bank).add_routes(app)
    Control(api, callbacks, clock).add_routes(app)
    return app


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return answer(refused.status, {"message": refused.message})
