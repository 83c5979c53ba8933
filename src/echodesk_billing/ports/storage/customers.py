"""Customers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from echodesk_billing.domain.customers.customer import Customer


class Customers(Protocol):
    """Customers, one per tenant."""

    def get(self, tenant_id: str) -> Customer | None:
        """The customer of a tenant."""
        ...

    def lock(self, tenant_id: str) -> Customer | None:
        """The same, locked."""
        ...

    def of_subdomain(self, subdomain: str) -> Customer | None:
        """The customer with a subdomain."""
        ...

    def add(self, customer: Customer) -> None:
        """Store a new customer, unless the tenant or the subdomain has one."""
        ...

    def save(self, customer: Customer) -> None:
        """Store the changes of a customer."""
        ...

    def listed(self, after: str, limit: int) -> Sequence[Customer]:
        """Customers by id, those after `after`."""
        ...

    def found(self, text: str, limit: int) -> Sequence[Customer]:
        """Customers whose id or name begins with a text, or whose subdomain is that."""
        ...
