"""A mail server and webhook receivers in memory, which answer as they are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import Factory, define

from echodesk_billing.domain.events import Event
from echodesk_billing.domain.notifications.mail import MailKind
from echodesk_billing.domain.notifications.webhook import Try
from echodesk_billing.ports.mailer import Letter, MailFailed, WrittenMail


@define
class FakeMailer:
    """Keeps letters; `errors` are raised first, one for each."""

    letters: list[Letter] = Factory(list)
    errors: list[MailFailed | None] = Factory(list)
    is_configured: bool = True

    async def send(self, letter: Letter) -> None:
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.letters.append(letter)

    @property
    def sent(self) -> list[tuple[str, str]]:
        """To whom which kind of mail went."""
        return [(one.to, one.written.subject) for one in self.letters]


@define
class FakeWriter:
    """Mails whose subject is their kind, and whose text is their facts."""

    facts: list[Mapping[str, str]] = Factory(list)

    def write(self, kind: MailKind, language: str, facts: Mapping[str, str]) -> WrittenMail:
        self.facts.append(facts)
        return WrittenMail(subject=str(kind), text=language, html="")


@define
class FakeReceivers:
    """Keeps what was sent to each URL; `problems` says what goes wrong where."""

    problems: dict[str, str] = Factory(dict)
    got: list[tuple[str, str, str]] = Factory(list)
    secrets: list[Sequence[str]] = Factory(list)
    made: int = 0

    def new_secret(self) -> str:
        self.made += 1
        return f"whsec_{self.made}"

    def body(self, event: Event) -> str:
        return event.name

    def test_body(self, at: datetime) -> str:
        return f"test {at}"

    def check_url(self, url: str) -> None: ...

    async def send(self, url: str, secrets: Sequence[str], message_id: str, body: str, now: datetime) -> Try:
        self.secrets.append(secrets)
        if problem := self.problems.get(url, ""):
            return Try(at=now, status=500, problem=problem)
        self.got.append((url, message_id, body))
        return Try(at=now, status=200)
