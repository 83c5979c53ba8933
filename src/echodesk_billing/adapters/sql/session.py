"""Statements of one unit of work: what is read is asked for at once, what is written waits and goes together.

A round trip costs more than most of what it carries, so that on PostgreSQL everything that waits goes in one
statement, the rows of each table as a JSON document. Nothing is read and nothing is committed before what waits is
written. See docs/adr/0026.
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
    """A row was saved by someone else since it was loaded; the transaction runs again."""


@frozen
class _Writing:
    """Inserts into a table, or updates by its primary key, of rows that have the same columns."""

    table: Table
    is_update: bool
    columns: tuple[str, ...]
    or_nothing: bool = False


class Session:
    """What a unit of work says on its connection.

    Args:
        connection: in a transaction, or in none for a unit of work that only reads.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[Table, tuple[_Writing, list[Values]]] = {}
        self.is_postgres = connection.dialect.name == "postgresql"

    def execute(self, statement: Executable, values: Values | None = None, *, apart: bool = False) -> CursorResult[Any]:
        """Run a statement, after what waits.

        Args:
            apart: its table never waits, so that what waits may go on waiting.
        """
        if not apart:
            self.flush()
        return self._connection.execute(statement, values)

    def lock_name(self, name: str) -> None:
        """Let one transaction at a time go on that says this name; SQLite has one writer anyway."""
        if self.is_postgres:
            self.execute(_LOCK_NAME, {"name": name})

    def insert(self, table: Table, rows: Sequence[Values], *, or_nothing: bool = False) -> None:
        """Insert rows, later. None of them may hold bytes.

        Args:
            or_nothing: leave alone what is there under the same key.
        """
        if rows:
            self._wait(_Writing(table, is_update=False, columns=tuple(rows[0]), or_nothing=or_nothing), rows)

    def insert_new(self, table: Table, row: Values) -> bool:
        """Insert a row now, unless its key exists; on PostgreSQL this waits for who is inserting it at this moment."""
        return self.execute(_insertion(table, or_nothing=True, is_postgres=self.is_postgres), row).rowcount == 1

    def update(self, table: Table, row: Values) -> None:
        """Update a row by its primary key, later.

        Where rows of the table have a version, the row must still have the one before that which is given.

        Raises:
            ConcurrentChange: it has not; raised when the row is written.
        """
        self._wait(_Writing(table, is_update=True, columns=tuple(row)), [row])

    def _wait(self, writing: _Writing, rows: Sequence[Values]) -> None:
        if writing.table in self._waiting and (writing.is_update or self._waiting[writing.table][0] != writing):
            self.flush()  # one statement does not see the rows that it writes
        self._waiting.setdefault(writing.table, (writing, []))[1].extend(rows)

    def flush(self) -> None:
        """Write what waits.

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
    """What finds the row as it was before."""
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
    """One statement for rows of several tables, which gives how many of each it wrote."""
    numbers = itertools.count(1)
    parts = (f"new_{writing.table.name} AS ({_sql(writing, numbers)} RETURNING 1)" for writing in writings)
    counts = (f"(SELECT count(*) FROM new_{writing.table.name})" for writing in writings)  # noqa: S608
    return f"WITH {', '.join(parts)} SELECT {', '.join(counts)}"


def _sql(writing: _Writing, numbers: Iterator[int]) -> str:
    """With the rows as a parameter, and then what finds a row to update. All names are those of our own columns."""
    name = writing.table.name
    columns = ", ".join(f'"{column}"' for column in writing.columns)
    given = f"NULL::{name}, ${next(numbers)}::text::json"
    if not writing.is_update:
        unless = " ON CONFLICT DO NOTHING" if writing.or_nothing else ""
        return f"INSERT INTO {name} ({columns}) SELECT {columns} FROM json_populate_recordset({given}){unless}"  # noqa: S608
    changes = ", ".join(f'"{column}" = given."{column}"' for column in writing.columns)
    keys = " AND ".join(f'{name}."{key}" = ${next(numbers)}' for key in _key(writing.table))
    return f"UPDATE {name} SET {changes} FROM json_populate_record({given}) AS given WHERE {keys}"  # noqa: S608
