"""Statements that SQLAlchemy compiles once for each database, and the driver runs: see docs/adr/0059."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from attrs import frozen
from sqlalchemy import Executable, Select, Table
from sqlalchemy.sql.visitors import iterate

from echodesk_billing.adapters.sql.drivers import Convert, Driver, dialect_of


@frozen
class Compiled:
    """A statement for one driver.

    Args:
        names: of its parameters, in their order.
        given: values of parameters that are part of the statement.
        bind: makes of a value what the driver takes, by name; asyncpg takes all as they are.
        read: makes of a column what the driver gives, by place; asyncpg gives all as they are.
        row: has the columns as attributes.
    """

    sql: str
    names: Sequence[str]
    given: Mapping[str, Any]
    bind: Mapping[str, Convert]
    read: Sequence[tuple[int, Convert]]
    row: Any

    def values(self, named: Mapping[str, Any]) -> list[Any]:
        """The parameters in their order."""
        values = [named[name] if name in named else self.given[name] for name in self.names]
        if self.bind:
            for place, name in enumerate(self.names):
                if (convert := self.bind.get(name)) is not None:
                    values[place] = convert(values[place])
        return values

    def rows(self, found: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """Rows with attributes."""
        if not self.read:
            return [self.row(*row) for row in found]
        rows = []
        for row in map(list, found):
            for place, convert in self.read:
                row[place] = convert(row[place])
            rows.append(self.row(*row))
        return rows


class Statement:
    """A statement with named parameters.

    Args:
        core: as SQLAlchemy's Core has it; without lists as parameters.
        columns: to which an insert or an update gives values.
    """

    def __init__(self, core: Executable, columns: Sequence[str] | None = None) -> None:
        self.core = core
        self._columns = columns
        self._compiled: dict[bool, Compiled] = {}

    @cached_property
    def tables(self) -> frozenset[Table]:
        """What it reads or writes."""
        return frozenset(found for found in iterate(self.core) if isinstance(found, Table))  # type: ignore[arg-type]

    @cached_property
    def only_reads(self) -> bool:
        """Whether it neither writes nor locks."""
        return isinstance(self.core, Select) and "FOR UPDATE" not in self.on(is_postgres=True).sql

    def on(self, *, is_postgres: bool) -> Compiled:
        """The statement for a database."""
        if is_postgres not in self._compiled:
            self._compiled[is_postgres] = self._compile(is_postgres=is_postgres)
        return self._compiled[is_postgres]

    def fetch(self, driver: Driver, values: Mapping[str, Any]) -> Sequence[Any]:
        """The rows, with the columns as attributes."""
        compiled = self.on(is_postgres=driver.is_postgres)
        return compiled.rows(driver.fetch(compiled.sql, compiled.values(values)))

    def _compile(self, *, is_postgres: bool) -> Compiled:
        dialect = dialect_of(is_postgres=is_postgres)
        made = self.core.compile(dialect=dialect, column_keys=self._columns)  # type: ignore[attr-defined]
        columns = list(getattr(self.core, "exported_columns", ()))
        bind, read = {}, []
        if not is_postgres:
            types = {name: parameter.type.dialect_impl(dialect) for name, parameter in made.binds.items()}
            bind = {name: one.bind_processor(dialect) for name, one in types.items()}
            read = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        return Compiled(
            sql=str(made),
            names=made.positiontup or (),
            given=made.params,
            bind={name: convert for name, convert in bind.items() if convert is not None},
            read=[(place, convert) for place, convert in enumerate(read) if convert is not None],
            row=namedtuple("_Row", [column.name for column in columns], rename=True),  # noqa: PYI024
        )


@frozen
class Locking:
    """A statement that locks what it reads, and the same statement without locks."""

    locking: Statement
    reading: Statement
