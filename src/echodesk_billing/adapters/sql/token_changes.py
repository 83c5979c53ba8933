"""Hears from PostgreSQL that a token was changed, over a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
import secrets

import asyncpg

from echodesk_billing.application.known_tokens import KnownTokens

CHANNEL = "billing_tokens"
CONNECT_SECONDS = 5
ANSWER_SECONDS = 2.0
PROBE_EVERY_SECONDS = 1.0


async def hear_of_tokens(database_url: str, known: KnownTokens) -> None:
    """Let tokens be kept in memory while changes of them are heard of; ends when they no longer are.

    Every second it notifies itself, and ends where it does not hear that: a connection may only seem to be there, and a
    pooler in between may swallow notifications.
    """
    lost, heard = asyncio.Event(), asyncio.Event()
    probe = f"billing_probe_{secrets.token_hex(8)}"
    connection = await asyncpg.connect(database_url, timeout=CONNECT_SECONDS, command_timeout=ANSWER_SECONDS)
    try:
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, lambda *_: known.forget())
        await connection.add_listener(probe, lambda *_: heard.set())
        is_kept = False
        while not lost.is_set():
            heard.clear()
            await connection.execute(f"NOTIFY {probe}")
            async with asyncio.timeout(ANSWER_SECONDS):
                await heard.wait()
            if not is_kept:
                known.keep_from_now()
                is_kept = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROBE_EVERY_SECONDS):
                    await lost.wait()
    finally:
        known.keep_nothing()
        connection.terminate()
