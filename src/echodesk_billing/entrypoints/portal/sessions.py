"""Sessions of the portal: opened by a signed link, kept in a cookie for some hours; and the visitor's language."""

from __future__ import annotations

from echodesk_billing.application.portal import SESSION_LIFETIME
from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.entrypoints.http.forms import Session, cookie
from echodesk_billing.entrypoints.http.message import Request
from echodesk_billing.entrypoints.portal.words import LANGUAGES

HOME = "/portal/"
COOKIE, LANGUAGE_COOKIE = "billing_portal", "billing_language"
YEAR_SECONDS = 366 * 24 * 3600


async def current(request: Request, uses: UseCases) -> Session | None:
    """The session of a request; None where there is none."""
    secret = request.cookies.get(COOKIE, "")
    who = await uses.portal.session(secret) if secret else None
    return Session(who=who, secret=secret) if who else None


def opening_cookie(secret: str, uses: UseCases) -> str:
    """The cookie of a new session; it comes along when the browser returns from the bank."""
    return _cookie(COOKIE, secret, int(SESSION_LIFETIME.total_seconds()), uses)


def closing_cookie(uses: UseCases) -> str:
    """The cookie that ends the session in the browser."""
    return _cookie(COOKIE, "", 0, uses)


def language_of(request: Request, fallback: str = "") -> str:
    """The visitor's language: chosen on the page, remembered, the customer's, or the browser's."""
    wanted = (request.query.get("language", ""), request.cookies.get(LANGUAGE_COOKIE, ""), fallback, request.language)
    return next(one for one in wanted if one in LANGUAGES)


def language_cookie(language: str, uses: UseCases) -> str:
    """The cookie that remembers a language."""
    return _cookie(LANGUAGE_COOKIE, language, YEAR_SECONDS, uses, path="/")


def _cookie(name: str, value: str, max_age: int, uses: UseCases, path: str = HOME) -> str:
    is_secure = uses.api_domain.startswith("https:")
    return cookie(name, value, path=path, max_age=max_age, is_secure=is_secure, same_site="Lax")
