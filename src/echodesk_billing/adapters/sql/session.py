"""Statements of one unit of work: reads run at once, writes are batched.

A round trip costs more than most statements, so on PostgreSQL all pending writes go in one
statement, the rows of each table as a JSON document. Pending writes are flushed before their tables are read and before
the commit. See docs/adr/0026.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import CursorResult, Executable, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase

from echodesk_billing.adapters.sql.drivers import Driver, Sqlite3Connection, sqlstate
from echodesk_billing.adapters.sql.statement import Locking, Statement
from echodesk_billing.adapters.sql.writing import (
    Counting,
    Values,
    Writing,
    insertion,
    insertion_of_new,
    old,
    together,
    update_by_key,
)
from echodesk_billing.domain.errors import BillingError

_DIVISION_BY_ZERO = "22012"
_LOCK_NAME = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class ConcurrentChange(BillingError):
    """A row was changed by another transaction since it was loaded; the transaction is retried."""


class Session:
    """The statements of a unit of work on its connection.

    Args:
        driver: a connection in a transaction; in none for a read-only unit of work.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._waiting: dict[Table, tuple[Writing, list[Values]]] = {}
        self._unsaved: dict[tuple[Table, str], int] = {}
        self._has_written = False
        self.is_postgres = driver.is_postgres

    def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[Any]:
        """Run a statement that is made for this call, after pending writes."""
        self.flush()
        self._has_written = self._has_written or isinstance(statement, UpdateBase)
        return self._driver.core.execute(statement, values)

    def all(self, statement: Statement, **values: Any) -> Sequence[Any]:
        """The rows of a statement that is compiled once, after pending writes to its tables."""
        if not statement.tables.isdisjoint(self._waiting):
            self.flush()
        rows = statement.fetch(self._driver, values)
        if rows and isinstance(statement.core, UpdateBase):  # those that write tell what they wrote
            self._has_written = True
        return rows

    def first(self, statement: Statement, **values: Any) -> Any:
        """The first row of a statement that is compiled once; None where there is none."""
        return next(iter(self.all(statement, **values)), None)

    def lock(self, statement: Locking, **values: Any) -> Any:
        """The first row of a statement that locks what it reads; None where there is none."""
        return self.first(statement.locking, **values)

    def decided_by(self, table: Table, key: str, version: int) -> None:
        """Note that a decision rests on a row: if anything is written, its version is raised, saved or not.

        So whoever decides by the same row at the same time, with a lock or without, is found out by its version.
        """
        self._unsaved[table, key] = version

    def counts_at_the_end(self, series: str) -> bool:  # noqa: ARG002
        """Whether the statement that writes a document takes its number too, so that a stand-in is used until then."""
        return False

    @property
    def stand_in(self) -> str | None:
        """The number in what waits to be written, instead of one that is not taken yet."""
        return None

    def when_counted(self, tell: Callable[[str], None]) -> None:
        """Tell the number that was taken, once it is known."""

    def lock_name(self, name: str) -> None:
        """Take an advisory lock by name until the transaction ends; SQLite has a single writer anyway."""
        if self.is_postgres:
            self.execute(_LOCK_NAME, {"name": name})

    def insert(self, table: Table, rows: Sequence[Values], *, or_nothing: bool = False, numbered: str = "") -> None:
        """Insert rows at the next flush. Rows may not contain bytes.

        Args:
            or_nothing: ignore rows whose key exists.
            numbered: a column with the stand-in of a document number.
        """
        if rows:
            columns = tuple(rows[0])
            self._wait(Writing(table, False, columns, or_nothing=or_nothing, numbered=numbered), rows)

    def insert_new(self, table: Table, row: Values) -> bool:
        """Insert a row now, unless its key exists; on PostgreSQL this waits for a concurrent insert of the same key."""
        return bool(self.all(insertion_of_new(table, tuple(row), is_postgres=self.is_postgres), **row))

    def insert_missing(self, table: Table, row: Values) -> bool:
        """Insert a row that was not found; gives whether it was still missing."""
        return self.insert_new(table, row)

    def upsert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """An insert of this database to which what happens on a conflict can be added."""
        return postgresql.insert(table) if self.is_postgres else sqlite.insert(table)

    def update(self, table: Table, row: Values) -> None:
        """Update a row by its primary key at the next flush.

        In tables with a version column, the stored version must be one less than the given one.

        Raises:
            ConcurrentChange: it is not; raised at the flush.
        """
        self._unsaved.pop((table, _key_of(table, row)), None)
        self._wait(Writing(table, is_update=True, columns=tuple(row)), [row])

    def commit(self) -> None:
        """Write what waits, for the last time.

        Raises:
            ConcurrentChange: a row was changed meanwhile.
        """
        self._raise_versions()
        self.flush()

    def _raise_versions(self) -> None:
        """Of rows that decided something and were not saved."""
        if self.is_postgres and (self._waiting or self._has_written):
            for (table, key), version in list(self._unsaved.items()):
                self.update(table, {next(iter(table.primary_key)).name: key, "version": version + 1})

    def _wait(self, writing: Writing, rows: Sequence[Values]) -> None:
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
        self._has_written = True
        waiting, self._waiting = list(self._waiting.values()), {}
        if isinstance(self._driver, Sqlite3Connection):
            for writing, rows in waiting:
                _write(self._driver, writing, rows)
        else:
            self._write_together(waiting)

    def _write_together(
        self, waiting: Sequence[tuple[Writing, list[Values]]], counting: Counting | None = None
    ) -> str | None:
        """Gives the document number that was taken, if one was wanted."""
        try:
            number: str | None = self._driver.fetch(*together(waiting, counting))[0][1]
        except Exception as error:
            if sqlstate(error) == _DIVISION_BY_ZERO:
                names = ", ".join(writing.table.name for writing, _ in waiting if writing.is_update)
                raise ConcurrentChange(f"a row of {names} was changed meanwhile") from None
            raise
        return number


def _key_of(table: Table, row: Values) -> str:
    return str(row[next(iter(table.primary_key)).name])


def _write(driver: Sqlite3Connection, writing: Writing, rows: list[Values]) -> None:
    """On SQLite a statement is a call in the same thread, so one follows the other."""
    if not writing.is_update:
        compiled = insertion(writing.table, writing.columns, or_nothing=writing.or_nothing).on(is_postgres=False)
        driver.change(compiled.sql, [compiled.values(row) for row in rows])
        return
    compiled = update_by_key(writing.table, writing.columns).on(is_postgres=False)
    row = {**rows[0], **old(writing.table, rows[0])}
    if driver.change(compiled.sql, [compiled.values(row)]) != 1:
        raise ConcurrentChange(f"a row of {writing.table.name} was changed meanwhile")
