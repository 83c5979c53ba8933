"""Transactions on PostgreSQL: asyncpg and a bounded pool.

SQLAlchemy keeps the pool and compiles; statements that are compiled once run on asyncpg's own connection, and so do the
beginning and the end of transactions. See docs/adr/0059.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema
from sqlalchemy.util import greenlet_spawn

from echodesk_billing.adapters.asyncpg_engine import asyncpg_engine
from echodesk_billing.adapters.sql import migrations
from echodesk_billing.adapters.sql.attempts import ConnectionLost, attempts, is_transient, run, unavailable
from echodesk_billing.adapters.sql.drivers import AsyncpgConnection
from echodesk_billing.adapters.sql.optimistic import NeedsTransaction, OptimisticSession
from echodesk_billing.adapters.sql.session import ConcurrentChange, Session
from echodesk_billing.adapters.sql.unit_of_work import SqlUnitOfWork
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import UnitOfWork

T = TypeVar("T")
Work = Callable[[UnitOfWork], T]
Way = Callable[[AsyncpgConnection, Work[T]], T]

POOL_SECONDS = 5
CONNECT_SECONDS = 5
ANSWER_SECONDS = 9.0  # the driver's time limit where the database does not answer at all
LOCK_SECONDS = 5
MIGRATION_LOCK_SECONDS = 2  # requests that wait behind a migration must not run into their own limit
STATEMENT_SECONDS = 8
LONGEST_SECONDS = 15.0  # repetitions included
ROLL_BACK_SECONDS = 1.0
CLOSE_SECONDS = 1.5
_DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
_CONNECT_ERROR = AsyncAdapt_asyncpg_dbapi.Error  # of the pool, which does not wrap it as `Engine.connect` does
_ERRORS = (SQLAlchemyError, _CONNECT_ERROR, ConnectionLost, TimeoutError, *_DRIVER_ERRORS)


class PostgresStorage:
    """A PostgreSQL database, through asyncpg and a bounded pool.

    Args:
        url: `postgresql://user:password@host:port/database`, with parameters of libpq.
        schema: of the tables; the connection's own where empty.
    """

    def __init__(self, url: str, ids: Ids, schema: str = "") -> None:
        self._ids = ids
        self._schema = schema
        path = {"search_path": schema} if schema else {}
        self._migrating = partial(
            asyncpg_engine,
            url,
            {"timeout": CONNECT_SECONDS, "server_settings": path},
            poolclass=NullPool,
        )
        limits = {"lock_timeout": f"{LOCK_SECONDS}s", "statement_timeout": f"{STATEMENT_SECONDS}s"}
        self._engine = asyncpg_engine(
            url,
            {
                "timeout": CONNECT_SECONDS,
                "command_timeout": ANSWER_SECONDS,
                "server_settings": {**limits, **path},
            },
            isolation_level="AUTOCOMMIT",  # transactions begin and end below SQLAlchemy
            pool_size=16,
            max_overflow=0,
            pool_timeout=POOL_SECONDS,
            pool_pre_ping=False,
            pool_recycle=1800,
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_lost)

    async def transact(self, work: Work[T]) -> T:
        """Run `work` without locks and write with one guarded statement; where that cannot be, in a transaction.

        It is retried after a deadlock, a conflict or a stale connection.
        """
        return await self._repeating(work, self._optimistically, self._in_transaction)

    async def read(self, work: Work[T]) -> T:
        """Run `work` without a transaction: each statement sees committed data."""
        return await self._repeating(work, self._outside)

    async def _repeating(self, work: Work[T], *ways: Way[T]) -> T:
        """Run `work` within a time limit, each way once, then the last one again while failures are transient."""
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                for way in ways:
                    try:
                        return await greenlet_spawn(self._on_connection, way, work)
                    except Exception as error:
                        if not isinstance(error, NeedsTransaction) and not is_transient(error):
                            raise
                async for attempt in attempts():
                    with attempt:
                        return await greenlet_spawn(self._on_connection, ways[-1], work)
                raise AssertionError("the last attempt neither returned nor raised")
        except _ERRORS as error:
            raise unavailable(error) from error

    def _on_connection(self, way: Way[T], work: Work[T]) -> T:
        """What `AsyncEngine.connect` and `run_sync` do in four switches of greenlets, in one."""
        engine = self._engine.sync_engine
        pooled = engine.raw_connection()
        try:
            return way(AsyncpgConnection(engine, pooled), work)
        finally:
            pooled.close()  # gives it back

    def _outside(self, own: AsyncpgConnection, work: Work[T]) -> T:
        with _lost_before_commit(own):
            return run(work, Session(own), self._ids)

    def _optimistically(self, own: AsyncpgConnection, work: Work[T]) -> T:
        session = OptimisticSession(own)
        with _lost_before_commit(own):
            result = work(SqlUnitOfWork(session, self._ids))
        try:
            session.commit()
        except asyncpg.UniqueViolationError as error:
            raise ConcurrentChange(str(error)) from error
        return result

    def _in_transaction(self, own: AsyncpgConnection, work: Work[T]) -> T:
        try:
            with _lost_before_commit(own):
                own.execute("BEGIN")
                result = run(work, Session(own), self._ids)
        except BaseException:
            _roll_back(own)
            raise
        try:
            own.execute("COMMIT")
        except BaseException:
            own.invalidate()  # nobody knows whether it is in a transaction
            raise
        return result

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
            raise unavailable(error) from error
        finally:
            await engine.dispose()  # which ends the lock too

    async def problem(self) -> str | None:
        """Why the storage cannot be used, or None."""
        try:
            async with self._engine.connect() as connection:
                return await connection.run_sync(migrations.problem, self._schema)
        except _ERRORS as error:
            return str(unavailable(error))

    def connections(self, state: str) -> int:
        """How many connections of this process are `used`, or the `size` of its pool."""
        pool = self._engine.sync_engine.pool
        return int(getattr(pool, "checkedout" if state == "used" else "size")())

    async def close(self) -> None:
        """Close the connections, within a time limit."""
        with contextlib.suppress(TimeoutError, SQLAlchemyError, OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._engine.dispose()


def _refuse_lost(connection: Any, _record: object, _proxy: object) -> None:
    """Notice when the pool hands out a connection that the server has closed; the pool then makes all anew."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


@contextlib.contextmanager
def _lost_before_commit(own: AsyncpgConnection) -> Iterator[None]:
    """Tell a lost connection from other errors: nothing was done, so the work can be repeated."""
    try:
        yield
    except _ERRORS as error:
        if own.is_lost:
            raise ConnectionLost(str(error)) from error
        raise


def _roll_back(own: AsyncpgConnection) -> None:
    """Leave a connection without a transaction, or close it."""
    try:
        own.roll_back(ROLL_BACK_SECONDS)
    except (TimeoutError, asyncio.CancelledError, *_DRIVER_ERRORS):
        own.invalidate()
