"""Proforma invoices, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.accounting.proforma import Proforma


class MemoryProformas:
    def __init__(self, memory: Contents) -> None:
        self._proformas = memory.proformas

    def add(self, proforma: Proforma) -> None:
        self._proformas.append(evolve(proforma, id=len(self._proformas) + 1))

    def get(self, series: str, serial: int) -> Proforma | None:
        return next((one for one in self._proformas if (one.series, one.serial) == (series, serial)), None)

    def lock(self, series: str, serial: int) -> Proforma | None:
        return self.get(series, serial)

    def pay(self, proforma: Proforma, order_id: str) -> None:
        self._proformas[proforma.id - 1] = evolve(proforma, order_id=order_id)

    def listed(self, tenant_id: str | None, before: int, limit: int) -> Sequence[Proforma]:
        mine = [one for one in reversed(self._proformas) if tenant_id in (None, one.tenant_id)]
        return [one for one in mine if not before or one.id < before][:limit]
