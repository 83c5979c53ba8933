"""The HTTP service in this process: started, kept going, stopped without losing what is in hand."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from echodesk_billing.adapters.jobs.loop import every
from echodesk_billing.container import Container
from echodesk_billing.entrypoints.web.app import RateLimits, build_app
from echodesk_billing.settings import Settings

FINISH_WITHIN_SECONDS = 8.0


@asynccontextmanager
async def serving(
    container: Container, settings: Settings, extend: Callable[[web.Application], None] | None = None
) -> AsyncIterator[str]:
    """Serve while the block runs; gives the address.

    Args:
        extend: adds pages of a demonstration to the application.
    """
    limits = RateLimits(per_token=settings.token_rate_limit, per_address=settings.address_rate_limit)
    app = build_app(container.use_cases(), limits)
    if extend is not None:
        extend(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=FINISH_WITHIN_SECONDS)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port)
    await site.start()
    port = runner.addresses[0][1]
    background = [asyncio.create_task(job) for job in _jobs(container, settings)]
    try:
        yield f"http://{settings.host}:{port}"
    finally:
        await runner.cleanup()
        for task in background:
            task.cancel()
        for task in background:
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _jobs(container: Container, settings: Settings) -> list[Coroutine[Any, Any, None]]:
    """What this process does besides answering."""
    if not settings.reconcile_every_seconds or not container.gateway().is_configured:
        return []

    async def reconcile() -> None:
        async for _ in container.reconcile().run():
            pass

    return [every(settings.reconcile_every_seconds, reconcile, "reconcile")]


async def until_stopped() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()


def packaged(name: str) -> Path:
    """A file that comes with the package."""
    return Path(__file__).parent.parent / "data" / name
