"""Transactions on SQLite: one file, one writer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from attrs import define
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from echodesk_billing.adapters.sql import migrations
from echodesk_billing.adapters.sql.attempts import attempts, run, unavailable
from echodesk_billing.adapters.sql.drivers import Sqlite3Connection
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import UnitOfWork

T = TypeVar("T")

_READERS = 2
_MOST_TOGETHER = 16  # the first of them waits for the last


@define(eq=False)
class _Waiting:
    """A unit of work that waits to be written.

    Args:
        ended: gets its result or its error, on the event loop that waits for it.
    """

    work: Callable[[UnitOfWork], Any]
    ended: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def tell(self) -> None:
        """End the wait, unless nobody waits any more."""
        if self.ended.cancelled():
            return
        if self.error is not None:
            self.ended.set_exception(self.error)
        else:
            self.ended.set_result(self.result)


class SqliteStorage:
    """One file, one writer. Each unit of work runs on one thread from begin to commit.

    Units that wait for the writer share a commit, because a commit waits for the disk: each in a savepoint of its own,
    so that one that fails leaves nothing. Nobody hears of a result before it is committed.

    Args:
        path: of the file; its directory is created.
    """

    def __init__(self, path: Path, ids: Ids) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._ids = ids
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 10, "check_same_thread": False})
        event.listen(self._engine, "connect", _configure_sqlite)
        event.listen(self._engine, "begin", _begin_sqlite)
        self._writing = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        self._writer = ThreadPoolExecutor(1, "sqlite-writer")
        self._readers = ThreadPoolExecutor(_READERS, "sqlite-reader")
        self._waiting: deque[_Waiting] = deque()

    async def transact(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` on the writer's thread."""
        waiting = _Waiting(work, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._writer.submit(self._write)
        result: T = await waiting.ended
        return result

    async def read(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` on a reader's thread, on a snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._run, self._engine, work)

    def _write(self) -> None:
        """Write what waits; that is nothing where a commit before has taken it along."""
        together = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_TOGETHER))]
        if not together:
            return
        if len(together) == 1 or not self._write_together(together):
            for one in together:
                self._write_alone(one)
        for loop, ended in itertools.groupby(together, lambda one: one.ended.get_loop()):
            with contextlib.suppress(RuntimeError):  # a loop that is closed waits for nothing
                loop.call_soon_threadsafe(_tell, list(ended))

    def _write_together(self, together: Sequence[_Waiting]) -> bool:
        """Whether all were committed; if the file refuses one, none is, and each is to be tried by itself."""
        try:
            with self._writing.begin() as connection:
                driver = Sqlite3Connection(connection)
                for one in together:
                    self._write_in_savepoint(driver, one)
        except (SQLAlchemyError, sqlite3.Error):
            return False
        return True

    def _write_in_savepoint(self, driver: Sqlite3Connection, one: _Waiting) -> None:
        driver.execute("SAVEPOINT unit")
        one.error = None
        try:
            one.result = run(one.work, Session(driver), self._ids)
        except (SQLAlchemyError, sqlite3.Error):
            raise
        except Exception as error:  # noqa: BLE001 - its own, told to who waits for it
            one.error = error
            driver.execute("ROLLBACK TO unit")
        driver.execute("RELEASE unit")

    def _write_alone(self, one: _Waiting) -> None:
        one.error = None
        try:
            one.result = self._run(self._writing, one.work)
        except Exception as error:  # noqa: BLE001 - told to who waits for it
            one.error = error

    def _run(self, engine: Engine, work: Callable[[UnitOfWork], T]) -> T:
        try:
            for attempt in attempts():
                with attempt, engine.begin() as connection:
                    result = run(work, Session(Sqlite3Connection(connection)), self._ids)
            return result
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise unavailable(error) from error

    async def migrate(self) -> list[str]:
        """Migrate the tables; returns the applied revisions."""

        def run() -> list[str]:
            with self._writing.begin() as connection:
                return migrations.upgrade(connection)

        return await asyncio.get_running_loop().run_in_executor(self._writer, run)

    async def problem(self) -> str | None:
        """Why the storage cannot be used, or None."""

        def run() -> str | None:
            with self._engine.begin() as connection:
                return migrations.problem(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, run)
        except SQLAlchemyError as error:
            return str(unavailable(error))

    async def close(self) -> None:
        """Stop the threads and close the file."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()


def _tell(ended: Sequence[_Waiting]) -> None:
    for one in ended:
        one.tell()


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is sent explicitly
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
