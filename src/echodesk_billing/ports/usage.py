"""How much of its plan a tenant uses, which only the CRM knows."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class Usage:
    """What a tenant uses now: people, WhatsApp messages this period, gigabytes stored."""

    users: int = 0
    whatsapp_messages: int = 0
    storage_gb: int = 0


class UsageMeter(Protocol):
    """Tells usage. Without a CRM plugged in there is none to tell, and all figures are zero."""

    async def usage(self, tenant_id: str) -> Usage:
        """What this tenant uses."""
        ...
