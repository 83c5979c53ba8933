"""Transactions on either database: which failures are repeated, and what the others are called."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import stamina

from echodesk_billing.adapters.sql.drivers import sqlstate
from echodesk_billing.adapters.sql.session import ConcurrentChange, Session
from echodesk_billing.adapters.sql.unit_of_work import SqlUnitOfWork
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import StorageUnavailable, UnitOfWork

T = TypeVar("T")

_DEADLOCK = "40P01"
_SERIALISATION_FAILURE = "40001"
_ATTEMPTS = 5


class ConnectionLost(BillingError):
    """The connection broke before the commit, as pooled connections do after a database restart."""


def is_transient(error: Exception) -> bool:
    """Whether the transaction failed for a transient reason: deadlock, conflict, busy file, stale connection."""
    if isinstance(error, ConcurrentChange | ConnectionLost):
        return True
    return sqlstate(error) in (_DEADLOCK, _SERIALISATION_FAILURE) or _is_busy(error)


def _is_busy(error: Exception) -> bool:
    """Whether SQLite's file is locked by another process, told by sqlite3 or by SQLAlchemy."""
    return isinstance(getattr(error, "orig", error), sqlite3.OperationalError) and "database is locked" in str(error)


def attempts() -> Any:
    """Attempts of a transaction, the next one only after a transient failure."""
    return stamina.retry_context(on=is_transient, attempts=_ATTEMPTS, wait_initial=0.01, wait_max=0.5, timeout=10)


def run(work: Callable[[UnitOfWork], T], session: Session, ids: Ids) -> T:
    """Run `work` with a session, and write what it wrote."""
    result = work(SqlUnitOfWork(session, ids))
    session.commit()
    return result


def unavailable(error: Exception) -> StorageUnavailable:
    """The error of the port for an error of the database."""
    cause = getattr(error, "orig", None) or error
    said = str(cause).strip().partition("\n")[0] or "no answer in time"
    return StorageUnavailable(f"The database rejected the operation: {type(cause).__name__}: {said}")
