"""Mails: which event leads to which, once each, and what becomes of one that fails."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve

from echodesk_billing.adapters.mail.templates import MailTemplates, TemplateBroken
from echodesk_billing.application.announcing import Announce
from echodesk_billing.application.letters import Letters
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.notifications.mail import RETRIES, MailKind, MailState
from echodesk_billing.entrypoints.cli.mails import EXAMPLE
from echodesk_billing.ports.mailer import (
    AddressRefused,
    MailInDoubt,
    MailPostponed,
    MailRefused,
    MailServerAway,
)
from tests.builders import principal
from tests.unit.conftest import World

LATER = timedelta(minutes=16)


async def with_emails(world: World, *emails: str, language: str = "en") -> None:
    changes = {"emails": list(emails or ("nino@acme.example",)), "language": language}
    await world.customers.change_profile(principal(), changes)


async def paid(world: World) -> None:
    """A customer whose receipt has gone out."""
    await with_emails(world)
    await world.buy_and_pay(terms=Terms())
    assert await world.notify() == ["receipt"]


async def states(world: World) -> list[str]:
    mails = await world.storage.read(lambda uow: uow.mails.listed("acme", None, 100))
    return [str(mail.state) for mail in mails]


async def test_every_address_gets_one_mail_for_each_event(world: World) -> None:
    await with_emails(world, "nino@acme.example", "books@acme.example", language="ru")
    await world.buy_and_pay()
    await world.notify()
    await world.notify()
    assert world.mailer.sent == [("nino@acme.example", "receipt"), ("books@acme.example", "receipt")]
    assert {one.language for one in world.mailer.letters} == {"ru"}


async def test_a_receipt_has_its_invoice(world: World) -> None:
    await paid(world)
    (letter,) = world.mailer.letters
    assert [one.name for one in letter.attachments] == ["INV-2026-000001.pdf"]
    assert letter.attachments[0].content.startswith(b"%PDF")
    assert letter.unsubscribe_url == ""


async def test_a_customer_without_an_address_gets_no_mail(world: World) -> None:
    await world.buy_and_pay()
    assert await world.notify() == []
    assert await states(world) == []


async def test_a_kind_that_is_off_is_not_sent_and_without_a_server_nothing_is_kept(world: World) -> None:
    await with_emails(world)
    await world.buy_and_pay()
    silent = evolve(world.letters, off={MailKind.RECEIPT})
    await Announce(world.storage, world.clock, silent, world.receivers).run()
    await world.buy_and_pay(distinct=True)
    await Announce(world.storage, world.clock, Letters(is_on=False), world.receivers).run()
    assert await states(world) == []


async def test_a_year_tells_of_the_renewal_once_and_of_the_receipt(world: World) -> None:
    await paid(world)
    subscription = await world.subscription()
    assert subscription.paid_until is not None
    told = []
    for days in range(10, -1, -1):
        world.clock.moment = subscription.paid_until - timedelta(days=days)
        if days:
            assert all(one.order_id is None for one in await world.renewals())
        else:
            await world.charge_due()
        told += await world.notify()
    assert told == ["upcoming_renewal", "receipt"]
    upcoming = world.writer.facts[1]
    assert (upcoming["amount"], upcoming["plan"]) == ("145.00 GEL", "Company")
    assert datetime.fromisoformat(upcoming["charged_at"]) == subscription.paid_until


async def test_a_declined_renewal_leads_to_suspension_with_reminders_before_it_and_back(world: World) -> None:
    await paid(world)
    subscription = await world.subscription()
    assert subscription.paid_until is not None
    world.clock.moment = subscription.paid_until
    await world.notify()
    told = []
    await world.charge_due("107")
    for _ in range(8 * 24):
        told += await world.notify()
        world.clock.advance(hours=1)
        for one in await world.renewals():
            if one.order_id is not None:
                await world.answer(await world.order(one.order_id), "107")
    assert told == [*["payment_failed"] * 3, "suspension_soon", "suspension_soon", "suspended"]
    first = next(one for one in world.writer.facts if one.get("code") == "107")
    assert (first["amount"], first["pay_url"].startswith("https://billing.example/pay/")) == ("145.00 GEL", True)
    order = await world.checkout.reactivate(principal())
    world.bank.pay(order)
    await world.hear(order)
    assert set(await world.notify()) == {"back_again", "receipt"}


async def test_while_the_server_is_away_mails_wait_and_none_is_lost(world: World) -> None:
    await with_emails(world, "nino@acme.example", "books@acme.example")
    await world.buy_and_pay()
    for _ in range(100):
        world.mailer.errors = [MailServerAway("connection refused")]
        assert await world.notify() == []
        world.clock.advance(hours=1)
    world.mailer.errors = []
    assert await world.notify() == ["receipt", "receipt"]


async def test_a_mail_that_is_refused_for_now_is_sent_later_and_given_up_in_the_end(world: World) -> None:
    await with_emails(world)
    await world.buy_and_pay()
    world.mailer.errors = [MailPostponed("451 try later")] * (len(RETRIES) + 1)
    for wait in RETRIES:
        assert await world.notify() == []
        world.clock.moment += wait - timedelta(seconds=1)
        assert await world.notify() == []
        world.clock.advance(seconds=1)
    assert await world.notify() == []
    assert await states(world) == [MailState.GIVEN_UP]
    world.clock.advance(hours=10_000)
    assert await world.notify() == []


async def test_an_address_that_bounces_gets_nothing_more_until_it_is_changed(world: World) -> None:
    await with_emails(world, "gone@acme.example", "books@acme.example")
    await world.buy_and_pay()
    world.mailer.errors = [AddressRefused("550 no such user")]
    assert await world.notify() == ["receipt"]
    await world.buy_and_pay(distinct=True)
    await world.notify()
    assert [to for to, _ in world.mailer.sent] == ["books@acme.example"] * 2
    await with_emails(world, "gone@acme.example")
    await world.buy_and_pay(distinct=True)
    await world.notify()
    assert world.mailer.sent[-1] == ("gone@acme.example", "receipt")


async def test_a_mail_whose_content_is_refused_does_not_stop_the_address(world: World) -> None:
    await with_emails(world)
    await world.buy_and_pay()
    world.mailer.errors = [MailRefused("554 no")]
    assert await world.notify() == []
    assert await states(world) == [MailState.REFUSED]
    await world.buy_and_pay(distinct=True)
    assert await world.notify() == ["receipt"]


async def test_a_mail_in_doubt_is_sent_again_with_the_same_id_and_not_for_ever(world: World) -> None:
    await with_emails(world)
    await world.buy_and_pay()
    world.mailer.errors = [MailInDoubt("broke off"), None]
    assert await world.notify() == []
    assert await world.notify() == []
    world.clock.moment += LATER
    assert await world.notify() == ["receipt"]
    await world.buy_and_pay(distinct=True)
    world.mailer.errors = [MailInDoubt("broke off")] * 10
    for _ in range(10):
        assert await world.notify() == []
        world.clock.moment += LATER
    assert sorted(await states(world)) == [MailState.GIVEN_UP, MailState.SENT]
    assert len(world.mailer.errors) == 7


async def test_a_mail_that_a_process_died_with_is_sent_again(world: World) -> None:
    await with_emails(world)
    await world.buy_and_pay()
    await world.announce.run()
    await world.mails._claim()
    assert await world.notify() == []
    world.clock.moment += LATER
    assert await world.notify() == ["receipt"]


async def test_who_unsubscribed_gets_receipts_and_no_reminders(world: World) -> None:
    await paid(world)
    await world.mails.unsubscribe("acme", "nino@acme.example")
    subscription = await world.subscription()
    assert subscription.paid_until is not None
    world.clock.moment = subscription.paid_until - timedelta(days=3)
    await world.renewals()
    assert await world.notify() == []
    world.clock.moment = subscription.paid_until
    await world.charge_due()
    assert await world.notify() == ["receipt"]


async def test_a_reminder_has_a_link_that_ends_reminders(world: World) -> None:
    await paid(world)
    subscription = await world.subscription()
    assert subscription.paid_until is not None
    world.clock.moment = subscription.paid_until - timedelta(days=3)
    await world.renewals()
    await world.notify()
    assert world.mailer.letters[-1].unsubscribe_url.startswith("https://billing.example/mail/unsubscribe/")


@pytest.mark.parametrize("language", ["ka", "en", "ru"])
@pytest.mark.parametrize("kind", MailKind)
def test_every_mail_is_written_in_every_language(kind: MailKind, language: str) -> None:
    written = MailTemplates().write(kind, language, {**EXAMPLE, "product": "EchoDesk"})
    bare = MailTemplates().write(kind, language, {"product": "EchoDesk", "ends_at": EXAMPLE["ends_at"]})
    assert written.subject
    for text in (written.subject, written.text, written.html, bare.text):
        assert "{" not in text.partition("<style>")[0]
        assert "None" not in text
    assert written.subject in written.html.replace("&#39;", "'")


def test_mails_of_one_kind_differ_by_language() -> None:
    subjects = {MailTemplates().write(MailKind.RECEIPT, language, EXAMPLE).subject for language in ("ka", "en", "ru")}
    assert len(subjects) == 3


def test_what_a_customer_is_called_cannot_break_a_mail() -> None:
    facts = {**EXAMPLE, "plan": "<script>alert(1)</script>\r\nBcc: all@example.ge"}
    written = MailTemplates().write(MailKind.PLAN_CHANGED, "en", facts)
    assert "\n" not in written.subject
    assert "<script>" not in written.html


def test_templates_of_a_folder_come_first_and_a_broken_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "receipt.txt").write_text("Subject: Paid {{ amount }}\n\nThanks.\n\n[Look]({{ portal_url }})\n")
    written = MailTemplates(str(tmp_path)).write(MailKind.RECEIPT, "en", EXAMPLE)
    assert written.subject == "Paid 145.00 GEL"
    assert f"Look: {EXAMPLE['portal_url']}" in written.text
    for broken in ("no subject", "Subject: {{ amount", "Subject: {{ amount | nothing }}"):
        (tmp_path / "en" / "receipt.txt").write_text(broken)
        with pytest.raises(TemplateBroken, match=r"en/receipt\.txt"):
            MailTemplates(str(tmp_path)).write(MailKind.RECEIPT, "en", EXAMPLE)
