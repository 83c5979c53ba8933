"""Hears from PostgreSQL that a token was changed, over a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg

from echodesk_billing.application.known_tokens import KnownTokens

CHANNEL = "billing_tokens"
CONNECT_SECONDS = 5
ANSWER_SECONDS = 2.0
ASK_EVERY_SECONDS = 1.0


async def hear_of_tokens(database_url: str, known: KnownTokens) -> None:
    """Let tokens be kept in memory while changes of them are heard of; ends when they no longer are.

    A connection that only seems to be there is found out by asking something every second.
    """
    lost = asyncio.Event()
    connection = await asyncpg.connect(database_url, timeout=CONNECT_SECONDS, command_timeout=ANSWER_SECONDS)
    try:
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, lambda *_: known.forget())
        known.keep_from_now()
        while not lost.is_set():
            await connection.fetchval("SELECT 1")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASK_EVERY_SECONDS):
                    await lost.wait()
    finally:
        known.keep_nothing()
        connection.terminate()
