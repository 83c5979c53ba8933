"""Statements of one unit of work: reads run at once, writes are batched.

A round trip costs more than most statements, so on PostgreSQL all pending writes go in one
statement, the rows of each table as a JSON document. Pending writes are flushed before every read and before the
commit. See docs/adr/0026.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from attrs import frozen
from sqlalchemy import Connection, CursorResult, Executable, Table, bindparam, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Update

from echodesk_billing.domain.errors import BillingError

Values = Mapping[str, Any]
_LOCK_NAME = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class ConcurrentChange(BillingError):
    """A row was changed by another transaction since it was loaded; the transaction is retried."""


@frozen
class _Writing:
    """Inserts into a table, or updates by its primary key, of rows that have the same columns."""

    table: Table
    is_update: bool
    columns: tuple[str, ...]
    or_nothing: bool = False


class Session:
    """The statements of a unit of work on its connection.

    Args:
        connection: in a transaction; in none for a read-only unit of work.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[Table, tuple[_Writing, list[Values]]] = {}
        self.is_postgres = connection.dialect.name == "postgresql"

    def execute(self, statement: Executable, values: Values | None = None, *, apart: bool = False) -> CursorResult[Any]:
        """Run a statement, after pending writes.

        Args:
            apart: its table has no pending writes, so nothing needs to be flushed.
        """
        if not apart:
            self.flush()
        return self._connection.execute(statement, values)

    def lock_name(self, name: str) -> None:
        """Take an advisory lock by name until the transaction ends; SQLite has a single writer anyway."""
        if self.is_postgres:
            self.execute(_LOCK_NAME, {"name": name})

    def insert(self, table: Table, rows: Sequence[Values], *, or_nothing: bool = False) -> None:
        """Insert rows at the next flush. Rows may not contain bytes.

        Args:
            or_nothing: ignore rows whose key exists.
        """
        if rows:
            self._wait(_Writing(table, is_update=False, columns=tuple(rows[0]), or_nothing=or_nothing), rows)

    def insert_new(self, table: Table, row: Values) -> bool:
        """Insert a row now, unless its key exists; on PostgreSQL this waits for a concurrent insert of the same key."""
        return self.execute(_insertion(table, or_nothing=True, is_postgres=self.is_postgres), row).rowcount == 1

    def upsert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """An insert of this database to which what happens on a conflict can be added."""
        return postgresql.insert(table) if self.is_postgres else sqlite.insert(table)

    def update(self, table: Table, row: Values) -> None:
        """Update a row by its primary key at the next flush.

        In tables with a version column, the stored version must be one less than the given one.

        Raises:
            ConcurrentChange: it is not; raised at the flush.
        """
        self._wait(_Writing(table, is_update=True, columns=tuple(row)), [row])

    def _wait(self, writing: _Writing, rows: Sequence[Values]) -> None:
        if writing.table in self._waiting and (writing.is_update or self._waiting[writing.table][0] != writing):
            self.flush()  # one statement does not see the rows that it writes
        self._waiting.setdefault(writing.table, (writing, []))[1].extend(rows)

    def flush(self) -> None:
        """Flush pending writes.

        Raises:
            ConcurrentChange: a row was changed meanwhile.
        """
        if not self._waiting:
            return
        waiting, self._waiting = list(self._waiting.values()), {}
        counts = self._write_together(waiting) if self.is_postgres else [self._write(*one) for one in waiting]
        for (writing, rows), count in zip(waiting, counts, strict=True):
            if count != len(rows) and not writing.or_nothing:
                raise ConcurrentChange(f"a row of {writing.table.name} was changed meanwhile")

    def _write_together(self, waiting: Sequence[tuple[_Writing, list[Values]]]) -> Sequence[int]:
        values: list[Any] = []
        for writing, rows in waiting:
            values.append(msgspec.json.encode(rows[0] if writing.is_update else rows).decode())
            if writing.is_update:
                values += _old(writing.table, rows[0]).values()
        return self._connection.exec_driver_sql(_together(tuple(one for one, _ in waiting)), tuple(values)).one()

    def _write(self, writing: _Writing, rows: list[Values]) -> int:
        if not writing.is_update:
            insertion = _insertion(writing.table, or_nothing=writing.or_nothing, is_postgres=False)
            self._connection.execute(insertion, rows)
            return len(rows)
        return self._connection.execute(_update(writing.table), {**rows[0], **_old(writing.table, rows[0])}).rowcount


@functools.cache
def _key(table: Table) -> tuple[str, ...]:
    version = ("version",) if "version" in table.c else ()
    return tuple(column.name for column in table.primary_key) + version


def _old(table: Table, row: Values) -> Values:
    """The condition that finds the previous version of the row."""
    return {f"{table.name}_{name}": row[name] - 1 if name == "version" else row[name] for name in _key(table)}


@functools.cache
def _insertion(table: Table, *, or_nothing: bool, is_postgres: bool) -> postgresql.Insert | sqlite.Insert:
    insertion = postgresql.insert(table) if is_postgres else sqlite.insert(table)
    return insertion.on_conflict_do_nothing() if or_nothing else insertion


@functools.cache
def _update(table: Table) -> Update:
    return update(table).where(*(table.c[name] == bindparam(f"{table.name}_{name}") for name in _key(table)))


@functools.cache
def _together(writings: Sequence[_Writing]) -> str:
    """One statement for rows of several tables; returns how many rows of each were written."""
    numbers = itertools.count(1)
    parts = (f"new_{writing.table.name} AS ({_sql(writing, numbers)} RETURNING 1)" for writing in writings)
    counts = (f"(SELECT count(*) FROM new_{writing.table.name})" for writing in writings)  # noqa: S608
    return f"WITH {', '.join(parts)} SELECT {', '.join(counts)}"


def _sql(writing: _Writing, numbers: Iterator[int]) -> str:
    """The rows are a parameter; then the condition that finds a row to update. Names are those of our own columns."""
    name = writing.table.name
    columns = ", ".join(f'"{column}"' for column in writing.columns)
    given = f"NULL::{name}, ${next(numbers)}::text::json"
    if not writing.is_update:
        unless = " ON CONFLICT DO NOTHING" if writing.or_nothing else ""
        return f"INSERT INTO {name} ({columns}) SELECT {columns} FROM json_populate_recordset({given}){unless}"  # noqa: S608
    changes = ", ".join(f'"{column}" = given."{column}"' for column in writing.columns)
    keys = " AND ".join(f'{name}."{key}" = ${next(numbers)}' for key in _key(writing.table))
    return f"UPDATE {name} SET {changes} FROM json_populate_record({given}) AS given WHERE {keys}"  # noqa: S608
