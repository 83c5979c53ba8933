"""Transactions on SQLite and PostgreSQL, and which failures are retried."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import stamina
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema

from echodesk_billing.adapters.sql import migrations
from echodesk_billing.adapters.sql.session import ConcurrentChange, Session
from echodesk_billing.adapters.sql.unit_of_work import SqlUnitOfWork
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Storage, StorageUnavailable, UnitOfWork

T = TypeVar("T")

_DEADLOCK = "40P01"
_SERIALISATION_FAILURE = "40001"
_ATTEMPTS = 5
_READERS = 2
POOL_SECONDS = 5
CONNECT_SECONDS = 5
ANSWER_SECONDS = 9.0  # the driver's time limit where the database does not answer at all
LOCK_SECONDS = 5
MIGRATION_LOCK_SECONDS = 2  # requests that wait behind a migration must not run into their own limit
STATEMENT_SECONDS = 8
LONGEST_SECONDS = 15.0  # repetitions included
CLOSE_SECONDS = 1.5


def open_storage(url: str, ids: Ids, schema: str = "") -> Storage:
    """The storage behind a database address.

    Args:
        url: `sqlite:///path` or `postgresql://…`.
        schema: of the tables in PostgreSQL; the connection's own where empty.

    Raises:
        StorageUnavailable: the URL names an unsupported database, or its driver is not installed.
    """
    if url.startswith("sqlite:///"):
        return SqliteStorage(Path(url.removeprefix("sqlite:///")), ids)
    if url.startswith(("postgresql://", "postgres://")):
        try:
            import asyncpg  # noqa: F401, PLC0415 - the extra [postgres] is optional
        except ImportError:
            raise StorageUnavailable("PostgreSQL needs the extra: pip install echodesk-billing[postgres]") from None
        return PostgresStorage(url, ids, schema)
    raise StorageUnavailable("DATABASE_URL must begin with sqlite:/// or postgresql://")


class ConnectionLost(BillingError):
    """The connection broke before the commit, as pooled connections do after a database restart."""


def _worth_repeating(error: Exception) -> bool:
    """Whether the transaction failed for a transient reason: deadlock, conflict, busy file, stale connection."""
    if isinstance(error, ConcurrentChange | ConnectionLost):
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return code in (_DEADLOCK, _SERIALISATION_FAILURE) or "database is locked" in str(error.orig)


def _attempts() -> Any:
    return stamina.retry_context(on=_worth_repeating, attempts=_ATTEMPTS, wait_initial=0.01, wait_max=0.5, timeout=10)


def _run(work: Callable[[UnitOfWork], T], connection: Connection, ids: Ids) -> T:
    session = Session(connection)
    result = work(SqlUnitOfWork(session, ids))
    session.flush()
    return result


def _unavailable(error: Exception) -> StorageUnavailable:
    cause = getattr(error, "orig", None) or error
    said = str(cause).strip().partition("\n")[0] or "no answer in time"
    return StorageUnavailable(f"The database rejected the operation: {type(cause).__name__}: {said}")


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
            for attempt in _attempts():
                with attempt, engine.begin() as connection:
                    result = _run(work, connection, self._ids)
            return result
        except SQLAlchemyError as error:
            raise _unavailable(error) from error

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
            return str(_unavailable(error))

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


class PostgresStorage:
    """A PostgreSQL database, through asyncpg and a bounded pool.

    Args:
        url: `postgresql://user:password@host:port/database`, `?sslmode=` included.
        schema: of the tables; the connection's own where empty.
    """

    def __init__(self, url: str, ids: Ids, schema: str = "") -> None:
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - needs the extra [postgres]

        parsed = make_url(url).set(drivername="postgresql+asyncpg")
        if "sslmode" in parsed.query:
            parsed = parsed.update_query_dict({"ssl": parsed.query["sslmode"]}).difference_update_query(["sslmode"])
        self._ids = ids
        self._schema = schema
        path = {"search_path": schema} if schema else {}
        self._migrating = partial(
            create_async_engine,
            parsed,
            poolclass=NullPool,
            connect_args={"timeout": CONNECT_SECONDS, "server_settings": path},
        )
        limits = {"lock_timeout": f"{LOCK_SECONDS}s", "statement_timeout": f"{STATEMENT_SECONDS}s"}
        self._engine = create_async_engine(
            parsed,
            pool_size=16,
            max_overflow=0,
            pool_timeout=POOL_SECONDS,
            pool_pre_ping=False,
            pool_recycle=1800,
            connect_args={
                "timeout": CONNECT_SECONDS,
                "command_timeout": ANSWER_SECONDS,
                "server_settings": {**limits, **path},
            },
        )
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def transact(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` in a transaction; it is retried after a deadlock, a conflict or a stale connection."""
        return await self._run(self._engine, work)

    async def read(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` without a transaction: each statement sees committed data."""
        return await self._run(self._reading, work)

    async def _run(self, engine: Any, work: Callable[[UnitOfWork], T]) -> T:
        def in_transaction(connection: Connection) -> T:
            with connection.begin():
                try:
                    return _run(work, connection, self._ids)
                except DBAPIError as error:
                    if error.connection_invalidated:  # before the commit, so that nothing was done
                        raise ConnectionLost(str(error.orig)) from error
                    raise

        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                async for attempt in _attempts():
                    with attempt:
                        async with engine.connect() as connection:
                            result: T = await connection.run_sync(in_transaction)
            return result
        except (SQLAlchemyError, OSError, ConnectionLost, TimeoutError) as error:
            raise _unavailable(error) from error

    async def migrate(self) -> list[str]:
        """Migrate the tables, one process at a time and while others use them; returns the applied revisions."""
        engine = self._migrating()
        try:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT pg_advisory_lock(7263548190)"))
                await connection.execute(text(f"SET lock_timeout = '{MIGRATION_LOCK_SECONDS}s'"))
                if self._schema:
                    await connection.execute(CreateSchema(self._schema, if_not_exists=True))
                await connection.commit()
                return await connection.run_sync(migrations.upgrade)
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable(error) from error
        finally:
            await engine.dispose()  # which ends the lock too

    async def problem(self) -> str | None:
        """Why the storage cannot be used, or None."""
        try:
            async with self._reading.begin() as connection:
                return await connection.run_sync(migrations.problem, self._schema)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            return str(_unavailable(error))

    def connections(self, state: str) -> int:
        """How many connections of this process are `used`, or the `size` of its pool."""
        pool = self._engine.sync_engine.pool
        return int(getattr(pool, "checkedout" if state == "used" else "size")())

    async def close(self) -> None:
        """Close the connections, within a time limit."""
        with contextlib.suppress(TimeoutError, SQLAlchemyError, OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._engine.dispose()
