"""The CRM's own billing tables, from which tenants are imported."""

from __future__ import annotations

from typing import Protocol

from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.importing.records import OldTables


class OldTablesUnreadable(BillingError):
    """The old tables cannot be read, or are not of a version that is known; the message says why."""


class OldTablesSource(Protocol):
    """Where the old tables are."""

    async def read(self) -> OldTables:
        """Everything, as it was at one moment. Changes nothing.

        Raises:
            OldTablesUnreadable: they cannot be read.
        """
        ...
