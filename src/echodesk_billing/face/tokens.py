"""Tokens for the HTTP API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from attrs import evolve

from echodesk_billing.application.tokens import DEFAULT_LIFETIME
from echodesk_billing.face.base import LIBRARY, Face, checks_arguments, choice
from echodesk_billing.ports.access import Scope
from echodesk_billing.ports.storage import StoredToken


@checks_arguments
class Tokens(Face):
    """Tokens for the HTTP API."""

    async def issue_token(
        self,
        tenant_id: str,
        *,
        tenant_name: str = "",
        user_id: str = "admin",
        scopes: Sequence[Scope | str] = (Scope.READ, Scope.WRITE),
        full_name: str = "",
        email: str = "",
        lifetime: timedelta | None = DEFAULT_LIFETIME,
        by: str = LIBRARY,
    ) -> str:
        """Issue a token for the HTTP API; it is shown only once.

        Args:
            tenant_name: shown on payment pages.
            user_id: the token's owner, for the record.
            scopes: `billing:read`, `billing:write`, `operator`.
            full_name: of the user; sent to the bank masked.
            email: of the user; sent to the bank masked.
            lifetime: how long it is valid; for ever where None.
            by: who issues it, for the record.

        Raises:
            InvalidTenant: the tenant id is invalid or reserved.
            InvalidSelection: an unknown scope.
        """
        who = evolve(
            self._writer(tenant_id, tenant_name, user_id),
            scopes=frozenset(choice(Scope, scope, "scopes") for scope in scopes),
            full_name=full_name,
            email=email,
        )
        return await self._container.tokens().issue(who, by=by, lifetime=lifetime)

    async def tokens(self, tenant_id: str) -> Sequence[StoredToken]:
        """A tenant's tokens by prefix, newest first; the tokens themselves are not stored."""
        return await self._container.tokens().listed(self._reader(tenant_id).tenant_id)

    async def revoke_tokens(self, prefix: str, *, by: str = LIBRARY) -> int:
        """Revoke tokens; returns how many.

        Args:
            prefix: their first eight characters, as returned by `tokens`.
            by: who asks, for the record.
        """
        return await self._container.tokens().revoke(prefix, by=by)
