"""Customers: table, mapping and queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve
from sqlalchemy import Column, Index, Integer, Row, String, Table, Text, bindparam, func, select, text

from echodesk_billing.adapters.sql.schema import (
    UtcDateTime,
    Values,
    as_bytes,
    beginning_with,
    document,
    metadata,
    value,
)
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.statement import Statement
from echodesk_billing.domain.customers.customer import BillingProfile, Customer

customers = Table(
    "customers",
    metadata,
    Column("tenant_id", String(63), primary_key=True),
    Column("subdomain", String(63), nullable=False),
    Column("name", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("imported_at", UtcDateTime),
    Column("version", Integer, nullable=False),
)

_NAMED = text("subdomain <> ''")

Index("uq_customers_subdomain", customers.c.subdomain, unique=True, postgresql_where=_NAMED, sqlite_where=_NAMED)


_LOWER_NAME = as_bytes(func.lower(customers.c.name))

_ID = as_bytes(customers.c.tenant_id)

Index("ix_customers_name", _LOWER_NAME)

Index("ix_customers_id", _ID)


def customer_values(customer: Customer) -> Values:
    """The columns of a customer."""
    return {
        "tenant_id": customer.tenant_id,
        "subdomain": customer.subdomain,
        "name": customer.name,
        "profile": document(customer.profile),
        "created_at": customer.created_at,
        "imported_at": customer.imported_at,
        "version": customer.version,
    }


def to_customer(row: Row[Any]) -> Customer:
    """A customer from its row."""
    return Customer(
        tenant_id=row.tenant_id,
        subdomain=row.subdomain,
        name=row.name,
        profile=value(row.profile, BillingProfile),
        created_at=row.created_at,
        imported_at=row.imported_at,
        version=row.version,
    )


_OF_TENANT = select(customers).where(customers.c.tenant_id == bindparam("of_tenant"))

_CUSTOMER = Statement(_OF_TENANT)

_LOCK_CUSTOMER = Statement(_OF_TENANT.with_for_update())


class SqlCustomers:
    """Customers, one per tenant.

    Args:
        loaded: rows loaded together with an order, by tenant; None where there is none.
    """

    def __init__(self, session: Session, loaded: dict[str, Any]) -> None:
        self._session = session
        self._loaded = loaded

    def get(self, tenant_id: str) -> Customer | None:
        """By primary key. A row that was loaded before, or together with an order, is reused."""
        if tenant_id not in self._loaded:
            self._loaded[tenant_id] = self._session.first(_CUSTOMER, of_tenant=tenant_id)
        row = self._loaded[tenant_id]
        return None if row is None else to_customer(row)

    def lock(self, tenant_id: str) -> Customer | None:
        """By primary key; the row is locked."""
        row = self._session.first(_LOCK_CUSTOMER, of_tenant=tenant_id)
        return None if row is None else to_customer(row)

    def of_subdomain(self, subdomain: str) -> Customer | None:
        """By the unique index uq_customers_subdomain."""
        if not subdomain:
            return None
        query = select(customers).where(customers.c.subdomain == subdomain, _NAMED)
        row = self._session.execute(query).first()
        return None if row is None else to_customer(row)

    def add(self, customer: Customer) -> None:
        """Insert at the next flush, unless the tenant or the subdomain has one."""
        self._loaded.pop(customer.tenant_id, None)
        self._session.insert(customers, [customer_values(evolve(customer, version=1))], or_nothing=True)

    def save(self, customer: Customer) -> None:
        """Update by primary key; its version must be unchanged since it was loaded."""
        customer.version += 1
        self._loaded.pop(customer.tenant_id, None)
        self._session.update(customers, customer_values(customer))

    def listed(self, after: str, limit: int) -> Sequence[Customer]:
        """By primary key."""
        table = customers
        query = select(table).where(table.c.tenant_id > after).order_by(table.c.tenant_id).limit(limit)
        return [to_customer(row) for row in self._session.execute(query)]

    def found(self, text: str, limit: int) -> Sequence[Customer]:
        """By ix_customers_id, ix_customers_name and uq_customers_subdomain."""
        queries = (
            select(customers).where(*beginning_with(_ID, text)).order_by(_ID),
            select(customers).where(*beginning_with(_LOWER_NAME, text.lower())).order_by(_LOWER_NAME),
            select(customers).where(customers.c.subdomain == text, _NAMED),
        )
        rows = (row for query in queries for row in self._session.execute(query.limit(limit)))
        return [to_customer(row) for row in {row.tenant_id: row for row in rows}.values()][:limit]
