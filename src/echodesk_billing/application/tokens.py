"""Tokens: 256 random bits, shown once, stored as a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import timedelta

import structlog

from echodesk_billing.application.known_tokens import KnownTokens
from echodesk_billing.domain.customers.tenant import subdomain, tenant_id
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Storage, StoredToken

log = structlog.get_logger()

PREFIX_LENGTH = 8
DEFAULT_LIFETIME = timedelta(days=400)
PORTAL = "portal"
"""In place of the token that opened a session: a link opened it."""
LONGEST_LIFETIME = timedelta(days=36_500)


class Tokens:
    """Issues, lists, revokes and checks tokens. The default implementation of the `Access` port.

    Args:
        reserved: tenant names that are reserved, besides the built-in ones.
        known: where tokens that were just read are kept.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        ids: Ids,
        reserved: Collection[str] = (),
        known: KnownTokens | None = None,
    ) -> None:
        self._known = known or KnownTokens()
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._reserved = reserved

    async def authenticate(self, token: str, host: str = "") -> Principal | None:  # noqa: ARG002 - our tokens name their tenant
        """The owner of a token; None where it is unknown, expired, revoked, or a console session."""
        stored = await self._valid(_digest(token))
        return stored.principal if stored and stored.parent is None else None

    async def session(self, token: str) -> Principal | None:
        """The owner of a console session; None once it, or the token that opened it, has ended."""
        stored = await self._valid(_digest(token))
        parent_digest = stored.parent if stored else None
        if stored is None or parent_digest is None or parent_digest == PORTAL:
            return None
        parent = await self._storage.read(lambda uow: uow.tokens.by_digest(parent_digest))
        if parent is None:  # opened by a token of the CRM's own, which is not kept here
            return stored.principal
        return stored.principal if await self._is_valid(parent) else None

    async def open_session(self, principal: Principal, token: str, lifetime: timedelta) -> str:
        """Open a console session with `token`; it ends with the token at the latest, and cannot open another."""
        return await self._store(principal, lifetime, parent=_digest(token), by=principal.name)

    async def open_portal_session(self, principal: Principal, lifetime: timedelta) -> str:
        """Open a session of the customer portal; it opens nothing else."""
        return await self._store(principal, lifetime, parent=PORTAL, by=principal.name)

    async def portal_session(self, token: str) -> Principal | None:
        """Who acts in a session of the customer portal; None where it is over."""
        stored = await self._valid(_digest(token))
        return stored.principal if stored and stored.parent == PORTAL else None

    async def _valid(self, digest: str) -> StoredToken | None:
        stored = self._known.get(digest)
        if stored is None:
            changes = self._known.changes
            stored = await self._storage.read(lambda uow: uow.tokens.by_digest(digest))
            if stored is None:
                return None
            self._known.keep(stored, changes)
        return stored if await self._is_valid(stored) else None

    async def _is_valid(self, stored: StoredToken) -> bool:
        if stored.revoked_at is not None:
            return False
        return stored.expires_at is None or await self._clock.now() < stored.expires_at

    async def issue(
        self, principal: Principal, *, by: str = "", lifetime: timedelta | None = DEFAULT_LIFETIME, secret: str = ""
    ) -> str:
        """Issue a token for `principal`; it is shown only once.

        Args:
            by: who issues it, for the record.
            lifetime: how long it is valid; for ever where None.
            secret: a fixed token instead of a random one, for demonstrations; issuing it again has no effect.

        Raises:
            InvalidTenant: the tenant id or the subdomain is invalid or reserved.
            InvalidSelection: the lifetime is not positive.
        """
        if lifetime is not None and not timedelta(0) < lifetime <= LONGEST_LIFETIME:
            raise InvalidSelection("lifetime", f"A token lives for up to {LONGEST_LIFETIME.days} days, not {lifetime}")
        tenant_id(principal.tenant_id, self._reserved)
        if principal.subdomain:
            subdomain(principal.subdomain, self._reserved)
        token = await self._store(principal, lifetime, secret=secret, by=by)
        log.info("token.issued", tenant_id=principal.tenant_id, user_id=principal.user_id, by=by)
        return token

    async def _store(
        self, principal: Principal, lifetime: timedelta | None, *, by: str, secret: str = "", parent: str | None = None
    ) -> str:
        token = secret or self._ids.token()
        now = await self._clock.now()
        stored = StoredToken(
            prefix=token[:PREFIX_LENGTH],
            digest=_digest(token),
            principal=principal,
            created_at=now,
            expires_at=now + lifetime if lifetime else None,
            parent=parent,
            issued_by=by,
        )
        await self._storage.transact(lambda uow: uow.tokens.add(stored))
        return token

    async def end(self, token: str) -> None:
        """Revoke a token or a session."""
        now = await self._clock.now()
        await self._storage.transact(lambda uow: uow.tokens.end(_digest(token), now))
        self._known.forget()

    async def forget(self, tenant_id: str) -> int:
        """Delete the tokens and sessions of a tenant, with the names that they carry; returns how many."""
        forgotten = await self._storage.transact(lambda uow: uow.tokens.delete_of(tenant_id))
        self._known.forget()
        log.info("token.forgotten", tenant_id=tenant_id, count=forgotten)
        return forgotten

    async def listed(self, tenant_id: str | None = None) -> Sequence[StoredToken]:
        """Tokens, newest first."""
        return await self._storage.read(lambda uow: uow.tokens.listed(tenant_id))

    async def revoke(self, prefix: str, *, by: str = "") -> int:
        """Revoke the tokens that begin with `prefix`; returns how many.

        Args:
            by: who asks, for the record.
        """
        now = await self._clock.now()
        revoked = await self._storage.transact(lambda uow: uow.tokens.revoke(prefix, now, by))
        self._known.forget()
        log.info("token.revoked", prefix=prefix, count=revoked, by=by)
        return revoked


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
