"""The drivers below SQLAlchemy, asyncpg and sqlite3, on which compiled statements run: see docs/adr/0059."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import Any, Protocol

from sqlalchemy import Connection, Dialect, Engine, PoolProxiedConnection

Convert = Callable[[Any], Any]


def sqlstate(error: Exception) -> str:
    """The code of an error of PostgreSQL, raised by asyncpg or by SQLAlchemy; empty for others."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


class Driver(Protocol):
    """A connection of a driver."""

    is_postgres: bool

    @property
    def core(self) -> Connection:
        """The same connection for SQLAlchemy."""
        ...

    def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """The rows of a statement."""
        ...


class AsyncpgConnection:
    """A connection of asyncpg from SQLAlchemy's pool, for code that runs in a greenlet of SQLAlchemy's.

    SQLAlchemy must be in AUTOCOMMIT, so that it neither begins nor ends transactions on it.
    """

    is_postgres = True

    def __init__(self, engine: Engine, pooled: PoolProxiedConnection) -> None:
        self._engine = engine
        self._pooled = pooled
        self._run: Callable[[Callable[[Any], Any]], Any] = pooled.dbapi_connection.run_async  # type: ignore[union-attr]

    @cached_property
    def core(self) -> Connection:
        """The same connection for SQLAlchemy, where a statement is made for one call."""
        return Connection(self._engine, self._pooled)

    def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """The rows of a statement."""
        rows: Sequence[Sequence[Any]] = self._run(lambda driver: driver.fetch(sql, *values))
        return rows

    def execute(self, sql: str) -> None:
        """Run a statement without parameters and rows."""
        self._run(lambda driver: driver.execute(sql))

    def roll_back(self, seconds: float) -> None:
        """End the transaction without its effects, within a time limit."""
        self._run(lambda driver: driver.execute("ROLLBACK", timeout=seconds))

    def invalidate(self) -> None:
        """Close it; the pool makes another one."""
        self._pooled.invalidate()

    @property
    def is_lost(self) -> bool:
        """Whether the server or the network has closed it."""
        return not self._pooled.is_valid or bool(self._pooled.driver_connection.is_closed())  # type: ignore[union-attr]


class Sqlite3Connection:
    """The connection of sqlite3 below one of SQLAlchemy."""

    is_postgres = False

    def __init__(self, connection: Connection) -> None:
        self.core = connection
        self._own: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]

    def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """The rows of a statement."""
        return self._own.execute(sql, values).fetchall()

    def execute(self, sql: str) -> None:
        """Run a statement without parameters and rows."""
        self._own.execute(sql)

    def change(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement that writes, once for each row; gives how many rows it wrote."""
        return self._own.executemany(sql, rows).rowcount


@cache
def dialect_of(*, is_postgres: bool) -> Dialect:
    """SQLAlchemy's dialect of a driver."""
    if is_postgres:
        from sqlalchemy.dialects.postgresql import asyncpg as postgresql  # noqa: PLC0415 - needs an extra

        return postgresql.dialect()  # type: ignore[no-untyped-call]
    from sqlalchemy.dialects.sqlite import pysqlite  # noqa: PLC0415 - as the other

    return pysqlite.dialect()
