"""Sessions of the customer portal, for the CRM."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Nothing
from echodesk_billing.ports.access import Scope


class PortalSession(Struct, frozen=True, kw_only=True):
    """An address that opens the portal; send the customer's browser there."""

    portal_url: str
    expires_at: datetime


async def open_portal(call: Call[Nothing]) -> PortalSession:
    """`POST /api/portal/sessions/`."""
    link = await call.uses.portal.link(call.who)
    return PortalSession(portal_url=link.url, expires_at=link.expires_at)


ROUTES = (
    Route(
        method="POST",
        path="/api/portal/sessions/",
        handler=open_portal,
        operation="createPortalSession",
        summary="An address that opens the customer portal, for half an hour",
        gives=PortalSession,
        scope=Scope.WRITE,
        is_secret=True,
    ),
)
