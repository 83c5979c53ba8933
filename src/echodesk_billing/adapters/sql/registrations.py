"""Registrations: table, mapping and queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import evolve
from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    Row,
    Select,
    String,
    Table,
    Text,
    select,
    text,
    update,
)

from echodesk_billing.adapters.sql.schema import UtcDateTime, Values, document, metadata, value
from echodesk_billing.adapters.sql.session import ConcurrentChange, Session
from echodesk_billing.domain.customers.registration import Applicant, Registration, RegistrationState

registrations = Table(
    "registrations",
    metadata,
    Column("order_id", String(25), primary_key=True),
    Column("schema_name", String(63), nullable=False, index=True),
    Column("applicant", Text, nullable=False),
    Column("sealed_payload", LargeBinary),
    Column("state", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
)

_PENDING = text("state = 'pending'")

Index("ix_registrations_pending", registrations.c.expires_at, postgresql_where=_PENDING, sqlite_where=_PENDING)

_SEALED = text("sealed_payload IS NOT NULL")

Index("ix_registrations_sealed", registrations.c.created_at, postgresql_where=_SEALED, sqlite_where=_SEALED)


def registration_values(registration: Registration) -> Values:
    """The columns of a registration."""
    return {
        "order_id": registration.order_id,
        "schema_name": registration.applicant.schema_name,
        "applicant": document(registration.applicant),
        "sealed_payload": registration.sealed_payload,
        "state": registration.state.value,
        "created_at": registration.created_at,
        "expires_at": registration.expires_at,
        "version": registration.version,
    }


def to_registration(row: Row[Any]) -> Registration:
    """A registration from its row."""
    return Registration(
        order_id=row.order_id,
        applicant=value(row.applicant, Applicant),
        sealed_payload=bytes(row.sealed_payload) if row.sealed_payload else None,
        state=RegistrationState(row.state),
        created_at=row.created_at,
        expires_at=row.expires_at,
        version=row.version,
    )


class SqlRegistrations:
    """Registrations, one per order."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, registration: Registration) -> None:
        """Insert, unless the order has one."""
        self._session.insert_new(registrations, registration_values(evolve(registration, version=1)))

    def get(self, order_id: str) -> Registration | None:
        """By primary key."""
        return self._one(select(registrations).where(registrations.c.order_id == order_id))

    def lock(self, order_id: str) -> Registration | None:
        """By primary key; the row is locked."""
        query = select(registrations).where(registrations.c.order_id == order_id)
        return self._one(query.with_for_update())

    def _one(self, query: Select[Any]) -> Registration | None:
        row = self._session.execute(query).first()
        return None if row is None else to_registration(row)

    def save(self, registration: Registration) -> None:
        """Update by primary key; its version must be unchanged since it was loaded."""
        registration.version += 1
        table = registrations
        found = (table.c.order_id == registration.order_id, table.c.version == registration.version - 1)
        values = registration_values(registration)
        if self._session.execute(update(table).where(*found).values(values)).rowcount != 1:  # bytes: it cannot wait
            raise ConcurrentChange(f"the registration of {registration.order_id} was changed meanwhile")

    def lock_name(self, schema_name: str) -> None:
        """By an advisory lock, which needs no row; SQLite has a single writer anyway."""
        self._session.lock_name(f"registration {schema_name}")

    def of_name(self, schema_name: str) -> Sequence[Registration]:
        """By the index on schema_name."""
        query = select(registrations).where(registrations.c.schema_name == schema_name)
        return [to_registration(row) for row in self._session.execute(query)]

    def erase_payloads(self, before: datetime) -> int:
        """By the partial index ix_registrations_sealed."""
        table = registrations
        old = (table.c.sealed_payload.is_not(None), table.c.created_at < before)
        erased = update(table).where(*old).values(sealed_payload=None, version=table.c.version + 1)
        return self._session.execute(erased).rowcount
