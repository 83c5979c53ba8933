"""Units of work as they run on PostgreSQL: they read while others go on, and write in one guarded step at the end.

The rules are those of docs/adr/0059, on the storage in memory, so that a seed decides who comes between: what was saved
or decided by must still have the version that was read, what is new must still be missing, and whatever the session on
PostgreSQL refuses is done again at once, as in a transaction with locks.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from attrs import define, evolve, field
from sqlalchemy.util import await_only, greenlet_spawn

from echodesk_billing.adapters.memory import MemoryStorage
from echodesk_billing.adapters.memory.contents import Contents, Sent
from echodesk_billing.adapters.memory.storage import MemoryUnitOfWork
from echodesk_billing.domain.accounting.invoice import UNNUMBERED, Invoice, document_number
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.events import Event, InvoiceIssued
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.storage import InboxEntry, UnitOfWork
from tests.simulation.steps import Pause, at_once

T = TypeVar("T")
Key = tuple[str, str]
Write = Callable[[MemoryUnitOfWork, Contents], None]

READS = {
    "orders": {"get", "by_key", "open_of", "open_renewal"},
    "subscriptions": {"get"},
    "customers": {"get"},
    "cards": {"active_of"},
    "catalogues": {"current"},
    "tokens": {"by_digest"},
}
OVERTAKEN = 0.2
"""How often others go on before a unit of work reads further."""


class Refused(Exception):
    """One guarded statement cannot do this."""


class Overtaken(Exception):
    """What the work rests on was changed meanwhile."""


async def transact(storage: MemoryStorage, work: Callable[[UnitOfWork], T], rng: random.Random) -> T:
    """Run `work` without locks; where that cannot be, all of it at once."""
    unit = OptimisticUnit(storage, rng)
    try:
        result = await greenlet_spawn(work, unit)
        if unit.writes:
            await Pause("between reading and writing")
            unit.commit()
    except (Refused, Overtaken):
        return at_once(storage.transact(partial(_with_versions, work)))
    return result


def _with_versions(work: Callable[[UnitOfWork], T], uow: Any) -> T:
    """Run `work` at once; what decided it and was not saved gets another version, as the session gives it."""
    decided: dict[Key, int] = {}
    kept = {"orders": uow.orders._orders, "subscriptions": uow.subscriptions._subscriptions}
    for name in kept:
        setattr(uow, name, Deciding(getattr(uow, name), name, decided))
    result = work(uow)
    _raise_versions(kept, decided)
    return result


def _raise_versions(kept: dict[str, dict[str, Any]], decided: dict[Key, int]) -> None:
    for (name, key), version in decided.items():
        if key in kept[name] and kept[name][key].version == version:
            kept[name][key].version += 1


@define
class Deciding:
    """Remembers the version of what was locked."""

    _repository: Any
    _name: str
    _decided: dict[Key, int]

    def __getattr__(self, method: str) -> Any:
        return getattr(self._repository, method)

    def lock(self, *named: Any) -> Any:
        return self._note(self._repository.lock(*named))

    def lock_or_add(self, subscription: Subscription) -> Any:
        return self._note(self._repository.lock_or_add(subscription))

    def _note(self, found: Any) -> Any:
        if found is not None:
            self._decided[_key(self._name, found)] = found.version
        return found


def _key(name: str, found: Any) -> Key:
    return name, found.id if name == "orders" else found.tenant_id


@define
class Repository:
    """The methods of one repository, as calls of the unit of work."""

    _call: Callable[..., Any]
    _name: str

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return partial(self._call, self._name, method)


@define(slots=False)
class OptimisticUnit:
    """A unit of work that reads what is stored at that moment, and keeps its writes until the end."""

    _storage: MemoryStorage
    _rng: random.Random
    writes: list[Write] = field(factory=list)
    _written: set[str] = field(factory=set)
    _decided: dict[Key, int] = field(factory=dict)
    _recorded: list[list[Event]] = field(factory=list)
    _series: str = ""
    _is_fit: bool = True
    _seen: Contents | None = None
    _reading: Any = None

    def __getattr__(self, name: str) -> Repository:
        return Repository(self._call, name)

    def _call(self, name: str, method: str, *given: Any, **named: Any) -> Any:
        if method in READS.get(name, ()):
            return self._read(name, method, *given, **named)
        known = WRITES.get(f"{name}.{method}")
        if known is None:
            self._refuse()
        return known(self, *given, **named)

    def _refuse(self) -> None:
        self._is_fit = False  # even if the work goes on
        raise Refused

    def _read(self, name: str, method: str, *given: Any, **named: Any) -> Any:
        if name in self._written:
            self._refuse()
        if self._seen is not None and self._rng.random() < OVERTAKEN:
            await_only(Pause("between two reads"))  # type: ignore[arg-type]
        if self._seen is not self._storage._memory:
            self._seen = self._storage._memory
            self._reading = MemoryUnitOfWork(self._seen.copy(), self._storage._ids)
        return getattr(getattr(self._reading, name), method)(*given, **named)

    def _lock(self, name: str, *given: Any) -> Any:
        found = self._read(name, "lock", *given)
        if found is not None:
            self._decided[_key(name, found)] = found.version
        return found

    def _raised(self, name: str, found: Any) -> int:
        """Give what is saved its next version; returns the one that was read."""
        if name in self._written:
            self._refuse()
        self._decided.pop(_key(name, found), None)
        found.version += 1
        return int(found.version - 1)

    def _write(self, name: str, write: Write) -> None:
        self._written.add(name)
        self.writes.append(write)

    # What the session on PostgreSQL knows to be safe.

    def lock_order(self, external_order_id: str | None, bank_order_id: str) -> Order | None:
        found: Order | None = self._lock("orders", external_order_id, bank_order_id)
        return found

    def add_order(self, order: Order) -> None:
        order.version = 1
        self._write_order(order, 0)

    def save_order(self, order: Order) -> None:
        self._write_order(order, self._raised("orders", order))

    def _write_order(self, order: Order, read: int) -> None:
        kept = evolve(order, steps=list(order.steps), version=read)
        order.steps.clear()

        def write(uow: MemoryUnitOfWork, contents: Contents) -> None:
            _expect(contents.orders.get(kept.id), read)
            if any(_same_place(one, kept) for one in contents.orders.values() if one.id != kept.id):
                raise Overtaken
            uow.orders.save(kept)

        self._write("orders", write)

    def lock_subscription(self, tenant_id: str) -> Subscription:
        found: Subscription = self._lock("subscriptions", tenant_id)
        return found

    def lock_or_add_subscription(self, subscription: Subscription) -> Subscription:
        found: Subscription | None = self._read("subscriptions", "get", subscription.tenant_id)
        if found is not None:
            return self.lock_subscription(subscription.tenant_id)
        new = evolve(subscription, version=1)
        self._write_subscription(new, 0)
        return new

    def save_subscription(self, subscription: Subscription) -> None:
        self._write_subscription(subscription, self._raised("subscriptions", subscription))

    def _write_subscription(self, subscription: Subscription, read: int) -> None:
        kept = evolve(subscription, version=read)

        def write(uow: MemoryUnitOfWork, contents: Contents) -> None:
            _expect(contents.subscriptions.get(kept.tenant_id), read)
            uow.subscriptions.save(kept)

        self._write("subscriptions", write)

    def add_customer(self, customer: Customer) -> None:
        new = evolve(customer)
        self._write("customers", lambda uow, _: uow.customers.add(new))

    def note_callback(self, entry: InboxEntry) -> None:
        self._write("inbox", lambda uow, _: uow.inbox.add(entry))

    def post(self, entries: Sequence[Entry]) -> None:
        self._write("books", lambda uow, _: uow.books.post(entries))

    def count(self, series: str) -> int:
        if self._series:
            self._refuse()
        self._series = series
        return UNNUMBERED

    def issue(self, invoice: Invoice) -> None:
        def write(uow: MemoryUnitOfWork, contents: Contents) -> None:
            if any(one.order_id == invoice.order_id for one in contents.invoices):
                raise Overtaken
            is_stand_in = invoice.serial == UNNUMBERED
            serial = contents.serials[invoice.series] if is_stand_in else invoice.serial
            uow.books.issue(evolve(invoice, serial=serial))

        self._write("books", write)

    def record(self, events: Sequence[Event], by: str = "") -> Sequence[Event]:
        recorded = [event.recorded(self._storage._ids.event_id(event.at), by) for event in events]
        self._recorded.append(recorded)
        self._write("outbox", lambda _, contents: contents.outbox.extend(Sent(event) for event in recorded))
        return recorded

    def put_jobs(self, _task: str, tenants: Sequence[str], _trace: str = "") -> None:
        if tenants:
            self._refuse()

    def commit(self) -> None:
        """Write everything, or raise and write nothing."""
        if not self._is_fit:
            raise Refused
        draft = self._storage._memory.copy()
        kept: dict[str, dict[str, Any]] = {"orders": draft.orders, "subscriptions": draft.subscriptions}
        for (name, key), version in self._decided.items():
            _expect(kept[name].get(key), version)
        _raise_versions(kept, self._decided)
        uow = MemoryUnitOfWork(draft, self._storage._ids)
        if self._series:
            self._number(uow.books.next_serial(self._series))
        for write in self.writes:
            write(uow, draft)
        self._storage._memory = draft

    def _number(self, serial: int) -> None:
        stand_in, number = document_number(self._series, UNNUMBERED), document_number(self._series, serial)
        for recorded in self._recorded:
            for place, event in enumerate(recorded):
                if isinstance(event, InvoiceIssued) and event.number == stand_in:
                    recorded[place] = evolve(event, number=number)


def _expect(stored: Any, version: int) -> None:
    """The version that was read; zero where nothing was."""
    if (0 if stored is None else stored.version) != version:
        raise Overtaken


def _same_place(one: Order, other: Order) -> bool:
    """The unique indexes of orders."""
    if one.idempotency_key == other.idempotency_key or (one.bank_order_id and one.bank_order_id == other.bank_order_id):
        return True
    renewals = [(each.tenant_id, each.period) for each in (one, other) if _is_renewal(each)]
    return len(renewals) == 2 and renewals[0] == renewals[1]


def _is_renewal(order: Order) -> bool:
    return order.purpose is Purpose.RENEWAL and order.state is not OrderState.REJECTED


WRITES: dict[str, Callable[..., Any]] = {
    "orders.lock": OptimisticUnit.lock_order,
    "orders.add": OptimisticUnit.add_order,
    "orders.save": OptimisticUnit.save_order,
    "subscriptions.lock": OptimisticUnit.lock_subscription,
    "subscriptions.lock_or_add": OptimisticUnit.lock_or_add_subscription,
    "subscriptions.save": OptimisticUnit.save_subscription,
    "customers.add": OptimisticUnit.add_customer,
    "inbox.add": OptimisticUnit.note_callback,
    "books.post": OptimisticUnit.post,
    "books.serial_when_stored": OptimisticUnit.count,
    "books.issue": OptimisticUnit.issue,
    "outbox.add": OptimisticUnit.record,
    "queue.put": OptimisticUnit.put_jobs,
}
