"""Faults in the answer after the call took effect."""

from __future__ import annotations

import asyncio

from aiohttp import web

from bog_sandbox.faults import Fault
from bog_sandbox.wire import answer


async def after(request: web.Request, response: web.Response, fault: Fault | None) -> web.StreamResponse:
    """Faults that happen after the call took effect."""
    if fault is None:
        return response
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
    elif fault.kind == "drop_after_effect":
        hang_up(request)
    elif fault.kind == "garbage":
        return web.Response(status=200, text="<html>oops", content_type="text/html")
    elif fault.kind == "empty":
        return answer(200, {})
    elif fault.kind == "created":
        response.set_status(201)
    elif fault.kind == "cut":
        return await _half(request, response)
    elif fault.kind == "slow":
        return await _drip(request, response, fault.seconds)
    return response


async def _half(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Send the first half of the answer, then close the connection."""
    body = response.body if isinstance(response.body, bytes) else b""
    broken = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
    broken.content_length = len(body) + 1
    await broken.prepare(request)
    await broken.write(body[: len(body) // 2])
    hang_up(request)
    return broken


async def _drip(request: web.Request, response: web.Response, seconds: float) -> web.StreamResponse:
    body = response.body if isinstance(response.body, bytes) else b""
    slow = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
    slow.content_length = len(body)
    await slow.prepare(request)
    for byte in body:
        await slow.write(bytes([byte]))
        await asyncio.sleep(seconds / max(len(body), 1))
    return slow


def hang_up(request: web.Request) -> None:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
