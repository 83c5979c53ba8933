"""Units of work that wait for SQLite's one writer share a commit, and nothing else."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from echodesk_billing import StorageUnavailable
from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.sql.drivers import Sqlite3Connection
from echodesk_billing.adapters.sql.sqlite import SqliteStorage
from echodesk_billing.ports.storage import UnitOfWork
from tests.builders import an_order

Work = Callable[[UnitOfWork], Any]
Patch = pytest.MonkeyPatch


@pytest.fixture
async def storage(tmp_path: Path, migrated_file: Path) -> AsyncIterator[SqliteStorage]:
    storage = SqliteStorage(Path(shutil.copy(migrated_file, tmp_path)), RandomIds())
    yield storage
    await storage.close()


def adds(number: int) -> Work:
    def work(uow: UnitOfWork) -> int:
        order = an_order(order_id=f"SUB-{number}")
        order.idempotency_key = f"key-{number}"
        uow.orders.add(order)
        return number

    return work


def fails(uow: UnitOfWork) -> None:
    adds(1000)(uow)
    assert uow.orders.get("SUB-1000", None) is not None  # so that it is written
    raise ValueError("no")


def adds_what_is_there(uow: UnitOfWork) -> None:
    adds(0)(uow)


async def written_together(storage: SqliteStorage, *works: Work) -> tuple[list[Any], int]:
    """Run units that have all to wait for one that is slow; gives what became of them, and how often it committed."""
    commits: list[object] = []
    began, may_end = threading.Event(), threading.Event()

    def note(connection: object) -> None:
        commits.append(connection)

    def slow(_uow: UnitOfWork) -> None:
        began.set()
        assert may_end.wait(10)

    event.listen(storage._engine, "commit", note)
    first = asyncio.create_task(storage.transact(slow))
    await asyncio.to_thread(began.wait, 10)
    waiting = [asyncio.create_task(storage.transact(work)) for work in works]
    await asyncio.sleep(0)
    may_end.set()
    await first
    found = await asyncio.gather(*waiting, return_exceptions=True)
    event.remove(storage._engine, "commit", note)
    return found, len(commits) - 1


async def stored(storage: SqliteStorage) -> set[str]:
    orders = await storage.read(lambda uow: uow.orders.listed(None, None, 100))
    return {order.id for order in orders}


async def test_units_that_wait_are_committed_together(storage: SqliteStorage) -> None:
    found, commits = await written_together(storage, *(adds(number) for number in range(10)))
    assert (found, commits) == (list(range(10)), 1)
    assert await stored(storage) == {f"SUB-{number}" for number in range(10)}


async def test_one_that_fails_leaves_nothing_and_the_others_are_committed(storage: SqliteStorage) -> None:
    found, commits = await written_together(storage, adds(1), fails, adds(2))
    assert (found[0], repr(found[1]), found[2], commits) == (1, "ValueError('no')", 2, 1)
    assert await stored(storage) == {"SUB-1", "SUB-2"}


async def test_without_savepoints_what_failed_is_stored_and_that_is_noticed(
    storage: SqliteStorage, monkeypatch: Patch
) -> None:
    execute = Sqlite3Connection.execute

    def sabotaged(self: Any, sql: str) -> None:
        if not sql.startswith("ROLLBACK"):
            execute(self, sql)

    monkeypatch.setattr(Sqlite3Connection, "execute", sabotaged)
    await written_together(storage, adds(1), fails)
    assert await stored(storage) == {"SUB-1", "SUB-1000"}


async def test_one_that_the_file_refuses_has_each_tried_by_itself(storage: SqliteStorage) -> None:
    await storage.transact(adds(0))
    found, _ = await written_together(storage, adds(1), adds_what_is_there, adds(2))
    assert (found[0], type(found[1]), found[2]) == (1, StorageUnavailable, 2)
    assert await stored(storage) == {"SUB-0", "SUB-1", "SUB-2"}


async def test_a_commit_that_fails_is_a_success_for_nobody(storage: SqliteStorage) -> None:
    """Together it fails once; each by itself fails again."""
    failures = [sqlite3.OperationalError("disk I/O error") for _ in range(4)]  # the slow one commits before

    def fail(_connection: object) -> None:
        if failures and len(failures) < 4:
            raise failures.pop()
        failures.pop()

    event.listen(storage._engine, "commit", fail)
    found, _ = await written_together(storage, adds(1), adds(2))
    event.remove(storage._engine, "commit", fail)
    assert [type(one) for one in found] == [StorageUnavailable, StorageUnavailable]
    assert await stored(storage) == set()
    assert await storage.transact(adds(1)) == 1


async def test_who_no_longer_waits_does_not_hold_up_the_others(storage: SqliteStorage) -> None:
    given_up = asyncio.create_task(storage.transact(adds(1)))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await storage.transact(adds(2)) == 2
    assert "SUB-2" in await stored(storage)
