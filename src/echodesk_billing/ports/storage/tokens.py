"""Access tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from echodesk_billing.ports.access import Principal


@frozen(kw_only=True)
class StoredToken:
    """A token as stored: without the secret itself.

    Args:
        prefix: its first characters, to identify it.
        issued_by: who issued it; empty for tokens from before this was recorded.
        revoked_by: who revoked it.
        digest: SHA-256 of the secret, hexadecimal.
        parent: for a console session, the digest of the token that opened it; None for an access token.
    """

    prefix: str
    digest: str
    principal: Principal
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    parent: str | None = None
    issued_by: str = ""
    revoked_by: str = ""


class Tokens(Protocol):
    """Access tokens."""

    def add(self, token: StoredToken) -> None:
        """Store a token."""
        ...

    def by_digest(self, digest: str) -> StoredToken | None:
        """The token with this digest."""
        ...

    def listed(self, tenant_id: str | None) -> Sequence[StoredToken]:
        """Tokens, newest first."""
        ...

    def end(self, digest: str, at: datetime) -> None:
        """Revoke the token with this digest."""
        ...

    def revoke(self, prefix: str, at: datetime, by: str) -> int:
        """Revoke the tokens with this prefix; returns how many."""
        ...

    def delete_of(self, tenant_id: str) -> int:
        """Delete the tokens and sessions of a tenant; returns how many."""
        ...
