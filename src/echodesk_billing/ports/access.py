"""Callers and their access."""

from __future__ import annotations

import enum
from typing import Protocol

from attrs import frozen


class Scope(enum.StrEnum):
    """A permission of a token. `operator:read` opens the console, and lets nobody change anything there."""

    READ = "billing:read"
    WRITE = "billing:write"
    OPERATOR = "operator"
    OPERATOR_READ = "operator:read"


@frozen(kw_only=True)
class Principal:
    """A user of one tenant, identified by a token.

    Args:
        tenant_id: lower-case id of the tenant, as in its URL.
        tenant_name: shown on the payment page.
        user_id: the CRM's id of the user.
        scopes: permissions of the user.
        full_name: for the bank, sent masked.
        email: for the bank, sent masked.
        subdomain: of the tenant's pages, where it is not the tenant's id; empty where it is not known.
        language: of the tenant, `ka`, `en` or `ru`; empty where it is not known.
    """

    tenant_id: str
    tenant_name: str
    user_id: str
    scopes: frozenset[Scope]
    full_name: str = ""
    email: str = ""
    subdomain: str = ""
    language: str = ""

    def allows(self, scope: Scope) -> bool:
        """Whether the user has `scope`: operators have every scope, and write includes read."""
        if Scope.OPERATOR in self.scopes:
            return True
        return scope in self.scopes or (scope is Scope.READ and Scope.WRITE in self.scopes)

    @property
    def own_name(self) -> str:
        """The tenant's name; empty where only the id is known."""
        return self.tenant_name if self.tenant_name != self.tenant_id else ""

    @property
    def name(self) -> str:
        """The user's name for records."""
        user = self.user_id or "unknown"
        return f"{user}@{self.tenant_id}" if self.tenant_id else user

    @property
    def tenant_filter(self) -> str | None:
        """The tenant whose data this user may see; None for operators, who see all."""
        return None if self.scopes & {Scope.OPERATOR, Scope.OPERATOR_READ} else self.tenant_id

    def acting_for(self, tenant_id: str, tenant_name: str = "") -> Principal:
        """This operator, as the one who acts for a tenant."""
        return Principal(tenant_id=tenant_id, tenant_name=tenant_name, user_id=self.name, scopes=self.scopes)


class Access(Protocol):
    """Checks tokens. A CRM may plug in its own."""

    async def authenticate(self, token: str, host: str = "") -> Principal | None:
        """The owner of a token; None where it is unknown, expired or revoked.

        Args:
            host: of the request, in lower case and without a port; in a CRM with a schema per tenant the tenant
                follows from it.
        """
        ...
