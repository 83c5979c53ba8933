"""JSON in and out, with exact amounts, for the bank's calls and the simulation's own."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from aiohttp import web

from bog_sandbox.orders import Json
from bog_sandbox.validation import Refused


async def read_body(request: web.Request, *, optional: bool = False) -> Json:
    """The body, a JSON object. Where it is optional, no body and an empty array count as `{}`.

    Raises:
        Refused: it is not valid.
    """
    raw = await request.read()
    if not raw and optional:
        return {}
    try:
        document = json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if document == [] and optional:
        return {}
    if not isinstance(document, dict):
        raise Refused(400, "the body is not a JSON object")
    return document


def answer(status: int, document: Any) -> web.Response:
    """An answer in JSON."""
    body = json.dumps(document, ensure_ascii=False, default=str).encode()
    return web.Response(status=status, body=body, content_type="application/json")
