"""The HTTP contract without a server: calls go straight in, and the bank's callbacks through a socket of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote

from attrs import define
from multidict import CIMultiDict

from echodesk_billing.entrypoints.http.contract import Contract
from echodesk_billing.entrypoints.http.message import Request, Response, body_of
from tests.integration import described
from tests.integration.parts import Answer, Client


def request(method: str, target: str, headers: Mapping[str, str], content: bytes) -> Request:
    """What a server would make of a request."""
    path, _, query = target.partition("?")
    return Request(
        method=method,
        path=unquote(path),
        query=dict(reversed(parse_qsl(query, keep_blank_values=True))),
        target=target,
        headers=headers,
        remote="127.0.0.1",
        has_body=bool(content),
        receive=body_of(content),
    )


@define
class DirectClient(Client):
    """Somebody who calls the contract itself."""

    contract: Contract | None = None

    async def call(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> Answer:
        """One call; header names are written with underscores."""
        assert self.contract is not None
        sent = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        if self.token:
            sent.setdefault("authorization", f"Token {self.token}")
        if body is not None or raw is not None:
            sent.setdefault("content-type", "application/json")
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        response = await self.contract.handle(request(method, path, sent, content))
        kind = response.content_type
        parsed = json.loads(response.body) if "json" in kind else response.body.decode(errors="replace")
        described.check(method, path, response.status, kind.partition(";")[0], parsed)
        given = CIMultiDict({**response.headers, "Content-Type": kind.partition(";")[0]})
        return Answer(response.status, parsed, given, response.body)


@asynccontextmanager
async def listening(contract: Contract, port: int) -> AsyncIterator[None]:
    """A socket through which a program that can only speak HTTP, as the bank does, reaches the contract."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            method, target, _ = line.decode().split()
            headers: dict[str, str] = {}
            while (header := (await reader.readline()).decode().rstrip("\r\n")) != "":
                name, _, value = header.partition(":")
                headers[name] = value.strip()
            length = int(next((value for name, value in headers.items() if name.lower() == "content-length"), "0"))
            answer = await contract.handle(request(method, target, headers, await reader.readexactly(length)))
            writer.write(_head(answer) + answer.body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


def _head(answer: Response) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} -", f"Content-Type: {answer.content_type}"]
    return "\r\n".join([*lines, f"Content-Length: {len(answer.body)}", "", ""]).encode()
