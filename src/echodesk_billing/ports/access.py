"""Who is asking."""

from __future__ import annotations

import enum
from typing import Protocol

from attrs import frozen


class Scope(enum.StrEnum):
    """What a token may do."""

    READ = "billing:read"
    WRITE = "billing:write"
    OPERATOR = "operator"


@frozen(kw_only=True)
class Principal:
    """A user of one tenant, known by a token.

    Args:
        tenant_id: lower-case name of the tenant, as in its web address.
        tenant_name: the name on the payment page.
        user_id: whoever the CRM says it is.
        scopes: what the user may do.
        full_name: for the bank, masked before it leaves.
        email: for the bank, masked before it leaves.
    """

    tenant_id: str
    tenant_name: str
    user_id: str
    scopes: frozenset[Scope]
    full_name: str = ""
    email: str = ""

    def allows(self, scope: Scope) -> bool:
        """Whether the user may do what needs `scope`: operators may do everything, and who may write may read."""
        if Scope.OPERATOR in self.scopes:
            return True
        return scope in self.scopes or (scope is Scope.READ and Scope.WRITE in self.scopes)

    @property
    def own_name(self) -> str:
        """The tenant's name, where whoever vouches for the user gave one; empty where only the id is known."""
        return self.tenant_name if self.tenant_name != self.tenant_id else ""

    @property
    def name(self) -> str:
        """Who it is, for records of what was done."""
        user = self.user_id or "unknown"
        return f"{user}@{self.tenant_id}" if self.tenant_id else user

    @property
    def tenant_filter(self) -> str | None:
        """The tenant whose things this user may see; None for operators, who see all."""
        return None if Scope.OPERATOR in self.scopes else self.tenant_id


class Access(Protocol):
    """Checks tokens. A CRM may plug in its own."""

    async def authenticate(self, token: str) -> Principal | None:
        """Whose token it is; None for a token that is unknown, expired or revoked."""
        ...
