"""Sessions of the console: opened with an operator's token, kept in a cookie for some hours.

Every form that changes something carries a CSRF token derived from the session's secret, so that no other site can send
it. A token with `operator:read` opens a session that shows everything and changes nothing.
"""

from __future__ import annotations

from datetime import timedelta

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.entrypoints.http.forms import Session, cookie
from echodesk_billing.entrypoints.http.message import Request
from echodesk_billing.ports.access import Principal, Scope

HOME = "/console/"
COOKIE = "billing_console"
LIFETIME = timedelta(hours=8)


async def current(request: Request, uses: UseCases) -> Session | None:
    """The session of a request; None where there is none, or its owner is no longer an operator."""
    token = request.cookies.get(COOKIE, "")
    who = await uses.tokens.session(token) if token else None
    return Session(who=who, secret=token) if who and _may_enter(who) else None


async def opened(token: str, uses: UseCases) -> str | None:
    """The cookie of a new session for an operator's token; None for other tokens."""
    who = await uses.access.authenticate(token)
    if who is None or not _may_enter(who):
        return None
    session = await uses.tokens.open_session(who, token, LIFETIME)
    return _cookie(session, int(LIFETIME.total_seconds()), is_secure=uses.api_domain.startswith("https:"))


def can_write(session: Session) -> bool:
    """Whether a session may change anything."""
    return Scope.OPERATOR in session.who.scopes


def closing_cookie() -> str:
    """The cookie that ends the session in the browser."""
    return _cookie("", 0, is_secure=False)


def _may_enter(who: Principal) -> bool:
    return bool(who.scopes & {Scope.OPERATOR, Scope.OPERATOR_READ})


def _cookie(value: str, max_age: int, *, is_secure: bool) -> str:
    return cookie(COOKIE, value, path=HOME, max_age=max_age, is_secure=is_secure)
