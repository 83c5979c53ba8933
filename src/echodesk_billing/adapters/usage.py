"""Usage without a CRM."""

from __future__ import annotations

from echodesk_billing.ports.usage import Usage


class NoUsage:
    """All figures are zero."""

    async def usage(self, tenant_id: str) -> Usage:  # noqa: ARG002 - the port's signature
        """Nothing."""
        return Usage()
