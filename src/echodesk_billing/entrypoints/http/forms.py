"""Forms and cookies of pages for people: the console and the customer portal."""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Literal
from urllib.parse import parse_qsl

from attrs import frozen

from echodesk_billing.entrypoints.http.message import Request
from echodesk_billing.entrypoints.http.problems import Refused
from echodesk_billing.ports.access import Principal

MOST_FIELDS = 100


async def fields(request: Request) -> dict[str, str]:
    """The fields of a submitted form.

    Raises:
        Refused: it is not a form, cannot be parsed, or has a NUL character in it, which PostgreSQL cannot store.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send a form, as the page does")
    try:
        text = (await request.body()).decode(_charset(request))
        found = dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS))
    except (ValueError, LookupError):
        raise Refused(HTTPStatus.BAD_REQUEST, "The form's encoding cannot be read") from None
    if any("\0" in value for value in found.values()):
        raise Refused(HTTPStatus.BAD_REQUEST, "The form has a NUL character in it")
    return found


@frozen(kw_only=True)
class Session:
    """Somebody who has logged in, or opened a link; `secret` is what the cookie holds."""

    who: Principal
    secret: str

    @property
    def proof(self) -> str:
        """The CSRF token of its forms."""
        return hmac.new(self.secret.encode(), b"form", hashlib.sha256).hexdigest()

    def is_proved(self, proof: str) -> bool:
        """Whether a form carries this session's CSRF token."""
        return hmac.compare_digest(proof.encode(), self.proof.encode())


def cookie(
    name: str, value: str, *, path: str, max_age: int, is_secure: bool, same_site: Literal["Strict", "Lax"] = "Strict"
) -> str:
    """The value of a `Set-Cookie` header; scripts cannot read the cookie."""
    made: SimpleCookie = SimpleCookie({name: value})
    morsel = made[name]
    morsel["path"], morsel["max-age"] = path, str(max_age)
    morsel["httponly"], morsel["samesite"], morsel["secure"] = True, same_site, is_secure
    return morsel.OutputString()


def _charset(request: Request) -> str:
    _, _, charset = request.header("Content-Type").lower().partition("charset=")
    return charset.strip(' "') or "utf-8"
