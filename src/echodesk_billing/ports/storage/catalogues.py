"""Versions of the catalogue."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.catalogue.catalogue import Catalogue


class Catalogues(Protocol):
    """Versions of the catalogue."""

    def current(self) -> Catalogue:
        """The newest version; an empty version 0 where none was published."""
        ...

    def add(self, catalogue: Catalogue, at: datetime, by: str) -> None:
        """Store a version, and who published it."""
        ...
