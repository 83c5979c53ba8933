"""Access tokens, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.ports.storage import StoredToken


class MemoryTokens:
    def __init__(self, memory: Contents) -> None:
        self._tokens = memory.tokens

    def add(self, token: StoredToken) -> None:
        self._tokens[token.digest] = token

    def by_digest(self, digest: str) -> StoredToken | None:
        return self._tokens.get(digest)

    def listed(self, tenant_id: str | None) -> Sequence[StoredToken]:
        chosen = [token for token in self._tokens.values() if tenant_id in (None, token.principal.tenant_id)]
        return sorted(chosen, key=lambda token: token.created_at, reverse=True)

    def end(self, digest: str, at: datetime) -> None:
        if digest in self._tokens:
            self._tokens[digest] = evolve(self._tokens[digest], revoked_at=at)

    def revoke(self, prefix: str, at: datetime, by: str) -> int:
        chosen = [token for token in self._tokens.values() if token.prefix == prefix and token.revoked_at is None]
        for token in chosen:
            self._tokens[token.digest] = evolve(token, revoked_at=at, revoked_by=by)
        return len(chosen)

    def delete_of(self, tenant_id: str) -> int:
        chosen = [token.digest for token in self._tokens.values() if token.principal.tenant_id == tenant_id]
        for digest in chosen:
            del self._tokens[digest]
        return len(chosen)
