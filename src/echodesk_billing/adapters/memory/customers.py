"""Customers, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.customers.customer import Customer


class MemoryCustomers:
    def __init__(self, memory: Contents) -> None:
        self._customers = memory.customers

    def get(self, tenant_id: str) -> Customer | None:
        return self._customers.get(tenant_id)

    def lock(self, tenant_id: str) -> Customer | None:
        return self._customers.get(tenant_id)

    def of_subdomain(self, subdomain: str) -> Customer | None:
        return next((one for one in self._customers.values() if one.subdomain == subdomain != ""), None)

    def add(self, customer: Customer) -> None:
        if self.of_subdomain(customer.subdomain) is None:
            self._customers.setdefault(customer.tenant_id, evolve(customer, version=1))

    def save(self, customer: Customer) -> None:
        customer.version += 1
        self._customers[customer.tenant_id] = customer

    def listed(self, after: str, limit: int) -> Sequence[Customer]:
        return [self._customers[name] for name in sorted(self._customers) if name > after][:limit]

    def found(self, text: str, limit: int) -> Sequence[Customer]:
        chosen = [
            one
            for key, one in sorted(self._customers.items())
            if key.startswith(text) or one.name.lower().startswith(text.lower()) or (text and one.subdomain == text)
        ]
        return chosen[:limit]
