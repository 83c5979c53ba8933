"""Units of work without locks on PostgreSQL: one guarded statement, or else a transaction with locks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.util import await_only

from echodesk_billing import StorageUnavailable
from echodesk_billing.adapters.sql.optimistic import OptimisticSession
from echodesk_billing.adapters.sql.postgres import PostgresStorage
from echodesk_billing.domain.events import InvoiceIssued
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term
from echodesk_billing.ports.storage import InboxEntry, UnitOfWork
from tests.builders import NOW, an_order, gel, principal, report
from tests.integration.plans import sent
from tests.simulation.optimistic import READS
from tests.unit.conftest import World

Patch = pytest.MonkeyPatch


def postgres(world: World) -> PostgresStorage:
    assert isinstance(world.storage, PostgresStorage)
    return world.storage


async def an_order_that_waits(world: World) -> Order:
    order = an_order()

    def store(uow: UnitOfWork) -> None:
        uow.subscriptions.add(Subscription(tenant_id=order.tenant_id, term=Term(time_zone="UTC")))
        uow.orders.add(order)

    await world.storage.transact(store)
    return order


def pays(uow: UnitOfWork) -> None:
    order = uow.orders.lock(an_order().id, "")
    assert order is not None
    order.observe(report(BankStatus.COMPLETED), NOW)
    uow.orders.save(order)


def locks_and_writes_something_else(uow: UnitOfWork) -> None:
    subscription = uow.subscriptions.lock("acme")
    uow.orders.add(an_order(order_id=f"SUB-{subscription.version}"))


def reads_what_it_wrote(uow: UnitOfWork) -> None:
    pays(uow)
    found = uow.orders.get(an_order().id, None)
    assert found is not None
    assert found.is_paid


def numbers_what_is_no_invoice(uow: UnitOfWork) -> None:
    assert uow.books.next_serial("PF-2026") == 1


def forgets_the_invoice(uow: UnitOfWork) -> None:
    uow.books.serial_when_stored("INV-2026")
    pays(uow)


def goes_on_regardless(uow: UnitOfWork) -> None:
    try:
        uow.registrations.lock_name("acme")
    finally:
        pays(uow)


@pytest.mark.parametrize(("work", "expected"), [(pays, "WITH"), (locks_and_writes_something_else, "SELECT")])
async def test_what_one_statement_can_check_needs_no_transaction(
    world: World, work: Callable[[UnitOfWork], None], expected: str
) -> None:
    await an_order_that_waits(world)
    async with sent(postgres(world)) as statements:
        await world.storage.transact(work)
    assert [sql.partition(" ")[0] for sql, _ in statements] == [expected, "WITH"]


def locks_writes_and_reads(uow: UnitOfWork) -> None:
    locks_and_writes_something_else(uow)
    assert len(uow.orders.listed("acme", None, 10)) == 2


def locks_and_writes_at_once(uow: UnitOfWork) -> None:
    uow.subscriptions.lock("acme")
    assert uow.inbox.record(InboxEntry(digest="d" * 64, verdict="valid", outcome="applied", at=NOW))


@pytest.mark.parametrize("work", [locks_and_writes_something_else, locks_writes_and_reads, locks_and_writes_at_once])
async def test_the_version_of_a_row_that_only_decided_something_is_raised(
    world: World, work: Callable[[UnitOfWork], None]
) -> None:
    """Without a transaction and in one, also where everything was written before the commit."""
    await an_order_that_waits(world)
    await world.storage.transact(work)
    subscription = await world.storage.read(lambda uow: uow.subscriptions.get("acme"))
    assert subscription is not None
    assert subscription.version == 2


@pytest.mark.parametrize(
    "work",
    [
        reads_what_it_wrote,
        numbers_what_is_no_invoice,
        forgets_the_invoice,
        goes_on_regardless,
    ],
)
async def test_what_it_cannot_check_is_done_in_a_transaction(world: World, work: Callable[[UnitOfWork], None]) -> None:
    await an_order_that_waits(world)
    async with sent(postgres(world)) as statements:
        await world.storage.transact(work)
    commands = [sql.partition(" ")[0] for sql, _ in statements]
    assert (commands.count("BEGIN"), commands[-1]) == (1, "COMMIT")


async def test_a_row_that_changed_meanwhile_fails_the_statement_as_a_whole(world: World, monkeypatch: Patch) -> None:
    order = await an_order_that_waits(world)
    commit, seen = OptimisticSession.commit, []

    def overtaken(self: Any) -> None:
        if not seen:
            seen.append(self)
            await_only(world.storage.transact(lambda uow: note(uow, "overtaking")))
        commit(self)

    def note(uow: UnitOfWork, what: str) -> None:
        found = uow.orders.lock(order.id, "")
        assert found is not None
        found.called("create", "in_doubt", NOW, what)
        uow.orders.save(found)

    monkeypatch.setattr(OptimisticSession, "commit", overtaken)
    await world.storage.transact(lambda uow: note(uow, "overtaken"))
    history = await world.storage.read(lambda uow: uow.orders.history(order.id))
    assert [step.detail for step in history if step.detail.startswith("overtak")] == ["overtaking", "overtaken"]


@pytest.mark.parametrize(("last", "number"), [(None, "000001"), (41, "000042"), (999_999, "1000000")])
async def test_invoice_events_and_answer_have_the_number_that_was_taken(
    world: World, last: int | None, number: str
) -> None:
    order = await world.buy()
    year = world.clock.moment.year
    if last is not None:
        counted = text("INSERT INTO serials VALUES (:series, :last)").bindparams(series=f"INV-{year}", last=last)
        await world.storage.transact(lambda uow: uow.orders._session.execute(counted))  # type: ignore[attr-defined]
    world.bank.pay(order)
    receipt = await world.bank.receipt((await world.order(order.id)).bank_order_id or "")
    settled = await world.settlement.apply(receipt)
    (invoice,) = await world.views.invoices(principal(order.tenant_id))
    (told,) = [event for event in await world.events() if isinstance(event, InvoiceIssued)]
    (answered,) = [event for event in settled.events if isinstance(event, InvoiceIssued)]
    assert {invoice.number, told.number, answered.number} == {f"INV-{year}-{number}"}


async def test_a_key_that_exists_is_met_again_in_a_transaction_and_told(world: World) -> None:
    order = await an_order_that_waits(world)
    again = an_order(order_id="SUB-2", amount=gel("1.00"))
    again.idempotency_key = order.idempotency_key
    async with sent(postgres(world)) as statements:
        with pytest.raises(StorageUnavailable, match="UniqueViolation"):
            await world.storage.transact(lambda uow: uow.orders.add(again))
    assert "BEGIN" in [sql for sql, _ in statements]


async def test_a_connection_lost_while_it_commits_is_not_tried_again(world: World, monkeypatch: Patch) -> None:
    await an_order_that_waits(world)
    done: list[str] = []

    def work(uow: UnitOfWork) -> None:
        done.append("work")
        pays(uow)

    def dies(self: Any, *_: object) -> None:
        self._driver.core.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(OptimisticSession, "_write_together", dies)
    with pytest.raises(StorageUnavailable):
        await world.storage.transact(work)
    assert done == ["work"]
    monkeypatch.undo()
    await world.storage.transact(work)


ASKED: dict[str, tuple[Any, ...]] = {
    "get": ("acme",),
    "by_key": ("key",),
    "open_of": ("acme",),
    "open_renewal": ("acme", 1),
    "active_of": ("acme",),
    "current": (),
    "by_digest": ("digest",),
}


@pytest.mark.parametrize(("repository", "method"), [(name, method) for name in READS for method in sorted(READS[name])])
async def test_what_the_simulation_reads_without_locks_is_read_so_here(
    world: World, repository: str, method: str
) -> None:
    asked = ("SUB-1", None) if (repository, method) == ("orders", "get") else ASKED[method]
    async with sent(postgres(world)) as statements:
        await world.storage.transact(lambda uow: getattr(getattr(uow, repository), method)(*asked))
    assert [sql.split()[0] for sql, _ in statements] in (["SELECT"], ["SELECT", "SELECT"])  # by either id
