"""A real mail server and real webhook receivers, which fail when told to, and keep what they get."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session
from attrs import Factory, define
from standardwebhooks import Webhook

from tests.integration import clients
from tests.integration.parts import free_port


@define
class Inbox:
    """A mail server. `refused` addresses bounce; `dies_after_data` breaks connections off once a mail is there."""

    port: int = 0
    mails: list[EmailMessage] = Factory(list)
    refused: set[str] = Factory(set)
    slow_seconds: float = 0.0
    dies_after_data: int = 0
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, on the same port after a stop."""
        self.port = self.port or free_port()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, loop=loop, timeout=20), "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    @property
    def url(self) -> str:
        """For `BILLING_SMTP_URL`."""
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        await asyncio.sleep(self.slow_seconds)
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        if self.dies_after_data:
            self.dies_after_data -= 1
            transport = server.transport
            assert transport is not None
            transport.abort()
        return "250 kept"

    def kinds(self, since: int = 0) -> list[str]:
        """Kind, language and address of the mails, in the order in which they came."""
        return [f"{kind_of(mail)} {mail['Content-Language']} {mail['To']}" for mail in self.mails[since:]]


def kind_of(mail: EmailMessage) -> str:
    """The kind of a mail, from its Message-ID."""
    return str(mail["Message-ID"]).partition("@")[0].split(".")[-2]


@define
class Receiver:
    """A webhook receiver that checks each message with the reference library. `answers` are given first, once each."""

    url: str = ""
    secret: str = ""
    got: list[tuple[str, str, str]] = Factory(list)
    answers: list[int | str] = Factory(list)
    asked: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body, self.asked = await request.text(), self.asked + 1
        answer = self.answers.pop(0) if self.answers else 200
        match answer:
            case "slow":
                await asyncio.sleep(30)
            case "close":
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            case "redirect":
                raise web.HTTPTemporaryRedirect(self.url.replace("/hook", "/private"))
            case "gigabyte":
                return await _gigabyte(request)
            case int() if answer != 200:
                return web.Response(status=answer, text="<b>no</b>" * 1000)
        message = Webhook(self.secret).verify(body, dict(request.headers))
        self.got.append((request.headers["webhook-id"], message["type"], message["data"]["tenant_id"]))
        return web.Response(text="thanks")

    def types(self, since: int = 0) -> list[str]:
        """Types of the messages, in the order in which they came."""
        return [kind for _, kind, _ in self.got[since:]]


async def _gigabyte(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(2**30)})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        for _ in range(2**14):
            await response.write(b"x" * 2**16)
    return response


@asynccontextmanager
async def an_inbox() -> AsyncIterator[Inbox]:
    inbox = Inbox()
    await inbox.start()
    try:
        yield inbox
    finally:
        await inbox.stop()


@asynccontextmanager
async def a_receiver() -> AsyncIterator[Receiver]:
    receiver, port = Receiver(), free_port()
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    app.router.add_post("/private", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    receiver.url = f"http://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def a_node_receiver(secret: str, port: int) -> AsyncIterator[list[dict[str, Any]]]:
    """A receiver in Node; yields what it prints."""
    await clients.install_typescript()
    script = Path(__file__).parent / "receiver.mjs"
    packages = clients.TYPESCRIPT / "package.json"
    process = await asyncio.create_subprocess_exec(
        str(clients.NODE), str(script), secret, str(port), str(packages), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert json.loads(await process.stdout.readline()) == {"listening": True}
    printed: list[dict[str, Any]] = []

    async def read(stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            printed.append(json.loads(line))

    reading = asyncio.create_task(read(process.stdout))
    try:
        yield printed
    finally:
        process.kill()
        await process.wait()
        await reading
