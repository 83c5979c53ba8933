"""Mail servers and webhook receivers that fail in every way, with real ones; and processes that die between."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import define

from bog_sandbox.callbacks import Signer
from echodesk_billing import Billing, load_settings
from echodesk_billing.container import Container, open_container
from echodesk_billing.domain.events import Event, SubscriptionCancelled
from echodesk_billing.domain.notifications.mail import MailState
from echodesk_billing.domain.notifications.webhook import DeliveryState, Endpoint
from echodesk_billing.entrypoints.cli.terminal import OPERATOR
from tests.builders import principal
from tests.integration.conftest import service_environment
from tests.integration.crashing import NOTIFY
from tests.integration.parts import ROOT, Bank, clean_environment, running_bank
from tests.integration.post import Inbox, Receiver, a_receiver, an_inbox

QUARTER = timedelta(minutes=16).total_seconds()


@define
class Office:
    """A container, its clock, and everybody who is told."""

    container: Container
    bank: Bank
    inbox: Inbox
    receiver: Receiver
    environment: dict[str, str]

    async def happens(self, tenant_id: str = "acme", address: str = "nino@acme.example", number: int = 1) -> list[str]:
        """Events that a mail and a webhook tell; gives their ids."""
        now = await self.container.clock().now()
        who = principal(tenant_id)
        await self.container.customers().change_profile(who, {"emails": [address], "language": "en"})
        events = [SubscriptionCancelled(tenant_id=tenant_id, at=now, access_until=now) for _ in range(number)]
        recorded = await self.container.storage().transact(lambda uow: uow.outbox.add(events))
        return [event.id for event in recorded]

    async def notify(self) -> None:
        tasks = self.container.background_tasks()
        await tasks.send_mails()
        await tasks.send_webhooks()

    async def later(self, seconds: float) -> None:
        await self.bank.control("POST", "clock", {"advance": seconds})

    async def mails(self) -> list[str]:
        listed = await self.container.storage().read(lambda uow: uow.mails.listed(None, None, 100))
        return sorted(str(mail.state) for mail in listed)

    async def endpoint(self, url: str = "") -> Endpoint:
        made = await self.container.webhooks().create(OPERATOR, url or self.receiver.url, ["SubscriptionCancelled"])
        self.receiver.secret = made.secret
        return made.endpoint

    async def problems(self, endpoint: Endpoint) -> list[str]:
        found = await self.container.webhooks().deliveries(OPERATOR, endpoint.id)
        return [one.problem for delivery in found for one in delivery.tries]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, f"sqlite:///{tmp_path}/post.sqlite3") as office:
        yield office


@pytest.fixture(params=["sqlite", "postgres"])
async def either(
    request: pytest.FixtureRequest, tmp_path: Path, new_database: Callable[[], Awaitable[str]]
) -> AsyncIterator[Office]:
    """On each database, for what depends on it."""
    url = f"sqlite:///{tmp_path}/post.sqlite3" if request.param == "sqlite" else await new_database()
    async with an_office(tmp_path, url) as office:
        yield office


@asynccontextmanager
async def an_office(tmp_path: Path, url: str) -> AsyncIterator[Office]:
    async with running_bank(tmp_path / "bank.log") as bank, an_inbox() as inbox, a_receiver() as receiver:
        environment = await service_environment(bank, url, Signer())
        environment |= {
            "BILLING_SMTP_URL": inbox.url,
            "BILLING_MAIL_FROM": "billing@echodesk.example",
            "BILLING_WEBHOOK_NETWORKS": "127.0.0.0/8",
        }
        async with open_container(load_settings(environment)) as container:
            await container.storage().migrate()
            yield Office(container, bank, inbox, receiver, environment)


async def test_mails_wait_for_a_server_that_is_down(either: Office) -> None:
    await either.inbox.stop()
    await either.happens(number=3)
    await either.notify()
    assert await either.mails() == ["waiting"] * 3
    await either.inbox.start()
    await either.later(60)
    await either.notify()
    assert len(either.inbox.mails) == 3
    assert await either.mails() == ["sent"] * 3


async def test_a_slow_server_delays_no_webhook(office: Office) -> None:
    await office.endpoint()
    office.container.mailer()._limit_seconds = 0.3
    office.inbox.slow_seconds = 5
    await office.happens()
    tasks = office.container.background_tasks()
    await asyncio.gather(tasks.send_mails(), tasks.send_webhooks())
    assert office.receiver.types() == ["SubscriptionCancelled"]
    assert await office.mails() == ["waiting"]
    office.inbox.slow_seconds = 0
    await office.later(60)
    await office.notify()
    assert await office.mails() == ["sent"]


async def test_an_address_that_is_refused_holds_nobody_else_up(office: Office) -> None:
    office.inbox.refused = {"gone@globex.example"}
    await office.happens("globex", "gone@globex.example")
    await office.happens("acme")
    await office.notify()
    assert [mail["To"] for mail in office.inbox.mails] == ["nino@acme.example"]
    assert await office.mails() == ["refused", "sent"]
    office.inbox.refused = set()
    await office.happens("globex", "gone@globex.example")
    await office.notify()
    assert await office.mails() == ["refused", "sent"], "a bounced address gets nothing more"


async def test_a_server_that_dies_after_the_mail_gets_it_again_with_the_same_id(office: Office) -> None:
    office.inbox.dies_after_data = 1
    await office.happens()
    await office.notify()
    assert await office.mails() == ["sending"]
    await office.notify()
    assert len(office.inbox.mails) == 1, "not at once"
    await office.later(QUARTER)
    await office.notify()
    assert await office.mails() == ["sent"]
    first, again = office.inbox.mails
    assert first["Message-ID"] == again["Message-ID"]


async def test_a_mail_reads_as_text_and_as_html(office: Office) -> None:
    await office.happens()
    await office.notify()
    (mail,) = office.inbox.mails
    assert (mail["From"], mail["Content-Language"], mail["Auto-Submitted"]) == (
        "billing@echodesk.example",
        "en",
        "auto-generated",
    )
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "/portal/enter/" in text.get_content()
    assert "prefers-color-scheme: dark" in html.get_content()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (500, "it answered 500"),
        (404, "it answered 404"),
        ("slow", "no answer within 1 seconds"),
        ("close", "ServerDisconnectedError"),
        ("redirect", "it answered 307"),
    ],
)
async def test_a_receiver_that_fails_gets_the_message_again_and_is_followed_nowhere(
    office: Office, answer: int | str, problem: str
) -> None:
    office.container.webhook_sender().limit_seconds = 1.0
    endpoint = await office.endpoint()
    office.receiver.answers = [answer]
    (event_id,) = await office.happens()
    await office.notify()
    await finished(office)
    assert office.receiver.asked == 1
    assert [one.startswith(problem) for one in await office.problems(endpoint)] == [True]
    await office.later(5)
    await office.notify()
    await finished(office)
    assert office.receiver.got == [(event_id, "SubscriptionCancelled", "acme")]


async def test_of_a_gigabyte_only_the_beginning_is_read(office: Office) -> None:
    endpoint = await office.endpoint()
    office.receiver.answers = ["gigabyte"]
    await office.happens()
    await office.notify()
    await finished(office)
    (delivery,) = await office.container.webhooks().deliveries(OPERATOR, endpoint.id)
    assert (delivery.state, len(delivery.tries[0].answer)) == (DeliveryState.DELIVERED, 500)


async def test_a_name_that_leads_into_our_network_is_not_reached(office: Office) -> None:
    office.environment.pop("BILLING_WEBHOOK_NETWORKS")
    async with open_container(load_settings(office.environment)) as strict:
        url = office.receiver.url.replace("http://127.0.0.1", "https://localhost")
        made = await strict.webhooks().create(OPERATOR, url)
        sent = await strict.webhooks().test(OPERATOR, made.endpoint.id)
    assert "which is not a public address" in sent.tries[0].problem
    assert office.receiver.asked == 0


async def test_an_endpoint_that_hangs_delays_no_other(either: Office) -> None:
    async with a_receiver() as hanging:
        await either.endpoint(hanging.url)
        await either.endpoint()
        hanging.answers = ["slow"]
        for number in range(5):
            await either.happens(f"tenant-{number}")
        await either.notify()
        assert hanging.asked > 0
        assert sorted(tenant for _, _, tenant in either.receiver.got) == [f"tenant-{number}" for number in range(5)]
        await either.happens("later")
        await either.notify()
        assert either.receiver.got[-1][2] == "later"
        for task in either.container.background_tasks()._sending.values():
            task.cancel()


async def finished(office: Office) -> None:
    """All senders have ended."""
    async with asyncio.timeout(20):
        while sending := list(office.container.background_tasks()._sending.values()):
            await asyncio.wait(sending)


async def test_a_process_that_dies_anywhere_loses_nothing_and_repeats_nothing_known(either: Office) -> None:
    endpoint = await either.endpoint()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.crashing",
        env=clean_environment({**either.environment, "BILLING_LOG_LEVEL": "error"}), cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        fatal, killed = 0, True
        while killed:
            fatal += 1
            (event_id,) = await either.happens()
            killed = await dies(child, fatal)
            known = await states(either.container, endpoint, event_id)
            await either.later(QUARTER)
            await either.notify()
            await finished(either)
            assert await states(either.container, endpoint, event_id) == (MailState.SENT, DeliveryState.DELIVERED)
            mails = Counter(str(mail["Message-ID"]).partition(".")[0].strip("<") for mail in either.inbox.mails)
            hooks = Counter(one for one, _, _ in either.receiver.got)
            assert 1 <= mails[event_id] <= (1 if known[0] is MailState.SENT else 2), fatal
            assert 1 <= hooks[event_id] <= (1 if known[1] is DeliveryState.DELIVERED else 2), fatal
        assert fatal > 12
    finally:
        child.kill()
        await child.wait()


async def dies(child: asyncio.subprocess.Process, fatal: int) -> bool:
    """Let a process send until the step that kills it; returns whether it came so far."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(f"{NOTIFY} {fatal}\n".encode())
    await child.stdin.drain()
    async with asyncio.timeout(30):
        while not (line := (await child.stdout.readline()).decode()).startswith(("killed", "ended")):
            assert line
    return line.startswith("killed 9")


async def states(
    container: Container, endpoint: Endpoint, event_id: str
) -> tuple[MailState | None, DeliveryState | None]:
    mails = await container.storage().read(lambda uow: uow.mails.listed(None, None, 1000))
    deliveries = await container.webhooks().deliveries(OPERATOR, endpoint.id)
    mail = next((one.state for one in mails if one.event_id == event_id), None)
    return mail, next((one.state for one in deliveries if one.message_id == event_id), None)


async def test_events_of_the_library_reach_handlers_and_its_heartbeat_says_so(office: Office) -> None:
    heard: list[Event] = []
    async with Billing.open(office.environment) as billing:
        billing.on(Event, heard.append)
        await billing.change_billing_profile("acme", legal_name="Acme")
        await asyncio.wait_for(_until(lambda: bool(heard)), 10)
        async with asyncio.timeout(10):
            while not [one for one in await billing._container.watch().states() if one.heartbeat.ran_at]:
                await asyncio.sleep(0.05)


async def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.01)
