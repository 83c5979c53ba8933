"""Proforma invoices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from echodesk_billing.domain.accounting.proforma import Proforma


class Proformas(Protocol):
    """Proforma invoices."""

    def add(self, proforma: Proforma) -> None:
        """Store a new one; the storage assigns its id."""
        ...

    def get(self, series: str, serial: int) -> Proforma | None:
        """One by its number."""
        ...

    def lock(self, series: str, serial: int) -> Proforma | None:
        """One by its number, locked until the transaction ends."""
        ...

    def pay(self, proforma: Proforma, order_id: str) -> None:
        """Note the payment that was recorded for a locked one."""
        ...

    def listed(self, tenant_id: str | None, before: int, limit: int) -> Sequence[Proforma]:
        """Those of a tenant, or of all, newest first.

        Args:
            before: only those below this id; 0 for the newest.
        """
        ...
