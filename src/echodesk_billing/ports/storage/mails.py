"""Mails, and addresses to which none go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from echodesk_billing.domain.notifications.mail import Mail, MailState


class Mails(Protocol):
    """Mails, and addresses to which none go."""

    def add(self, mails: Sequence[Mail]) -> None:
        """Store new mails; those whose id exists are left alone."""
        ...

    def claim(self, now: datetime, limit: int) -> Sequence[Mail]:
        """Mails that are due, locked, longest due first; skips those that another process has locked."""
        ...

    def get(self, mail_id: str) -> Mail | None:
        """One by its id."""
        ...

    def lock(self, mail_id: str) -> Mail | None:
        """One by its id, locked."""
        ...

    def save(self, mail: Mail) -> None:
        """Store what became of it."""
        ...

    def listed(self, tenant_id: str | None, state: MailState | None, limit: int, before: str = "") -> Sequence[Mail]:
        """Mails of a tenant, or of all, newest first.

        Args:
            before: only those whose id is below this one; empty for the newest.
        """
        ...

    def waiting_since(self) -> datetime | None:
        """The earliest moment at which a mail is, or was, due; None where none is waiting."""
        ...

    def is_stopped(self, tenant_id: str, address: str, *, is_optional: bool) -> bool:
        """Whether nothing goes to an address: it bounced, or its owner unsubscribed from optional mails."""
        ...

    def stop(self, tenant_id: str, address: str, at: datetime, problem: str) -> None:
        """Send nothing more to an address that bounced."""
        ...

    def unsubscribe(self, tenant_id: str, address: str, at: datetime) -> None:
        """Send no more optional mails to an address."""
        ...

    def resume(self, tenant_id: str) -> None:
        """Forget which addresses of a tenant bounced: it has changed them."""
        ...
