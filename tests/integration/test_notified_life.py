"""The life of customers on the simulated bank's clock, as their mails and another system's webhooks tell it.

A real mail server and real receivers, which check signatures with the reference library in Python and in Node.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import Factory, define

from bog_sandbox.callbacks import Signer
from echodesk_billing import Applicant, Billing, Order
from tests.builders import with_intervals
from tests.integration.conftest import service_environment
from tests.integration.parts import ROOT, Bank, free_port, running_bank
from tests.integration.post import Inbox, Receiver, a_node_receiver, a_receiver, an_inbox

CARD = "4000000000000001"
MAILS = {
    "acme": "nino@acme.example",
    "globex": "dato@globex.example",
    "startup": "maya@startup.example",
    "visitor": "vera@visitor.example",
}


@define
class Life:
    """The library, the bank, and everybody who is told."""

    billing: Billing
    bank: Bank
    inbox: Inbox
    receiver: Receiver
    in_node: list[dict[str, Any]]
    orders: dict[str, Order] = Factory(dict)

    async def pay(self, order: Order) -> None:
        """The customer pays on the bank's page."""
        self.orders[order.tenant_id] = order
        await self.bank.pay(order.bank_order_id or "", card=CARD)
        await self.billing.reconcile(older_than=timedelta(0))

    async def days(self, number: int) -> None:
        """Days pass, with the worker's chores on each."""
        for _ in range(number):
            await self.bank.control("POST", "clock", {"advance": 86_400})
            if [one for one in await self.billing.renew() if one.order_id]:
                await self.billing.reconcile(older_than=timedelta(0))
            await self.notify()

    async def notify(self) -> None:
        """Send the mails and webhooks that are due."""
        tasks = self.billing._container.background_tasks()
        await tasks.send_mails()
        await tasks.send_webhooks()


@pytest.fixture
async def life(tmp_path: Path) -> AsyncIterator[Life]:
    async with running_bank(tmp_path / "bank.log") as bank, an_inbox() as inbox, a_receiver() as receiver:
        environment = await service_environment(bank, f"sqlite:///{tmp_path}/db.sqlite3", Signer())
        environment |= {
            "BILLING_SMTP_URL": inbox.url,
            "BILLING_MAIL_FROM": "EchoDesk <billing@echodesk.example>",
            "BILLING_WEBHOOK_NETWORKS": "127.0.0.0/8",
            "BILLING_TRIAL_DAYS": "14",
            "BILLING_BANK_CALLS_PER_SECOND": "10000",
        }
        await bank.fault("callback", "drop", times=100_000)
        async with Billing.open(environment) as billing:
            await billing.load_catalogue(with_intervals())
            made = await billing.create_webhook(receiver.url, "tests", event_types=HEARD)
            receiver.secret, port = made.secret, free_port()
            in_node = await billing.create_webhook(f"http://127.0.0.1:{port}/", "tests", event_types=HEARD)
            async with a_node_receiver(in_node.secret, port) as printed:
                yield Life(billing, bank, inbox, receiver, printed)


HEARD = (
    "CreditNoteIssued",
    "InvoiceIssued",
    "PaymentActionRequired",
    "ReminderDue",
    "RenewalUpcoming",
    "SubscriptionActivated",
    "SubscriptionCancelled",
    "SubscriptionChanged",
    "SubscriptionChangeScheduled",
    "SubscriptionPastDue",
    "SubscriptionRenewed",
    "SubscriptionSuspended",
    "TenantRegistered",
)
Step = Callable[[Life], Awaitable[Any]]
STEPS: list[tuple[str, Step]] = []


def step(what: str) -> Callable[[Step], Step]:
    def register(made: Step) -> Step:
        STEPS.append((what, made))
        return made

    return register


@step("Acme buys a plan, and pays with a card")
async def _buys(life: Life) -> None:
    await life.billing.change_billing_profile("acme", emails=[MAILS["acme"]], language="ka")
    await life.pay(await life.billing.checkout(tenant_id="acme", package_id=1, seats=2))


@step("a month passes, and the card is charged")
async def _renews(life: Life) -> None:
    await life.days(31)


@step("it writes Russian from now on, and takes another seat")
async def _upgrades(life: Life) -> None:
    await life.billing.change_billing_profile("acme", language="ru")
    changed = await life.billing.change_plan("acme", seats=3)
    assert changed.order is not None
    await life.pay(changed.order)


@step("it schedules fewer seats, and takes that back")
async def _downgrades(life: Life) -> None:
    await life.billing.change_plan("acme", seats=1, when="later")
    await life.billing.drop_scheduled_change("acme")


@step("the card is declined until the subscription is suspended")
async def _is_suspended(life: Life) -> None:
    await life.bank.control("PUT", f"cards/{CARD}", {"code": "107"})
    await life.days(60)


@step("it pays by the link of the last mail")
async def _pays(life: Life) -> None:
    await life.bank.control("PUT", f"cards/{CARD}", {"code": "100"})
    text = life.inbox.mails[-1].get_body(("plain",))
    assert text is not None
    (address,) = [word for word in text.get_content().split() if "/pay/" in word]
    await life.pay(await life.billing._container.pay_links().pay(address.rpartition("/")[2]))


@step("it writes English, and its payment is refunded")
async def _is_refunded(life: Life) -> None:
    await life.billing.change_billing_profile("acme", language="en")
    await life.billing.refund(life.orders["acme"].id, reason="goodwill", amount=Decimal("20.00"))
    await life.billing.reconcile(older_than=timedelta(0))
    await life.days(1)
    await life.billing.reconcile(older_than=timedelta(0))


@step("it cancels")
async def _cancels(life: Life) -> None:
    await life.billing.cancel("acme")


@step("Globex pays without saving a card, and does not pay again")
async def _by_hand(life: Life) -> None:
    await life.billing.change_billing_profile("globex", emails=[MAILS["globex"]], language="en")
    await life.pay(await life.billing.checkout(tenant_id="globex", package_id=2, save_card="no"))
    await life.notify()
    await life.days(40)


@step("a startup registers, and pays")
async def _registers(life: Life) -> None:
    applicant = Applicant(
        schema_name="startup", name="Startup", admin_email=MAILS["startup"], language="ka", admin_first_name="Maya"
    )
    await life.pay(await life.billing.register(applicant, package_id=2))


@step("a visitor tries it for two weeks")
async def _tries(life: Life) -> None:
    await life.billing.change_billing_profile("visitor", emails=[MAILS["visitor"]], language="ru")
    await life.billing.start_trial("visitor", package_id=2)
    await life.days(15)


@step("years later, the card of the startup expires")
async def _card_expires(life: Life) -> None:
    now = datetime.fromisoformat((await life.bank.control("GET", "clock"))["now"])
    before = datetime(2030, 12, 27, tzinfo=UTC) - now
    await life.bank.control("POST", "clock", {"advance": before.total_seconds()})
    await life.billing._container.renew().remind_of_cards()


EXPECTED: list[tuple[str, list[str], list[str]]] = [
    ("Acme buys a plan, and pays with a card", ["receipt ka"], ["SubscriptionActivated", "InvoiceIssued"]),
    (
        "a month passes, and the card is charged",
        ["upcoming_renewal ka", "receipt ka"],
        ["RenewalUpcoming", "SubscriptionRenewed", "InvoiceIssued"],
    ),
    (
        "it writes Russian from now on, and takes another seat",
        ["plan_changed ru", "receipt ru"],
        ["SubscriptionChanged", "SubscriptionRenewed", "InvoiceIssued"],
    ),
    ("it schedules fewer seats, and takes that back", ["change_scheduled ru"], ["SubscriptionChangeScheduled"]),
    (
        "the card is declined until the subscription is suspended",
        [
            "upcoming_renewal ru",
            "payment_failed ru",
            "payment_failed ru",
            "payment_failed ru",
            "suspension_soon ru",
            "suspension_soon ru",
            "suspended ru",
        ],
        ["RenewalUpcoming", "SubscriptionPastDue", "ReminderDue", "ReminderDue", "SubscriptionSuspended"],
    ),
    ("it pays by the link of the last mail", ["back_again ru", "receipt ru"], ["SubscriptionRenewed", "InvoiceIssued"]),
    ("it writes English, and its payment is refunded", ["refunded en"], ["CreditNoteIssued"]),
    ("it cancels", ["cancelled en"], ["SubscriptionCancelled"]),
    (
        "Globex pays without saving a card, and does not pay again",
        [
            "receipt en",
            "payment_due en",
            "payment_due en",
            "action_required en",
            "past_due en",
            "suspension_soon en",
            "suspension_soon en",
            "suspended en",
        ],
        [
            "SubscriptionActivated",
            "InvoiceIssued",
            "ReminderDue",
            "ReminderDue",
            "PaymentActionRequired",
            "SubscriptionPastDue",
            "ReminderDue",
            "ReminderDue",
            "SubscriptionSuspended",
        ],
    ),
    (
        "a startup registers, and pays",
        ["registration_paid ka", "receipt ka"],
        ["SubscriptionActivated", "TenantRegistered", "InvoiceIssued"],
    ),
    (
        "a visitor tries it for two weeks",
        ["trial_ending ru", "trial_ending ru", "suspended ru"],
        ["ReminderDue", "ReminderDue", "SubscriptionSuspended"],
    ),
    (
        "years later, the card of the startup expires",
        ["card_expiring en", "card_expiring ka"],
        ["ReminderDue", "ReminderDue"],
    ),
]


async def lived(life: Life) -> list[tuple[str, list[str], list[str]]]:
    """What was sent in each step: kind and language of mails, and types of webhooks."""
    told = []
    for what, do in STEPS:
        mails, hooks = len(life.inbox.mails), len(life.receiver.got)
        await do(life)
        await life.notify()
        sent = [" ".join(one.split()[:2]) for one in life.inbox.kinds(mails)]
        told.append((what, sent, life.receiver.types(hooks)))
    return told


async def test_mails_and_webhooks_tell_the_life_of_customers(life: Life) -> None:
    told = await lived(life)
    assert told == EXPECTED
    in_node = [(one["id"], one["type"]) for one in life.in_node]
    assert sorted(in_node) == sorted(one[:2] for one in life.receiver.got), "tenants side by side are in any order"
    assert {mail["To"] for mail in life.inbox.mails} == set(MAILS.values())


def test_the_table_is_in_the_docs() -> None:
    rows = [f"| {what} | {', '.join(mails)} | {', '.join(hooks)} |" for what, mails, hooks in EXPECTED]
    page = (ROOT / "docs" / "mails.md").read_text()
    assert "\n".join(rows) in page
