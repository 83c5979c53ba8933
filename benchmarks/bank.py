"""A bank that answers in 200 ms, and remembers when it charged: `python -m benchmarks.bank PORT`."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time

import uvloop
from aiohttp import web

ANSWERS_AFTER = 0.2
CHARGED = web.AppKey("charged", list[float])
numbers = itertools.count(1)


async def token(_request: web.Request) -> web.Response:
    """For anybody."""
    return web.json_response({"access_token": "bench", "token_type": "Bearer", "expires_in": 3600})


async def charge(request: web.Request) -> web.Response:
    """An automatic charge of a saved card, taken up; its outcome would come by callback."""
    await asyncio.sleep(ANSWERS_AFTER)
    request.app[CHARGED].append(time.monotonic())
    return web.json_response({"id": f"renewal-{next(numbers)}", "_links": {}})


async def charged(request: web.Request) -> web.Response:
    """When it charged: seconds on this machine's clock."""
    return web.json_response(request.app[CHARGED])


def main() -> None:
    """Serve until killed."""
    app = web.Application()
    app[CHARGED] = []
    app.router.add_post("/token", token)
    app.router.add_post("/payments/v1/ecommerce/orders/{parent}/subscribe", charge)
    app.router.add_get("/charged", charged)
    loop = uvloop.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, loop=loop)


if __name__ == "__main__":
    main()
