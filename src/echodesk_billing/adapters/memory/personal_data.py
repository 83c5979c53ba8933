"""Rows that only exist for a person, in memory."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.domain.customers.erasure import erase_event, erase_proforma


class MemoryPersonalData:
    def __init__(self, memory: Contents) -> None:
        self._memory = memory

    def delete(self, tenant_id: str) -> int:
        memory = self._memory
        mine = {one.id for one in memory.endpoints.values() if one.tenant_id == tenant_id}
        before = len(memory.deliveries)
        memory.deliveries = [one for one in memory.deliveries if one.endpoint_id not in mine]
        removed = before - len(memory.deliveries)
        owned: tuple[tuple[dict[Any, Any], list[Any]], ...] = (
            (memory.lanes, [key for key in memory.lanes if key[0] in mine]),
            (memory.endpoints, list(mine)),
            (memory.mails, [key for key, one in memory.mails.items() if one.tenant_id == tenant_id]),
            (memory.mail_addresses, [key for key in memory.mail_addresses if key[0] == tenant_id]),
            (memory.tokens, [key for key, one in memory.tokens.items() if one.principal.tenant_id == tenant_id]),
        )
        for table, keys in owned:
            for key in keys:
                del table[key]
            removed += len(keys)
        return removed

    def blank(self, tenant_id: str) -> None:
        memory = self._memory
        memory.outbox = [
            evolve(sent, event=erase_event(sent.event)) if sent.event.tenant_id == tenant_id else sent
            for sent in memory.outbox
        ]
        memory.proformas = [erase_proforma(one) if one.tenant_id == tenant_id else one for one in memory.proformas]
