"""The API reference at `/docs`: Redoc, served from our own files, and a table for browsers without scripts."""

from __future__ import annotations

import functools
import html
from collections.abc import Sequence
from importlib.resources import files

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.entrypoints.http.calls import Page, Route
from echodesk_billing.entrypoints.http.message import Request, Response

_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SCRIPT = "/docs/redoc.standalone.js"
_OUTSIDE_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
_A_DAY_SECONDS = 24 * 3600


def pages(routes: Sequence[Route]) -> list[Page]:
    """The pages of the reference."""
    body = _document(routes).encode()

    async def reference(_request: Request, _uses: UseCases) -> Response:
        headers = {"Content-Security-Policy": _POLICY}
        return Response(body=body, content_type="text/html; charset=utf-8", headers=headers)

    async def script(_request: Request, _uses: UseCases) -> Response:
        headers = {"Cache-Control": f"public, max-age={_A_DAY_SECONDS}"}
        return Response(body=_redoc(), content_type="text/javascript; charset=utf-8", headers=headers)

    return [Page(path="/docs", handler=reference), Page(path=_SCRIPT, handler=script)]


@functools.cache
def _redoc() -> bytes:
    """Redoc's script, read once, without the logo that it loads from another host: the policy forbids that."""
    script = files("echodesk_billing").joinpath("data/redoc/redoc.standalone.js").read_bytes()
    return script.replace(_OUTSIDE_LOGO, b"data:,")


def _document(routes: Sequence[Route]) -> str:
    rows = "".join(
        f"<tr><td><code>{route.method}</code></td><td><code>{html.escape(route.path)}</code></td>"
        f"<td>{html.escape(route.summary)}</td><td>{route.scope or 'public'}</td></tr>"
        for route in routes
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>echodesk-billing API</title>"
        "<meta name=viewport content='width=device-width, initial-scale=1'><link rel=icon href='data:,'>"
        "<style>body{margin:0;font:16px/1.5 system-ui}noscript{display:block;margin:2rem auto;max-width:60rem;"
        "padding:0 1rem}td,th{padding:.4rem;text-align:left}tr{border-bottom:1px solid #ddd}</style>"
        f"<noscript><h1>echodesk-billing API</h1><p>The full description is <a href=/openapi.json>/openapi.json</a>."
        f"</p><table><tr><th>Method<th>Path<th>What it does<th>Scope</tr>{rows}</table></noscript>"
        "<redoc spec-url=/openapi.json hide-download-button native-scrollbars></redoc>"
        f"<script src={_SCRIPT}></script></html>"
    )
