"""Cross-origin requests (CORS): pages on other origins call the API with a token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus

from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.entrypoints.http.payments import WEBHOOK

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "authorization, content-type, idempotency-key, x-request-id",
    "Access-Control-Max-Age": "7200",
}
_EXPOSED = "Retry-After, X-Billing-Version, X-Request-ID"


class Cors:
    """Answers preflights, and marks answers that an allowed origin may read.

    Only paths under `/api/` take part, except the webhook. Cookies are never allowed: tokens travel in a header.

    Args:
        origins: patterns of allowed origins; none switches CORS off.
    """

    def __init__(self, origins: Sequence[re.Pattern[str]]) -> None:
        self._origins = origins

    def preflight(self, request: Request) -> Response | None:
        """The answer to the preflight of an allowed origin; None for any other request."""
        is_preflight = request.method == "OPTIONS" and request.header("Access-Control-Request-Method")
        if not is_preflight or not self._takes_part(request) or not self._allows(request):
            return None
        return Response(status=HTTPStatus.NO_CONTENT, content_type="text/plain", headers=dict(_PREFLIGHT))

    def headers(self, request: Request) -> dict[str, str]:
        """The headers of an answer, errors included."""
        if not self._takes_part(request):
            return {}
        if not self._allows(request):
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": request.header("Origin"),
            "Access-Control-Expose-Headers": _EXPOSED,
        }

    def _takes_part(self, request: Request) -> bool:
        return bool(self._origins) and request.path.startswith("/api/") and request.path != WEBHOOK

    def _allows(self, request: Request) -> bool:
        origin = request.header("Origin")
        return any(pattern.fullmatch(origin) for pattern in self._origins)
