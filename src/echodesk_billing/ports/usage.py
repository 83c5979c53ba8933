"""Usage of a plan, which only the CRM knows."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class Usage:
    """A tenant's current usage: users, WhatsApp messages this period, gigabytes stored."""

    users: int = 0
    whatsapp_messages: int = 0
    storage_gb: float = 0


class UsageMeter(Protocol):
    """Reports usage. Without a CRM all figures are zero."""

    async def usage(self, tenant_id: str) -> Usage:
        """The usage of a tenant."""
        ...
