"""A unit of work without locks: it reads outside any transaction, and writes with one statement, its own transaction.

The statement fails as a whole where a row that it updates is no longer in the version that was read; then the work is
done again, in a transaction with locks. See docs/adr/0059.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from sqlalchemy import CursorResult, Executable, Table

from echodesk_billing.adapters.sql.drivers import AsyncpgConnection
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.statement import Locking, Statement
from echodesk_billing.adapters.sql.writing import Counting, Values
from echodesk_billing.domain.accounting.invoice import UNNUMBERED, document_number


class NeedsTransaction(Exception):
    """The work does more than one guarded statement can."""


class OptimisticSession(Session):
    """The statements of a unit of work whose writes wait until its end.

    Whatever is not known to be safe raises `NeedsTransaction`: statements that write at once or lock, and reads of what
    waits to be written.
    """

    def __init__(self, driver: AsyncpgConnection) -> None:
        super().__init__(driver)
        self._is_fit = True
        self._counting: Counting | None = None
        self._tell: list[Callable[[str], None]] = []

    def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[Any]:  # noqa: ARG002
        """Statements that are made for one call may do anything."""
        self._refuse("a statement that is not known to be safe")

    def all(self, statement: Statement, **values: Any) -> Sequence[Any]:
        """The rows of a statement that only reads, of tables to which nothing waits to be written."""
        if not statement.only_reads:
            self._refuse("a statement that writes or locks")
        return super().all(statement, **values)

    def lock(self, statement: Locking, **values: Any) -> Any:
        """Read without a lock; the version of the row is checked when it is saved."""
        return self.first(statement.reading, **values)

    def insert_missing(self, table: Table, row: Values) -> bool:
        """Insert at the end; that its key is still missing is checked by the key."""
        self.insert(table, [row])
        return True

    def counts_at_the_end(self, series: str) -> bool:
        """The number is taken by the statement that writes, so that its series is locked for the shortest time."""
        if self._counting is not None:
            self._refuse("a second number")
        self._counting = Counting(series, document_number(series, UNNUMBERED))
        return True

    @property
    def stand_in(self) -> str | None:
        """Of the series, with the serial that stands for none."""
        return self._counting.stand_in if self._counting else None

    def when_counted(self, tell: Callable[[str], None]) -> None:
        """Tell the number that was taken."""
        self._tell.append(tell)

    def flush(self) -> None:
        """Nothing is written before the end."""
        if self._waiting:
            self._refuse("a read of what waits to be written")

    def commit(self) -> None:
        """Write everything, if anything is to be written.

        Raises:
            NeedsTransaction: the statement could not check everything that the work rests on.
            ConcurrentChange: a row was changed meanwhile.
        """
        self._raise_versions()
        waiting, self._waiting = list(self._waiting.values()), {}
        if not waiting and self._is_fit:
            return
        is_numbered = any(writing.numbered for writing, _ in waiting)
        if not self._is_fit or is_numbered != (self._counting is not None):
            self._refuse("work that the statement cannot do")
        number = self._write_together(waiting, self._counting)
        if number is not None:
            for tell in self._tell:
                tell(number)

    def _refuse(self, what: str) -> NoReturn:
        self._is_fit = False  # even if the work goes on
        raise NeedsTransaction(what)
