"""Engines of SQLAlchemy on PostgreSQL."""

from __future__ import annotations

from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def asyncpg_engine(url: str, connect_args: dict[str, Any], **options: Any) -> AsyncEngine:
    """An engine for a database.

    asyncpg reads the address itself, so the parameters of libpq, as `sslmode` and `sslrootcert`, mean what they mean
    to psql; SQLAlchemy would hand them to asyncpg as arguments that it does not have.

    Args:
        url: `postgresql://user:password@host:port/database?parameters`.
        connect_args: further arguments of `asyncpg.connect`.
        options: of SQLAlchemy's engine.
    """
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connect = partial(asyncpg.connect, address, **connect_args)
    return create_async_engine("postgresql+asyncpg://", async_creator=connect, **options)
