"""The SQL that writes what waits in a unit of work: on PostgreSQL all of it in one statement."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from attrs import frozen
from sqlalchemy import Integer, Table, bindparam, literal_column, update
from sqlalchemy.dialects import postgresql, sqlite

from echodesk_billing.adapters.sql.statement import Statement

Values = Mapping[str, Any]


@frozen
class Writing:
    """Inserts into a table, or updates by its primary key, of rows that have the same columns.

    Args:
        numbered: a column that is, or mentions, the document number which the statement itself takes.
    """

    table: Table
    is_update: bool
    columns: tuple[str, ...]
    or_nothing: bool = False
    numbered: str = ""


@frozen
class Counting:
    """A document number that is taken by the statement that writes the document.

    Args:
        series: its series.
        stand_in: the number in what waits to be written.
    """

    series: str
    stand_in: str


def old(table: Table, row: Values) -> Values:
    """The condition that finds the previous version of a row."""
    return {f"{table.name}_{name}": row[name] - 1 if name == "version" else row[name] for name in _key(table)}


@functools.cache
def _key(table: Table) -> tuple[str, ...]:
    version = ("version",) if "version" in table.c else ()
    return tuple(column.name for column in table.primary_key) + version


@functools.cache
def insertion(table: Table, columns: tuple[str, ...], *, or_nothing: bool) -> Statement:
    """An insert for SQLite."""
    plain = sqlite.insert(table)
    return Statement(plain.on_conflict_do_nothing() if or_nothing else plain, columns)


@functools.cache
def insertion_of_new(table: Table, columns: tuple[str, ...], *, is_postgres: bool) -> Statement:
    """An insert that gives a row where it inserted one."""
    plain = postgresql.insert(table) if is_postgres else sqlite.insert(table)
    return Statement(plain.on_conflict_do_nothing().returning(literal_column("1").label("one")), columns)


@functools.cache
def update_by_key(table: Table, columns: tuple[str, ...]) -> Statement:
    """An update by primary key and version, for SQLite."""
    given: dict[str, Any] = {name: bindparam(name, type_=table.c[name].type) for name in columns}
    keys = (table.c[name] == bindparam(f"{table.name}_{name}", type_=table.c[name].type) for name in _key(table))
    return Statement(update(table).where(*keys).values(given))


def together(waiting: Sequence[tuple[Writing, Sequence[Values]]], counting: Counting | None) -> tuple[str, list[Any]]:
    """One statement for rows of several tables, and its parameters; it gives the number that it took, or NULL.

    It fails as a whole where a row to update was changed meanwhile.
    """
    values: list[Any] = [] if counting is None else [counting.series, counting.stand_in]
    for writing, rows in waiting:
        values.append(msgspec.json.encode(rows[0] if writing.is_update else rows).decode())
        if writing.is_update:
            values += old(writing.table, rows[0]).values()
    return _together(tuple(writing for writing, _ in waiting), is_counting=counting is not None), values


_TAKEN = """taken AS (INSERT INTO serials (series, last) VALUES ($1, 1)
ON CONFLICT (series) DO UPDATE SET last = serials.last + 1
RETURNING last, series || '-' || lpad(last::text, greatest(6, length(last::text)), '0') AS number,
$2::text AS stand_in)"""


@functools.cache
def _together(writings: Sequence[Writing], *, is_counting: bool) -> str:
    """The statement; rows are locked in the order of the guards, and the series comes last."""
    numbers = itertools.count(3 if is_counting else 1)
    parts = [f"new_{writing.table.name} AS ({_sql(writing, numbers)} RETURNING 1)" for writing in writings]
    guards = _guards(writing.table.name for writing in writings if writing.is_update)
    if not is_counting:
        return f"WITH {', '.join(parts)} SELECT 1{guards}, NULL AS number"
    return f"WITH {', '.join([_TAKEN, *parts])} SELECT 1{guards}, (SELECT number FROM taken)"  # noqa: S608


def _guards(updated: Iterable[str]) -> str:
    """SQL cannot raise an error, so it divides by how many rows it found to update: 1 or 0."""
    return "".join(f" / (SELECT count(*) FROM new_{name})" for name in sorted(updated))  # noqa: S608


def _sql(writing: Writing, numbers: Iterator[int]) -> str:
    """The rows are a parameter; then the condition that finds a row to update. Names are those of our own columns."""
    name = writing.table.name
    columns = ", ".join(f'"{column}"' for column in writing.columns)
    given = f"NULL::{name}, ${next(numbers)}::text::json"
    if not writing.is_update:
        unless = " ON CONFLICT DO NOTHING" if writing.or_nothing else ""
        chosen = ", ".join(_chosen(writing, column) for column in writing.columns)
        taken = ", taken" if writing.numbered else ""
        source = f"json_populate_recordset({given}) AS given{taken}"
        return f"INSERT INTO {name} ({columns}) SELECT {chosen} FROM {source}{unless}"  # noqa: S608
    changes = ", ".join(f'"{column}" = given."{column}"' for column in writing.columns)
    keys = " AND ".join(f'{name}."{key}" = ${next(numbers)}' for key in _key(writing.table))
    return f"UPDATE {name} SET {changes} FROM json_populate_record({given}) AS given WHERE {keys}"  # noqa: S608


def _chosen(writing: Writing, column: str) -> str:
    if column != writing.numbered:
        return f'given."{column}"'
    if isinstance(writing.table.c[column].type, Integer):
        return "taken.last"
    return f'replace(given."{column}", taken.stand_in, taken.number)'
