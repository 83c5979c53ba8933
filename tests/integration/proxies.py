"""A door to a database that can be shut, and that can stop letting anything through."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from attrs import Factory, define
from sqlalchemy import make_url


@define(eq=False)
class Door:
    """Stands between clients and a database, on a port of its own."""

    url: str
    port: int = 0
    server: asyncio.Server | None = None
    open_connections: set[asyncio.StreamWriter] = Factory(set)
    lets_through: asyncio.Event = Factory(asyncio.Event)

    @property
    def address(self) -> str:
        """What clients connect to."""
        url = make_url(self.url).set(host="127.0.0.1", port=self.port).difference_update_query(["host", "port"])
        return url.render_as_string(hide_password=False)

    async def open(self) -> None:
        """Listen, on the same port as before."""
        self.lets_through.set()
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuse connections, and break those there are."""
        if self.server is not None:
            self.server.close()
        for writer in list(self.open_connections):
            writer.transport.abort()

    def hang(self) -> None:
        """Say nothing any more, without breaking anything."""
        self.lets_through.clear()

    def go_on(self) -> None:
        """Let through what waits."""
        self.lets_through.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(self.url)
        sockets = parse_qs(parts.query).get("host", [""])[0]
        if sockets.startswith("/"):
            there = await asyncio.open_unix_connection(f"{sockets}/.s.PGSQL.{parts.port or 5432}")
        else:
            there = await asyncio.open_connection(parts.hostname, parts.port or 5432)
        self.open_connections |= {writer, there[1]}
        with contextlib.suppress(OSError, asyncio.CancelledError):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, there[1]))
                group.create_task(self._pump(there[0], writer))
        self.open_connections -= {writer, there[1]}

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self.lets_through.wait()
                sink.write(data)
                await sink.drain()
        sink.close()


@asynccontextmanager
async def door_to(database_url: str) -> AsyncIterator[Door]:
    """A door that is open, while the block runs."""
    door = Door(database_url)
    await door.open()
    yield door
    door.go_on()
    await door.shut()


@asynccontextmanager
async def rejecting(answer: bytes | None) -> AsyncIterator[str]:
    """The address of a database that answers each new connection so and closes it; None resets it."""

    async def reject(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        if answer is None:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(reject, "127.0.0.1", 0)
    yield f"postgresql://u:p@127.0.0.1:{server.sockets[0].getsockname()[1]}/db?sslmode=disable"
    server.close()


def fatal(sqlstate: str, message: str) -> bytes:
    """The error that PostgreSQL sends instead of letting a client in."""
    fields = f"SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0".encode()
    return b"E" + struct.pack("!i", len(fields) + 4) + fields
