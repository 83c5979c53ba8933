"""Workers on PostgreSQL: procrastinate queues, schedules and recovers the jobs of `BackgroundTasks`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from procrastinate import App, PsycopgConnector

from echodesk_billing.adapters.jobs.loop import end, every, keep
from echodesk_billing.adapters.jobs.tasks import BackgroundTasks
from echodesk_billing.application.renewals import TEND
from echodesk_billing.ports.storage import StorageUnavailable

log = structlog.get_logger()

QUEUE = "billing"
RECOVER_EVERY_SECONDS = 10.0
ENOUGH_WAITING = 50  # jobs: one that waits longer than its claim would be enqueued again
DEAD_AFTER_SECONDS = 30.0
FINISH_WITHIN_SECONDS = 8.0
LOCK_MS, STATEMENT_MS = 5_000, 30_000


def build_app(database_url: str, background_tasks: BackgroundTasks | None = None, schema: str = "") -> App:
    """The queue of a database; without `background_tasks` its jobs do nothing.

    Args:
        schema: of its tables; the connection's own where empty.
    """
    options = f"-c lock_timeout={LOCK_MS} -c statement_timeout={STATEMENT_MS}"
    connector = PsycopgConnector(
        conninfo=database_url,
        max_size=4 + (background_tasks.concurrency if background_tasks else 0),
        timeout=10.0,  # for a connection of the pool
        kwargs={"connect_timeout": 5, "options": f"{options} -c search_path={schema}" if schema else options},
    )
    app = App(connector=connector)
    if background_tasks is not None:
        _add_tasks(app, background_tasks)
    return app


def _add_tasks(app: App, background_tasks: BackgroundTasks) -> None:
    @app.task(name=TEND, queue=QUEUE)
    async def tend(tenants: list[str], trace: str = "") -> None:
        with background_tasks.tracing.resumed(trace):
            for tenant_id in tenants:
                await background_tasks.tend_safely(tenant_id)

    def periodically(seconds: int, name: str, chore: Callable[[], Awaitable[object]]) -> None:
        async def run(timestamp: int) -> None:  # noqa: ARG001 - procrastinate hands it over
            await chore()

        cron = f"* * * * * */{seconds}"
        task = app.task(name=name, queue=QUEUE, lock=name, queueing_lock=name, pass_context=False)(run)
        app.periodic(cron=cron)(task)

    periodically(15, "reconcile_due", background_tasks.reconcile_due)
    periodically(5, "deliver", background_tasks.deliver)
    periodically(5, "send_mails", background_tasks.send_mails)
    periodically(2, "send_webhooks", background_tasks.send_webhooks)
    periodically(15, "watch", background_tasks.watch)
    periodically(30, "clean_up", background_tasks.clean_up)


async def prepare(database_url: str, schema: str = "") -> bool:
    """Create the queue's tables unless they exist; returns whether they were created."""
    async with build_app(database_url, schema=schema).open_async() as app:
        if await _is_prepared(app):
            return False
        await app.schema_manager.apply_schema_async()
        return True


async def _is_prepared(app: App) -> bool:
    found = await app.connector.execute_query_one_async("SELECT to_regclass('procrastinate_jobs') AS name")
    return found["name"] is not None


@asynccontextmanager
async def working(
    database_url: str,
    background_tasks: BackgroundTasks,
    look_every_seconds: float,
    schema: str = "",
    on_waiting: Callable[[int], object] = lambda _: None,
) -> AsyncIterator[None]:
    """Work while the block runs: find what is due, run jobs, take over those of workers that died.

    Args:
        look_every_seconds: how often the domain tables are searched for due work.
        schema: of the queue's tables; the connection's own where empty.
        on_waiting: is told how many jobs wait, each time it is looked.

    Raises:
        StorageUnavailable: the queue has no tables yet.
    """
    async with build_app(database_url, background_tasks, schema).open_async() as app:
        if not await _is_prepared(app):
            raise StorageUnavailable("The tables of the queue are missing: run echodesk-billing migrate")

        async def enqueue() -> None:
            waiting = await app.job_manager.list_queues_async(queue=QUEUE, task=TEND)
            jobs = sum(queue["todo"] for queue in waiting)
            on_waiting(jobs)
            if jobs < ENOUGH_WAITING:
                await background_tasks.enqueue_due()

        async def recover() -> None:
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_SECONDS):
                log.warning("job.recovered", job=job.task_name, id=job.id)
                await app.job_manager.retry_job(job)

        async def work() -> None:
            await app.run_worker_async(
                queues=[QUEUE],
                concurrency=background_tasks.concurrency,
                install_signal_handlers=False,
                delete_jobs="successful",
                fetch_job_polling_interval=1.0,
                shutdown_graceful_timeout=FINISH_WITHIN_SECONDS,
            )

        tasks = [
            asyncio.create_task(keep("worker", work)),
            asyncio.create_task(every(look_every_seconds, enqueue, "enqueue")),
            asyncio.create_task(every(RECOVER_EVERY_SECONDS, recover, "recover")),
        ]
        try:
            yield
        finally:
            await end(tasks, again_seconds=FINISH_WITHIN_SECONDS + 1)  # the jobs in hand are finished first
