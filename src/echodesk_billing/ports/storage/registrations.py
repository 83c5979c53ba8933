"""Registrations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.customers.registration import Registration


class Registrations(Protocol):
    """Registrations, one per order."""

    def add(self, registration: Registration) -> None:
        """Store a registration, unless its order has one."""
        ...

    def get(self, order_id: str) -> Registration | None:
        """The registration that an order pays for."""
        ...

    def lock(self, order_id: str) -> Registration | None:
        """The same, locked."""
        ...

    def save(self, registration: Registration) -> None:
        """Store the changes of a registration."""
        ...

    def lock_name(self, schema_name: str) -> None:
        """Lock a name until the transaction ends, so that no other registration can take it."""
        ...

    def of_name(self, schema_name: str) -> Sequence[Registration]:
        """Every registration attempt of a name."""
        ...

    def erase_payloads(self, before: datetime) -> int:
        """Erase the payloads of registrations older than `before`; returns how many."""
        ...
