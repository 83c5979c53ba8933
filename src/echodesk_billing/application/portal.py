"""The customer portal: links that open it, and the sessions behind them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from attrs import frozen

from echodesk_billing.application.errors import LinkInvalid
from echodesk_billing.application.links import PORTAL, Links
from echodesk_billing.application.tokens import Tokens
from echodesk_billing.ports.access import Principal, Scope
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.vault import VaultClosed

LINK_LIFETIME = timedelta(minutes=30)
SESSION_LIFETIME = timedelta(hours=2)


@frozen(kw_only=True)
class PortalLink:
    """An address that opens the portal, and until when."""

    url: str
    expires_at: datetime


class Portal:
    """Opens the portal for one customer."""

    def __init__(self, clock: Clock, links: Links, tokens: Tokens) -> None:
        self._clock = clock
        self._links = links
        self._tokens = tokens

    async def link(self, who: Principal) -> PortalLink:
        """A link that opens the portal of the caller's tenant, for `LINK_LIFETIME`.

        Raises:
            VaultClosed: there is no key to sign it.
        """
        now = await self._clock.now()
        url = self._links.portal(who.tenant_id, who.user_id, now, LINK_LIFETIME)
        if not url:
            raise VaultClosed("Links need a key: set BILLING_ENCRYPTION_KEYS")
        return PortalLink(url=url, expires_at=now + LINK_LIFETIME)

    async def enter(self, token: str) -> tuple[str, Principal]:
        """A session for the holder of a link; returns its secret and who acts.

        Raises:
            LinkInvalid: it was not made here, or has expired.
        """
        tenant_id, by, until = self._links.read(PORTAL, token, 3)
        now = await self._clock.now()
        if now >= datetime.fromtimestamp(int(until), UTC):
            raise LinkInvalid
        who = Principal(
            tenant_id=tenant_id,
            tenant_name=tenant_id,
            user_id=f"portal: {by}",
            scopes=frozenset({Scope.READ, Scope.WRITE}),
        )
        return await self._tokens.open_portal_session(who, SESSION_LIFETIME), who

    async def session(self, secret: str) -> Principal | None:
        """Who acts in a session; None where it is over."""
        return await self._tokens.portal_session(secret)

    async def leave(self, secret: str) -> None:
        """End a session."""
        await self._tokens.end(secret)
