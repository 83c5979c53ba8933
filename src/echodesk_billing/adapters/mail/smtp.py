"""Sending mails by SMTP, step by step, so that it is known how far a mail came."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from echodesk_billing.ports.mailer import (
    AddressRefused,
    Letter,
    MailInDoubt,
    MailPostponed,
    MailRefused,
    MailServerAway,
)

LIMIT_SECONDS = 30.0
PERMANENT = 500


class SmtpMailer:
    """A mailer on an SMTP server.

    Args:
        url: `smtp://user:password@host:587` (STARTTLS where the server offers it), `smtps://…` (TLS from the start);
            empty where no mail is sent.
        sender: the `From` header: an address, with or without a name.
        limit_seconds: time limit of each step with the server.
    """

    def __init__(self, url: str, sender: str, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._url = urlsplit(url)
        self._sender = sender
        self._limit_seconds = limit_seconds

    @property
    def is_configured(self) -> bool:
        """Whether there is a server."""
        return bool(self._url.hostname)

    async def send(self, letter: Letter) -> None:
        """Hand a mail over to the server.

        Raises:
            MailFailed: one of its kinds, by what is known about the mail.
        """
        library = _library()
        client = self._client(library)
        try:
            async with asyncio.timeout(3 * self._limit_seconds):
                await self._hand_over(library, client, letter)
        except TimeoutError:
            raise MailServerAway(f"{self._url.hostname} takes too long") from None
        finally:
            client.close()

    def _client(self, library: ModuleType) -> Any:
        is_tls = self._url.scheme == "smtps"
        return library.SMTP(
            hostname=self._url.hostname,
            port=self._url.port or (465 if is_tls else 587),
            username=unquote(self._url.username or "") or None,
            password=unquote(self._url.password or "") or None,
            use_tls=is_tls,
            start_tls=False if is_tls else None,
            timeout=self._limit_seconds,
        )

    async def _hand_over(self, library: ModuleType, client: Any, letter: Letter) -> None:
        address = parseaddr(self._sender)[1]
        try:
            await client.connect()
            await client.mail(address)
        except (library.SMTPException, OSError) as error:
            raise MailServerAway(f"{self._url.hostname}: {error}") from error
        try:
            await client.rcpt(letter.to)
        except library.SMTPResponseException as error:
            kind = AddressRefused if error.code >= PERMANENT else MailPostponed
            raise kind(f"{error.code} {error.message}") from error
        except (library.SMTPException, OSError) as error:
            raise MailServerAway(f"{self._url.hostname}: {error}") from error
        try:
            await client.data(self._message(letter).as_bytes())
        except library.SMTPResponseException as error:
            refused = MailRefused if error.code >= PERMANENT else MailPostponed
            raise refused(f"{error.code} {error.message}") from error
        except (library.SMTPException, OSError) as error:
            raise MailInDoubt(f"{self._url.hostname} did not confirm: {error}") from error
        with contextlib.suppress(library.SMTPException, OSError):
            await client.quit()

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        domain = parseaddr(self._sender)[1].rpartition("@")[2] or "localhost"
        message["Subject"], message["From"], message["To"] = letter.written.subject, self._sender, letter.to
        message["Date"], message["Message-ID"] = format_datetime(datetime.now(UTC)), f"<{letter.message_id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        if letter.unsubscribe_url:
            message["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(letter.written.text)
        message.add_alternative(letter.written.html, subtype="html")
        for one in letter.attachments:
            main, _, sub = one.content_type.partition("/")
            message.add_attachment(one.content, maintype=main, subtype=sub, filename=one.name)
        message["Content-Language"] = letter.language  # last, because setting the content removes it
        return message


def _library() -> ModuleType:
    try:
        return importlib.import_module("aiosmtplib")
    except ImportError:
        raise MailServerAway("Mails need the extra: pip install echodesk-billing[mail]") from None
