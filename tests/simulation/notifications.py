"""A mail server and webhook receivers that fail in every way, and remember what reached them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import define, field

from echodesk_billing.adapters.memory import MemoryStorage
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.notifications.mail import MailKind, MailState
from echodesk_billing.domain.notifications.webhook import DeliveryState, Try
from echodesk_billing.ports.mailer import (
    AddressRefused,
    Letter,
    MailInDoubt,
    MailPostponed,
    MailServerAway,
    WrittenMail,
)
from tests.simulation.steps import Pause

ENDPOINTS = {"we-all": "", "we-acme": "acme"}


@define
class Post:
    """Everybody out there: the mail server and the receivers of webhooks."""

    rng: random.Random
    memory: MemoryStorage
    faults: bool = True
    mails: list[str] = field(factory=list)
    hooks: dict[str, list[tuple[str, str]]] = field(factory=dict)
    wrongs: list[str] = field(factory=list)


@define
class SimulatedMailServer:
    """A mailer. What it takes it may keep without saying so."""

    post: Post
    is_configured: bool = True

    async def send(self, letter: Letter) -> None:
        stored = self.post.memory._memory.mails.get(letter.message_id)
        if stored is not None and stored.state is MailState.SENT:
            self.post.wrongs.append(f"17: {letter.message_id} is sent again, though it is known to be sent")
        await Pause("before a mail is sent")
        fate = self.post.rng.random() if self.post.faults else 1.0
        for limit, error in (
            (0.10, MailServerAway("connection refused")),
            (0.15, MailPostponed("451 try later")),
            (0.17, AddressRefused("550 no such user")),
            (0.20, MailInDoubt("the connection broke")),
        ):
            if fate < limit:
                raise error
        self.post.mails.append(letter.message_id)
        await Pause("after a mail was sent")
        if fate < 0.25:
            raise MailInDoubt("the connection broke after the end of the mail")


@define
class PlainWriter:
    """Mails whose text is their kind."""

    def write(self, kind: MailKind, language: str, facts: Mapping[str, str]) -> WrittenMail:
        return WrittenMail(subject=f"{kind} {language}", text=str(sorted(facts)), html="")


@define
class SimulatedReceivers:
    """A sender of webhooks to receivers that fail."""

    post: Post

    def new_secret(self) -> str:
        return "whsec_c2VjcmV0"

    def body(self, event: Event) -> str:
        return f"{event.tenant_id} {event.id}"

    def test_body(self, at: datetime) -> str:
        return f"{at}"

    def check_url(self, url: str) -> None: ...

    async def send(self, url: str, secrets: Sequence[str], message_id: str, body: str, now: datetime) -> Try:
        mine = [
            one for one in self.post.memory._memory.deliveries if (one.endpoint_id, one.message_id) == (url, message_id)
        ]
        if mine and all(one.state is DeliveryState.DELIVERED for one in mine):
            self.post.wrongs.append(f"17: {message_id} is delivered to {url} again, though it is known to be delivered")
        if not secrets:
            self.post.wrongs.append(f"17: {message_id} is not signed")
        await Pause("before a webhook is sent")
        fate = self.post.rng.random() if self.post.faults else 1.0
        if fate < 0.15:
            return Try(at=now, status=500, problem="it answered 500")
        self.post.hooks.setdefault(url, []).append((body.partition(" ")[0], message_id))
        await Pause("after a webhook was sent")
        if fate < 0.25:
            return Try(at=now, problem="no answer within 15 seconds")
        return Try(at=now, status=200)
