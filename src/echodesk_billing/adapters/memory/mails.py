"""Mails, and addresses to which none go, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents, StoppedAddress
from echodesk_billing.domain.notifications.mail import Mail, MailState


class MemoryMails:
    def __init__(self, memory: Contents) -> None:
        self._memory = memory
        self._mails, self._stopped = memory.mails, memory.mail_addresses

    def add(self, mails: Sequence[Mail]) -> None:
        for mail in mails:
            self._mails.setdefault(mail.id, mail)

    def claim(self, now: datetime, limit: int) -> Sequence[Mail]:
        due = [(mail.due_at, mail.id) for mail in self._mails.values() if mail.due_at and mail.due_at <= now]
        return [self._mails[mail_id] for _, mail_id in sorted(due)[:limit]]

    def get(self, mail_id: str) -> Mail | None:
        return self._mails.get(mail_id)

    def lock(self, mail_id: str) -> Mail | None:
        return self._mails.get(mail_id)

    def save(self, mail: Mail) -> None:
        self._mails[mail.id] = mail

    def listed(self, tenant_id: str | None, state: MailState | None, limit: int, before: str = "") -> Sequence[Mail]:
        chosen = [
            self._mails[mail_id]
            for mail_id in sorted(self._mails, reverse=True)
            if (not before or mail_id < before)
            and tenant_id in (None, self._mails[mail_id].tenant_id)
            and state in (None, self._mails[mail_id].state)
        ]
        return chosen[:limit]

    def waiting_since(self) -> datetime | None:
        return min((mail.due_at for mail in self._mails.values() if mail.due_at), default=None)

    def is_stopped(self, tenant_id: str, address: str, *, is_optional: bool) -> bool:
        known = self._stopped.get((tenant_id, address), StoppedAddress())
        return known.bounced_at is not None or (is_optional and known.unsubscribed_at is not None)

    def stop(self, tenant_id: str, address: str, at: datetime, problem: str) -> None:  # noqa: ARG002 - for people
        known = self._stopped.get((tenant_id, address), StoppedAddress())
        self._stopped[tenant_id, address] = evolve(known, bounced_at=at)

    def unsubscribe(self, tenant_id: str, address: str, at: datetime) -> None:
        known = self._stopped.get((tenant_id, address), StoppedAddress())
        self._stopped[tenant_id, address] = evolve(known, unsubscribed_at=at)

    def resume(self, tenant_id: str) -> None:
        for key, known in list(self._stopped.items()):
            if key[0] == tenant_id:
                self._stopped[key] = evolve(known, bounced_at=None)
