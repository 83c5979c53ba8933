"""Tokens: 256 random bits, shown once, kept as a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Storage, StoredToken

PREFIX_LENGTH = 8


class Tokens:
    """Issues, lists, revokes and checks tokens. It is the `Access` port of a service without a CRM's own."""

    def __init__(self, storage: Storage, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids

    async def authenticate(self, token: str) -> Principal | None:
        """Whose token it is; None for one that is unknown, expired or revoked."""
        digest = _digest(token)
        stored = await self._storage.read(lambda uow: uow.tokens.by_digest(digest))
        if stored is None or stored.revoked_at is not None:
            return None
        if stored.expires_at is not None and stored.expires_at <= await self._clock.now():
            return None
        return stored.principal

    async def issue(self, principal: Principal, *, lifetime: timedelta | None = None, secret: str = "") -> str:
        """A new token for `principal`; this is the only time it can be seen.

        Args:
            lifetime: how long it is good for; for ever where None.
            secret: the token to use instead of a random one, for demonstrations; issuing it twice is issuing it once.
        """
        token = secret or self._ids.token()
        now = await self._clock.now()
        stored = StoredToken(
            prefix=token[:PREFIX_LENGTH],
            digest=_digest(token),
            principal=principal,
            created_at=now,
            expires_at=now + lifetime if lifetime else None,
        )
        await self._storage.transact(lambda uow: uow.tokens.add(stored))
        return token

    async def end(self, token: str) -> None:
        """Make a token unusable."""
        now = await self._clock.now()
        await self._storage.transact(lambda uow: uow.tokens.revoke(token[:PREFIX_LENGTH], now))

    async def listed(self, tenant_id: str | None = None) -> Sequence[StoredToken]:
        """Tokens, newest first."""
        return await self._storage.read(lambda uow: uow.tokens.listed(tenant_id))

    async def revoke(self, prefix: str) -> int:
        """Revoke the tokens that begin with `prefix`; returns how many."""
        now = await self._clock.now()
        return await self._storage.transact(lambda uow: uow.tokens.revoke(prefix, now))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
