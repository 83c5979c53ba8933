"""Rows that only exist for a person, and names in other rows."""

from __future__ import annotations

from typing import Protocol


class PersonalData(Protocol):
    """Rows of a tenant that only exist for its people, and names in its events and proformas."""

    def delete(self, tenant_id: str) -> int:
        """Delete its mails, mail addresses, tokens and webhook endpoints; returns how many rows."""
        ...

    def blank(self, tenant_id: str) -> None:
        """Blank applicants and cards in its events, and the buyer in its proformas."""
        ...
