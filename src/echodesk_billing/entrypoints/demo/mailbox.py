"""The mailbox of the demo: a local mail server that keeps what it is given, and a page that shows it."""

from __future__ import annotations

import asyncio
import importlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http import HTTPStatus
from typing import Any

import jinja2
from attrs import Factory, define

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.entrypoints.http.calls import Page, whole_number
from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.entrypoints.http.problems import Refused

MOST_KEPT = 200
HOME = "/mailbox/"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("echodesk_billing.entrypoints.demo"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@define
class Mailbox:
    """The mails that were sent, the newest of them kept."""

    mails: deque[EmailMessage] = Factory(lambda: deque(maxlen=MOST_KEPT))
    received: int = 0

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a mail."""
        content = envelope.content or b""
        message = message_from_bytes(content if isinstance(content, bytes) else content.encode(), policy=default)
        self.mails.append(message)
        self.received += 1
        return "250 kept"

    def pages(self) -> list[Page]:
        """The pages that show it."""
        return [
            Page(path=HOME, handler=self._list),
            Page(path=f"{HOME}{{number}}", handler=self._show),
            Page(path=f"{HOME}{{number}}/{{part}}", handler=self._attachment),
        ]

    async def _list(self, _request: Request, _uses: UseCases) -> Response:
        first = self.received - len(self.mails) + 1
        numbered = [(first + place, mail) for place, mail in enumerate(self.mails)]
        return _page(_templates.get_template("mailbox.html").render(mails=numbered[::-1], home=HOME))

    async def _show(self, request: Request, _uses: UseCases) -> Response:
        """The HTML of a mail, as a mail program shows it."""
        mail = self._mail(request)
        body = mail.get_body(("html", "plain"))
        files = [part.get_filename() or "" for part in mail.iter_attachments()]
        page = _templates.get_template("mail.html").render(
            mail=mail, files=files, home=HOME, number=request.parameters["number"]
        )
        return _page(page + (body.get_content() if body else ""))

    async def _attachment(self, request: Request, _uses: UseCases) -> Response:
        parts = list(self._mail(request).iter_attachments())
        number = whole_number(request.parameters["part"], "part")
        if number >= len(parts):
            raise Refused(HTTPStatus.NOT_FOUND, "This mail has no such file")
        return Response(body=parts[number].get_content(), content_type=parts[number].get_content_type())

    def _mail(self, request: Request) -> EmailMessage:
        place = whole_number(request.parameters["number"], "number") - (self.received - len(self.mails) + 1)
        if not 0 <= place < len(self.mails):
            raise Refused(HTTPStatus.NOT_FOUND, "There is no such mail")
        return self.mails[place]


@asynccontextmanager
async def mail_server(mailbox: Mailbox) -> AsyncIterator[str]:
    """Receive mails on a free port while the block runs; yields the server's URL, empty without the extra [demo]."""
    try:
        library = importlib.import_module("aiosmtpd.smtp")
    except ImportError:
        yield ""
        return
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: library.SMTP(mailbox, loop=loop), "127.0.0.1", 0)
    try:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def _page(text: str) -> Response:
    return Response(
        body=text.encode(),
        content_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": POLICY},
    )
