"""Registrations, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.customers.registration import Registration


class MemoryRegistrations:
    def __init__(self, memory: Contents) -> None:
        self._registrations = memory.registrations

    def add(self, registration: Registration) -> None:
        self._registrations.setdefault(registration.order_id, evolve(registration, version=1))

    def get(self, order_id: str) -> Registration | None:
        return self._registrations.get(order_id)

    def lock(self, order_id: str) -> Registration | None:
        return self._registrations.get(order_id)

    def save(self, registration: Registration) -> None:
        registration.version += 1
        self._registrations[registration.order_id] = registration

    def lock_name(self, schema_name: str) -> None:
        """Nothing to lock: transactions do not overlap here."""

    def of_name(self, schema_name: str) -> Sequence[Registration]:
        return [one for one in self._registrations.values() if one.applicant.schema_name == schema_name]

    def erase_payloads(self, before: datetime) -> int:
        old = [one for one in self._registrations.values() if one.sealed_payload and one.created_at < before]
        for one in old:
            one.sealed_payload = None
            one.version += 1
        return len(old)
