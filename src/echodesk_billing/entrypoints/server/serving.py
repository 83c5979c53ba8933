"""The HTTP service in this process: start, background work, graceful stop."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import signal
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger

from echodesk_billing.adapters.jobs.loop import end, every, keep
from echodesk_billing.adapters.telemetry.metrics import JOBS_WAITING
from echodesk_billing.container import Container
from echodesk_billing.entrypoints.console.pages import pages as console_pages
from echodesk_billing.entrypoints.contract import contract
from echodesk_billing.entrypoints.http.calls import Page
from echodesk_billing.entrypoints.server.app import build_app
from echodesk_billing.ports.storage import StorageUnavailable
from echodesk_billing.setting_values import InvalidSettings
from echodesk_billing.settings import Settings

FINISH_WITHIN_SECONDS = 8.0
OBSERVED = ("/healthz", "/readyz", "/metrics")
WATCH_EVERY_SECONDS = 5.0
BACKLOG = 1024  # connections that wait to be taken; a client whose connection is dropped tries again a second later
IDLE_SECONDS = 75.0  # also how long the headers of a first request may take; longer than proxies keep connections
log = structlog.get_logger()


@asynccontextmanager
async def serving(container: Container, settings: Settings, more_pages: Sequence[Page] = ()) -> AsyncIterator[str]:
    """Serve while the block runs; yields the URL.

    Args:
        more_pages: further pages of the demo.
    """
    whole = contract(container.use_cases(), settings, [*console_pages(), *more_pages])
    app = build_app(whole, proxies=settings.proxies())
    server_logger.addFilter(_without_what_cannot_be_read)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=FINISH_WITHIN_SECONDS, keepalive_timeout=IDLE_SECONDS)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port, backlog=BACKLOG)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        where = f"BILLING_HOST is {settings.host}, BILLING_PORT is {settings.port}"
        raise InvalidSettings(f"{where}: cannot listen there: {error.strerror or error}") from error
    port = runner.addresses[0][1]
    background = [asyncio.create_task(job) for job in _jobs(container, settings)]
    gc.collect()
    gc.freeze()  # what was made by now stays: collections need not look at it again
    try:
        yield f"http://{settings.host}:{port}"
    finally:
        await runner.cleanup()
        await end(background)


def _jobs(container: Container, settings: Settings) -> list[Coroutine[Any, Any, None]]:
    """The background work of this process."""
    jobs = _local_jobs(container, settings, settings.work_every_seconds if works_inside(settings) else 0)
    return jobs if settings.is_sqlite else [*jobs, _hear_of_tokens(container, settings)]


async def _hear_of_tokens(container: Container, settings: Settings) -> None:
    """Keep tokens in memory while PostgreSQL tells of changes."""
    from echodesk_billing.adapters.sql.token_changes import hear_of_tokens  # noqa: PLC0415 - needs the extra [postgres]

    await keep("tokens", partial(hear_of_tokens, settings.database_url, container.known_tokens()))


def _local_jobs(container: Container, settings: Settings, work_seconds: float) -> list[Coroutine[Any, Any, None]]:
    """Background loops of this process; a pause of zero disables one. Nothing is charged without a bank."""
    background_tasks = container.background_tasks()
    has_bank = container.gateway().is_configured
    jobs = (
        ("reconcile", settings.reconcile_every_seconds if has_bank else 0, background_tasks.reconcile_due),
        ("work", work_seconds if has_bank else 0, background_tasks.run_all),
        ("mail", work_seconds, background_tasks.send_mails),
        ("webhooks", work_seconds, background_tasks.send_webhooks),
        ("watch", WATCH_EVERY_SECONDS, background_tasks.watch),
    )
    return [every(pause, chore, name) for name, pause, chore in jobs if pause]


def works_inside(settings: Settings) -> bool:
    """Whether the service renews subscriptions itself: on SQLite, which has one process; PostgreSQL uses workers."""
    return bool(settings.work_every_seconds) and settings.is_sqlite


@asynccontextmanager
async def working(container: Container, settings: Settings) -> AsyncIterator[None]:
    """Run background work while the block runs: on PostgreSQL as one of many workers, on SQLite alone.

    Raises:
        StorageUnavailable: PostgreSQL without the extra, or without the queue's tables.
    """
    async with _health(container, settings):
        if settings.is_sqlite:
            async with _working_alone(container, settings):
                yield
            return
        tasks, seconds = container.background_tasks(), settings.work_every_seconds or 1.0
        async with _queue().working(settings.database_url, tasks, seconds, settings.database_schema, JOBS_WAITING.set):
            yield


@asynccontextmanager
async def _working_alone(container: Container, settings: Settings) -> AsyncIterator[None]:
    seconds = settings.work_every_seconds or 1.0
    tasks = [asyncio.create_task(job) for job in _local_jobs(container, settings, seconds)]
    try:
        yield
    finally:
        await end(tasks)


@asynccontextmanager
async def _health(container: Container, settings: Settings) -> AsyncIterator[None]:
    """`/healthz`, `/readyz` and `/metrics` of a worker, on a port of its own where one is set."""
    if not settings.work_port:
        yield
        return
    app = build_app(contract(container.use_cases(), settings), only=OBSERVED)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.work_port).start()
    except OSError as error:
        await runner.cleanup()
        where = f"BILLING_WORK_PORT is {settings.work_port}"
        raise InvalidSettings(f"{where}: cannot listen on it: {error.strerror or error}") from error
    try:
        yield
    finally:
        await runner.cleanup()


async def prepare_queue(settings: Settings) -> bool:
    """Create the queue's tables on PostgreSQL unless they exist; returns whether they were created."""
    if settings.is_sqlite:
        return False
    return bool(await _queue().prepare(settings.database_url, settings.database_schema))


def _queue() -> ModuleType:
    try:
        return importlib.import_module("echodesk_billing.adapters.jobs.queue")
    except ImportError:
        raise StorageUnavailable("Workers need the extra: pip install echodesk-billing[worker]") from None


async def until_stopped() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()


def packaged(name: str) -> Path:
    """A file of the package."""
    return Path(__file__).parent.parent.parent / "data" / name


def _without_what_cannot_be_read(record: logging.LogRecord) -> bool:
    """Log that a malformed request arrived, without its content, which aiohttp would log and may be a token."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError):
        return True
    log.warning("http.malformed", error=type(error).__name__)
    return False
