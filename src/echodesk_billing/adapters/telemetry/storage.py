"""The storage with metrics and spans: what a transaction wrote is counted once it is committed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from echodesk_billing.adapters.telemetry import metrics
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.notifications.mail import Mail
from echodesk_billing.domain.notifications.webhook import Delivery
from echodesk_billing.ports.storage import InboxEntry, Queue, Storage, UnitOfWork
from echodesk_billing.ports.tracing import Tracing

T = TypeVar("T")


def observed_storage(inner: Storage, tracing: Tracing) -> Storage:
    """The storage, with metrics of what is committed and of its pool, and spans."""
    pool: Callable[[str], int] | None = getattr(inner, "connections", None)
    if pool is not None:
        for state in ("used", "size"):
            metrics.CONNECTIONS.labels(state).set_function(partial(pool, state))
    return ObservedStorage(inner, tracing)


class ObservedStorage:
    """A storage whose transactions are counted and traced.

    Args:
        inner: the storage itself.
    """

    def __init__(self, inner: Storage, tracing: Tracing) -> None:
        self._inner = inner
        self._tracing = tracing

    async def transact(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` in a transaction, then count what it wrote."""
        written = _Written()

        def observed(uow: UnitOfWork) -> T:
            written.clear()  # it may be run again
            return work(cast("UnitOfWork", _ObservedUnit(uow, written, self._tracing)))

        with self._tracing.span("transaction"):
            result = await self._inner.transact(observed)
        written.count()
        return result

    async def read(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work`, which only reads."""
        with self._tracing.span("read"):
            return await self._inner.read(work)

    async def migrate(self) -> list[str]:
        """Migrate the tables; returns the applied revisions."""
        return await self._inner.migrate()

    async def problem(self) -> str | None:
        """Why the storage cannot be used, or None."""
        return await self._inner.problem()

    async def close(self) -> None:
        """Close connections and threads."""
        await self._inner.close()


class _Written:
    """What a transaction wrote."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.callbacks: list[InboxEntry] = []
        self.mails: list[Mail] = []
        self.deliveries: list[Delivery] = []

    def clear(self) -> None:
        for noted in (self.events, self.callbacks, self.mails, self.deliveries):
            noted.clear()

    def count(self) -> None:
        metrics.count_events(self.events)
        metrics.count_callbacks(self.callbacks)
        metrics.count_mails(self.mails)
        metrics.count_deliveries(self.deliveries)


class _ObservedUnit:
    """A unit of work whose outbox, inbox, mails and webhooks note what is written; all else is the inner one's."""

    def __init__(self, inner: UnitOfWork, written: _Written, tracing: Tracing) -> None:
        self._inner = inner
        self.queue = _Queue(inner.queue, tracing)
        self.outbox = _Outbox(inner.outbox, written)
        self.inbox = _Inbox(inner.inbox, written)
        self.mails = _Mails(inner.mails, written)
        self.webhooks = _Webhooks(inner.webhooks, written)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Observed:
    def __init__(self, inner: Any, written: _Written) -> None:
        self._inner = inner
        self._written = written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Outbox(_Observed):
    def add(self, events: Sequence[Event], by: str = "") -> Sequence[Event]:
        self._written.events += events
        recorded: Sequence[Event] = self._inner.add(events, by)
        return recorded


class _Inbox(_Observed):
    def record(self, entry: InboxEntry) -> bool:
        self._written.callbacks.append(entry)
        is_new: bool = self._inner.record(entry)
        return is_new

    def add(self, entry: InboxEntry) -> None:
        self._written.callbacks.append(entry)
        self._inner.add(entry)


class _Mails(_Observed):
    def save(self, mail: Mail) -> None:
        self._written.mails.append(mail)
        self._inner.save(mail)


class _Webhooks(_Observed):
    def keep(self, delivery: Delivery) -> None:
        self._written.deliveries.append(delivery)
        self._inner.keep(delivery)


class _Queue:
    def __init__(self, inner: Queue, tracing: Tracing) -> None:
        self._inner = inner
        self._tracing = tracing

    def put(self, task: str, tenants: Sequence[str], trace: str = "") -> None:
        self._inner.put(task, tenants, trace or self._tracing.carried())
