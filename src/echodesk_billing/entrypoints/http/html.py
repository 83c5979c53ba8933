"""Answers of the pages for people (console and portal), each with the same content security policy."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from echodesk_billing.entrypoints.http.message import Response, see_other

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page(body: str, language: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A page in a language."""
    return Response(
        status=status,
        body=body.encode(),
        content_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": POLICY, "Content-Language": language},
    )


def go(where: str) -> Response:
    """A redirect to another page, after a form or a link."""
    answer = see_other(where)
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


def style_sheet(body: bytes) -> Response:
    """The pages' style sheet, which a browser keeps for an hour."""
    return Response(
        body=body,
        content_type="text/css; charset=utf-8",
        headers={"Cache-Control": "public, max-age=3600", "Content-Security-Policy": POLICY},
    )
