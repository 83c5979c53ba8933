"""Transactions on PostgreSQL: asyncpg and a bounded pool."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema

from echodesk_billing.adapters.sql import migrations
from echodesk_billing.adapters.sql.attempts import ConnectionLost, attempts, run, unavailable
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import UnitOfWork

T = TypeVar("T")

POOL_SECONDS = 5
CONNECT_SECONDS = 5
ANSWER_SECONDS = 9.0  # the driver's time limit where the database does not answer at all
LOCK_SECONDS = 5
MIGRATION_LOCK_SECONDS = 2  # requests that wait behind a migration must not run into their own limit
STATEMENT_SECONDS = 8
LONGEST_SECONDS = 15.0  # repetitions included
CLOSE_SECONDS = 1.5


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
                    return run(work, connection, self._ids)
                except DBAPIError as error:
                    if error.connection_invalidated:  # before the commit, so that nothing was done
                        raise ConnectionLost(str(error.orig)) from error
                    raise

        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                async for attempt in attempts():
                    with attempt:
                        async with engine.connect() as connection:
                            result: T = await connection.run_sync(in_transaction)
            return result
        except (SQLAlchemyError, OSError, ConnectionLost, TimeoutError) as error:
            raise unavailable(error) from error

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
            async with self._reading.begin() as connection:
                return await connection.run_sync(migrations.problem, self._schema)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
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
