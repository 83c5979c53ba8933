"""The least process of this kind: aiohttp and SQLAlchemy, and nothing of ours. `python -m benchmarks.bare PORT`."""

from __future__ import annotations

import os
import sys

from aiohttp import web
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

ENGINE = web.AppKey("engine", AsyncEngine)


async def webhook(request: web.Request) -> web.Response:
    """Ask the database something."""
    await request.read()
    async with request.app[ENGINE].connect() as connection:
        await connection.execute(text("SELECT 1"))
    return web.json_response({"status": "success"})


def main() -> None:
    """Serve until killed."""
    app = web.Application()
    address = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:", 1)
    app[ENGINE] = create_async_engine(address, pool_size=16)
    app.router.add_post("/api/payments/webhook/", webhook)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
