"""Transactions on SQLite: one file, one writer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from echodesk_billing.adapters.sql import migrations
from echodesk_billing.adapters.sql.attempts import attempts, run, unavailable
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import UnitOfWork

T = TypeVar("T")

_READERS = 2


class SqliteStorage:
    """One file, one writer. Each unit of work runs on one thread from begin to commit.

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

    async def transact(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` on the writer's thread."""
        return await self._on(self._writer, self._writing, work)

    async def read(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` on a reader's thread, on a snapshot."""
        return await self._on(self._readers, self._engine, work)

    async def _on(self, pool: ThreadPoolExecutor, engine: Engine, work: Callable[[UnitOfWork], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, self._run, engine, work)

    def _run(self, engine: Engine, work: Callable[[UnitOfWork], T]) -> T:
        try:
            for attempt in attempts():
                with attempt, engine.begin() as connection:
                    result = run(work, Session(connection), self._ids)
            return result
        except SQLAlchemyError as error:
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


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is sent explicitly
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
