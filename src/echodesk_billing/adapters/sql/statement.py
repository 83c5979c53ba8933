"""Statements that SQLAlchemy compiles once. PostgreSQL runs them on asyncpg's own connection: see docs/adr/0059."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Executable, Select, Table
from sqlalchemy.sql.visitors import iterate


class AsyncpgConnection:
    """The connection of asyncpg below one of SQLAlchemy, for code that runs in a greenlet of SQLAlchemy's.

    SQLAlchemy must be in AUTOCOMMIT, so that it neither begins nor ends transactions on it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._run: Callable[[Callable[[Any], Any]], Any] = connection.connection.dbapi_connection.run_async  # type: ignore[union-attr]

    def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        """The rows of a statement."""
        rows: Sequence[Any] = self._run(lambda driver: driver.fetch(sql, *values))
        return rows

    def execute(self, sql: str) -> None:
        """Run a statement without parameters and rows."""
        self._run(lambda driver: driver.execute(sql))

    def roll_back(self, seconds: float) -> None:
        """End the transaction without its effects, within a time limit."""
        self._run(lambda driver: driver.execute("ROLLBACK", timeout=seconds))

    @property
    def is_lost(self) -> bool:
        """Whether the server or the network has closed it."""
        return bool(self._connection.connection.driver_connection.is_closed())  # type: ignore[union-attr]


@frozen
class Locking:
    """A statement that locks what it reads, and the same statement without locks."""

    locking: Statement
    reading: Statement


class Statement:
    """A statement with named parameters.

    Args:
        core: as SQLAlchemy's Core has it; without lists as parameters.
        columns: that an insert gives values to.
    """

    def __init__(self, core: Executable, columns: Sequence[str] | None = None) -> None:
        self.core = core
        self._columns = columns
        self._row: Any = None

    @cached_property
    def tables(self) -> frozenset[Table]:
        """What it reads or writes."""
        return frozenset(found for found in iterate(self.core) if isinstance(found, Table))  # type: ignore[arg-type]

    @cached_property
    def _compiled(self) -> Any:
        from sqlalchemy.dialects.postgresql.asyncpg import dialect  # noqa: PLC0415 - not on SQLite

        return self.core.compile(dialect=dialect(), column_keys=self._columns)  # type: ignore[attr-defined, no-untyped-call]

    @cached_property
    def sql(self) -> str:
        """For asyncpg."""
        return str(self._compiled)

    @cached_property
    def only_reads(self) -> bool:
        """Whether it neither writes nor locks."""
        return isinstance(self.core, Select) and "FOR UPDATE" not in self.sql

    @cached_property
    def _parameters(self) -> tuple[Sequence[str], Mapping[str, Any]]:
        """Names in their order, and the values that are part of the statement."""
        return self._compiled.positiontup or (), self._compiled.params

    def fetch(self, connection: AsyncpgConnection, values: Mapping[str, Any]) -> Sequence[Any]:
        """The rows, by attributes with the names of the columns."""
        names, given = self._parameters
        rows = connection.fetch(self.sql, [values[name] if name in values else given[name] for name in names])
        if not rows:
            return ()
        if self._row is None:
            self._row = namedtuple("_Row", rows[0].keys(), rename=True)  # type: ignore[misc]  # noqa: PYI024
        return [self._row(*row) for row in rows]
