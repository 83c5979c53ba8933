"""Writing and sending mails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import frozen

from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.notifications.mail import MailKind


@frozen(kw_only=True)
class Attachment:
    """A file of a mail."""

    name: str
    content: bytes
    content_type: str = "application/pdf"


@frozen(kw_only=True)
class WrittenMail:
    """The subject, text and HTML of a mail."""

    subject: str
    text: str
    html: str


@frozen(kw_only=True)
class Letter:
    """A mail as it is sent.

    Args:
        message_id: the same at every attempt, so that mail programs recognise a repetition.
        unsubscribe_url: for `List-Unsubscribe`; empty where the mail is part of a transaction.
    """

    message_id: str
    to: str
    language: str
    written: WrittenMail
    attachments: Sequence[Attachment] = ()
    unsubscribe_url: str = ""


class MailFailed(BillingError):
    """A mail was not sent; the message is what the server said."""


class AddressRefused(MailFailed):
    """The server will never deliver to this address."""


class MailRefused(MailFailed):
    """The server will never take this mail; the address may be good."""


class MailPostponed(MailFailed):
    """The server does not take this mail now."""


class MailServerAway(MailFailed):
    """The server cannot be reached, or does not let us in; nothing was sent."""


class MailInDoubt(MailFailed):
    """The connection broke after the mail was handed over: it may have been sent."""


class MailWriter(Protocol):
    """Writes mails from templates."""

    def write(self, kind: MailKind, language: str, facts: Mapping[str, str]) -> WrittenMail:
        """Write one.

        Args:
            facts: what the template says: texts, amounts such as `10.00 GEL`, moments in ISO 8601, URLs.
        """
        ...


class Mailer(Protocol):
    """Sends mails."""

    @property
    def is_configured(self) -> bool:
        """Whether there is a server."""
        ...

    async def send(self, letter: Letter) -> None:
        """Hand a mail over to the server.

        Raises:
            MailFailed: one of its kinds, by what is known about the mail.
        """
        ...
