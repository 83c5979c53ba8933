"""Publishing a new version of the catalogue."""

from __future__ import annotations

import structlog
from attrs import evolve

from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.errors import InvalidCatalogue
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()


class LoadCatalogue:
    """Stores a catalogue as the next version, unless it equals the current one."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def load(self, catalogue: Catalogue, *, by: str = "") -> Catalogue:
        """Publish `catalogue`.

        Args:
            by: who asks, for the record.

        Returns:
            The current version. Running subscriptions keep the plan they bought.

        Raises:
            InvalidCatalogue: it is empty, for example because the file was truncated.
        """
        if not catalogue.packages and not catalogue.features:
            raise InvalidCatalogue("The catalogue is empty: add a package or a feature")
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> Catalogue:
            current = uow.catalogues.current()
            if current.version and evolve(catalogue, version=current.version) == current:
                return current
            new = evolve(catalogue, version=current.version + 1)
            uow.catalogues.add(new, now, by)
            return new

        loaded = await self._storage.transact(work)
        log.info("catalogue.loaded", version=loaded.version, packages=len(loaded.packages), by=by)
        return loaded
