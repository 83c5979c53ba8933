"""Background tasks, run by loops of this process or by workers of a queue."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import structlog
from aiolimiter import AsyncLimiter

from echodesk_billing.application.announcing import Announce
from echodesk_billing.application.mailing import SendMails
from echodesk_billing.application.pruning import Prune
from echodesk_billing.application.reconciliation import Reconcile
from echodesk_billing.application.registration import Register
from echodesk_billing.application.relay import Relay
from echodesk_billing.application.renewals import TEND, Renew, Renewed
from echodesk_billing.application.statistics import BusinessFigures
from echodesk_billing.application.watching import Watch
from echodesk_billing.application.webhook_delivery import SendWebhooks
from echodesk_billing.domain.notifications.heartbeat import Chore
from echodesk_billing.ports.tracing import NoTracing, Tracing

log = structlog.get_logger()

BATCH = 200
MOST_ENQUEUED = 1000
CLEAN_UP_EVERY_SECONDS = 2.0
MOST_SENDING = 50
SLOW_SECONDS = 1.0


class BackgroundTasks:
    """Background tasks, each safe to run concurrently in several processes.

    Args:
        concurrency: how many subscriptions are processed at a time.
        bank_calls_per_second: how many subscriptions are started per second, to limit calls to the bank.
    """

    def __init__(
        self,
        renew: Renew,
        reconcile: Reconcile,
        relay: Relay,
        register: Register,
        prune: Prune,
        figures: BusinessFigures,
        announce: Announce,
        mails: SendMails,
        webhooks: SendWebhooks,
        watch: Watch,
        concurrency: int,
        bank_calls_per_second: float,
        tracing: Tracing | None = None,
    ) -> None:
        self.tracing = tracing or NoTracing()
        self._renew = renew
        self._reconcile = reconcile
        self._relay = relay
        self._register = register
        self._prune = prune
        self._figures = figures
        self._announce = announce
        self._mails = mails
        self._webhooks = webhooks
        self._watch = watch
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._cleaned_up_at = float("-inf")
        self._rate = bank_calls_per_second
        self._pace: AsyncLimiter | None = None
        self.concurrency = concurrency

    async def tend(self, tenant_id: str) -> Renewed:
        """Process one due subscription, within the rate limit."""
        if self._pace is None:
            burst = max(1.0, self._rate / 10)
            self._pace = AsyncLimiter(burst, burst / self._rate)
        await self._pace.acquire()
        with self.tracing.span("job tend"):
            return await self._renew.tend(tenant_id)

    async def renew_due(self) -> AsyncIterator[Renewed]:
        """Process all due subscriptions, several at a time."""
        while tenants := await self._renew.claim(BATCH):
            waiting = iter(tenants)
            running = self._begin(self.concurrency, waiting)
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                running |= self._begin(len(done), waiting)
                for task in done:
                    yield task.result()
        await self._watch.beat(Chore.RENEWALS)

    def _begin(self, number: int, tenants: Iterator[str]) -> set[asyncio.Task[Renewed]]:
        return {asyncio.create_task(self.tend_safely(tenant)) for tenant in itertools.islice(tenants, number)}

    async def tend_safely(self, tenant_id: str) -> Renewed:
        """A subscription that fails does not block others; it is processed again when its claim expires."""
        try:
            return await self.tend(tenant_id)
        except Exception as error:  # noqa: BLE001 - reported, logged and retried
            log.error("job.failed", job=TEND, tenant_id=tenant_id, error=type(error).__name__, reason=str(error))
            return Renewed(tenant_id=tenant_id, state="unknown", problem=f"{type(error).__name__}: {error}")

    async def enqueue_due(self) -> int:
        """Enqueue a batch of due subscriptions; returns how many."""
        async with self._minded(Chore.RENEWALS):
            return await self._renew.enqueue(MOST_ENQUEUED)

    async def reconcile_due(self) -> None:
        """Reconcile orders whose check is due."""
        async with self._minded(Chore.RECONCILIATION):
            async for _ in self._reconcile.run():
                pass

    async def deliver(self) -> None:
        """Deliver events, where there is a receiver, and count them for the figures of the business."""
        await self._figures.count()
        if self._relay.is_wanted:
            async with self._minded(Chore.DELIVERY):
                await self._relay.run()

    async def send_mails(self) -> None:
        """Send the mails of new events, and those that are due again."""
        async with self._minded(Chore.MAIL):
            await self._announce.run()
            await self._mails.run()

    async def send_webhooks(self) -> None:
        """Send webhooks of new events, and those that are due again; every endpoint in a task of its own.

        A slow endpoint is waited for only a moment: its task goes on, and the others are not delayed.
        """
        async with self._minded(Chore.WEBHOOKS):
            await self._announce.run()
            for endpoint_id in await self._webhooks.busy():
                if endpoint_id not in self._sending and len(self._sending) < MOST_SENDING:
                    self._sending[endpoint_id] = asyncio.create_task(self._send_to(endpoint_id))
            if self._sending:
                await asyncio.wait(set(self._sending.values()), timeout=SLOW_SECONDS)

    async def watch(self) -> None:
        """Notice whether renewals stand still, and tell the operator, also where no worker lives."""
        if await self._watch.run():
            await self.send_mails()
            await self.send_webhooks()

    async def clean_up(self) -> None:
        """Remind of expiring cards, erase and delete obsolete data."""
        async with self._minded(Chore.CLEAN_UP):
            await self._renew.remind_of_cards()
            await self._register.erase_payloads()
            await self._prune.run()

    async def _send_to(self, endpoint_id: str) -> None:
        try:
            while lanes := await self._webhooks.claim(endpoint_id):
                await asyncio.gather(*(self._webhooks.run_lane(endpoint_id, lane) for lane in lanes))
        except Exception as error:  # noqa: BLE001 - its lanes are claimed again when the claim ends
            log.error("job.failed", job="webhooks", error=type(error).__name__, reason=str(error))
        finally:
            del self._sending[endpoint_id]

    @asynccontextmanager
    async def _minded(self, chore: Chore) -> AsyncIterator[None]:
        """Keep the heartbeat of a chore."""
        try:
            with self.tracing.span(f"chore {chore}"):
                yield
        except Exception as error:
            with contextlib.suppress(Exception):  # the first error is the one to see
                await self._watch.beat(chore, f"{type(error).__name__}: {error}")
            raise
        await self._watch.beat(chore)

    async def run_all(self) -> None:
        """Run every task once, in this process."""
        async for _ in self.renew_due():
            pass
        now = asyncio.get_running_loop().time()
        if now - self._cleaned_up_at >= CLEAN_UP_EVERY_SECONDS:
            self._cleaned_up_at = now
            await self.clean_up()
        await self.deliver()
