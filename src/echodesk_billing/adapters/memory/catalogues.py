"""Versions of the catalogue, in memory."""

from __future__ import annotations

from datetime import datetime

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.catalogue.catalogue import Catalogue


class MemoryCatalogues:
    def __init__(self, memory: Contents) -> None:
        self._catalogues = memory.catalogues

    def current(self) -> Catalogue:
        return self._catalogues[-1] if self._catalogues else Catalogue()

    def add(self, catalogue: Catalogue, at: datetime, by: str) -> None:  # noqa: ARG002 - the port's signature
        self._catalogues.append(catalogue)
