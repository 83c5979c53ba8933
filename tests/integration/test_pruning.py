"""What is of no use any more is deleted, and nothing else, on every storage."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from attrs import evolve

from echodesk_billing import Applicant
from echodesk_billing.application.pruning import Prune, Pruned, Retention
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.registration import Registration, RegistrationState
from echodesk_billing.domain.notifications.mail import Mail, MailKind, MailState
from echodesk_billing.domain.notifications.webhook import Delivery, Try
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.ports.gateway import GatewayRefused
from echodesk_billing.ports.storage import Answer, InboxEntry, Storage, StoredToken, UnitOfWork
from tests.builders import NOW, an_order, principal
from tests.fake_bank import FakeBank, FakeClock
from tests.unit.conftest import World

DAY = timedelta(days=1)


@pytest.fixture
async def filled(storage: Storage) -> Storage:
    """An old and a young one of each kind."""

    def fill(uow: UnitOfWork) -> None:
        for number, age in enumerate((DAY * 60, DAY / 2)):
            at = NOW - age
            uow.answers.claim(
                Answer(owner="o", key=str(number), identity="i", request_digest="d", created_at=at, claimed_at=at),
                at - DAY,
                at - DAY,
            )
            for outcome in ("refused", "applied"):
                uow.inbox.record(InboxEntry(digest=f"{number}", verdict="invalid", outcome=outcome, at=at))
            for state in ("expires_at", "revoked_at"):
                token = StoredToken(
                    prefix="p", digest=f"{state}{number}", principal=principal(), created_at=at, expires_at=None
                )
                uow.tokens.add(evolve(token, **{state: at}))
            notify(uow, number, at - DAY * 40)
            for state in (OrderState.REJECTED, OrderState.PROCESSING, OrderState.COMPLETED):
                register(uow, f"REG-{number}{state[:5].upper()}", state, at)

    await storage.transact(fill)
    return storage


def notify(uow: UnitOfWork, number: int, at: datetime) -> None:
    """A mail and a webhook delivery that ended, and one of each that waits."""
    for due_at in (None, at):
        waits = "waiting" if due_at else "sent"
        mail = Mail(
            id=f"{number}.{waits}",
            tenant_id="acme",
            event_id=str(number),
            kind=MailKind.RECEIPT,
            address="a@acme.example",
            language="ka",
            state=MailState(waits),
            due_at=due_at,
            created_at=at,
        )
        uow.mails.add([mail])
        made = Delivery(
            endpoint_id="we", lane="acme", message_id=str(number), type="OrderCompleted", body="{}", created_at=at
        )
        uow.webhooks.send([made], at)
    first = uow.webhooks.head("we", "acme")
    assert first is not None
    first.tried(Try(at=at, status=200))
    uow.webhooks.keep(first)
    uow.webhooks.schedule("we", "acme", None)


def register(uow: UnitOfWork, order_id: str, state: OrderState, at: object) -> None:
    order = an_order(order_id=order_id, purpose=Purpose.REGISTRATION, at=at, tenant_id=order_id.lower(), state=state)
    order.check_at = None if state is OrderState.REJECTED else NOW
    order.idempotency_key = order_id
    uow.orders.add(order)
    made, created = Order.create(
        order_id=order_id,
        idempotency_key=order_id,
        tenant_id=order_id.lower(),
        purpose=Purpose.REGISTRATION,
        request=order.request,
        amount=order.amount,
        at=NOW,
    )
    assert made.id == order.id
    uow.outbox.add([created])
    paid = state is OrderState.COMPLETED
    uow.registrations.add(
        Registration(
            order_id=order_id,
            applicant=Applicant(schema_name="acme", name="Acme", admin_email="a@acme.example"),
            sealed_payload=b"secret",
            created_at=at,  # type: ignore[arg-type]
            expires_at=at,  # type: ignore[arg-type]
            state=RegistrationState.REGISTERED if paid else RegistrationState.PENDING,
        )
    )


async def test_only_obsolete_rows_are_pruned(filled: Storage) -> None:
    clock = FakeClock()
    settlement = Settlement(filled, clock, "Asia/Tbilisi", RenewalPolicy())
    prune = Prune(filled, FakeBank(), clock, settlement, Retention())
    assert await prune.run() == Pruned(
        answers=1, refused_callbacks=1, tokens=2, unpaid_registrations=1, mails=1, webhooks=2, events=0, steps=0
    )
    assert await prune.run() == Pruned(
        answers=0, refused_callbacks=0, tokens=0, unpaid_registrations=0, mails=0, webhooks=0, events=0, steps=0
    )
    mails, sent = await filled.read(lambda uow: (uow.mails.listed(None, None, 9), uow.webhooks.deliveries("we", 9, 0)))
    assert {mail.id for mail in mails} == {"0.waiting", "1.sent", "1.waiting"}
    assert [(one.message_id, one.state) for one in sent] == [("1", "waiting")] * 2
    left = await filled.read(lambda uow: {order.id for order in uow.orders.listed(None, None, 100)})
    assert left == {"REG-0PROCE", "REG-0COMPL", "REG-1REJEC", "REG-1PROCE", "REG-1COMPL"}
    gone = "REG-0REJEC"
    assert await filled.read(lambda uow: uow.registrations.get(gone)) is None
    assert await filled.read(lambda uow: list(uow.orders.history(gone))) == []
    assert await filled.read(lambda uow: list(uow.outbox.of_order(gone.lower(), gone))) == []
    assert await filled.read(lambda uow: len(uow.outbox.latest(None, 100))) == 5


async def test_a_registration_that_was_paid_after_all_is_honoured_instead_of_deleted(world: World) -> None:
    """The bank took its rejection back, and its callback never came."""
    applicant = Applicant(schema_name="acme", name="Acme", admin_email="a@acme.example")
    order = await world.register.register(applicant, Selection(package_id=2))
    world.bank.pay(order, status=BankStatus.REJECTED, code=None)
    await world.hear(order)
    world.bank.pay(order)
    world.clock.advance(days=30)
    prune = Prune(world.storage, world.bank, world.clock, world.settlement, Retention())
    assert (await prune.run()).unpaid_registrations == 0
    assert (await world.order(order.id)).state is OrderState.COMPLETED


async def test_a_registration_that_cannot_be_looked_at_keeps_no_other_from_being_deleted(world: World) -> None:
    orders = []
    for name in ("acme", "shop"):
        applicant = Applicant(schema_name=name, name=name, admin_email=f"a@{name}.example")
        orders.append(await world.register.register(applicant, Selection(package_id=2)))
        world.bank.pay(orders[-1], status=BankStatus.REJECTED, code=None)
        await world.hear(orders[-1])
    world.clock.advance(days=30)
    world.bank.failures_of["receipt"] = [AssertionError("this cannot be")]
    prune = Prune(world.storage, world.bank, world.clock, world.settlement, Retention())
    assert (await prune.run()).unpaid_registrations == 1
    assert (await prune.run()).unpaid_registrations == 1


async def test_an_order_that_reached_the_bank_late_is_kept_as_long_as_any_other(world: World) -> None:
    """The process died before it asked the bank; reconciliation asked a week later, and the page expired just now."""
    applicant = Applicant(schema_name="acme", name="Acme", admin_email="a@acme.example")
    order = await world.register.register(applicant, Selection(package_id=2))
    world.clock.advance(days=8)
    world.bank.pay(order, status=BankStatus.REJECTED, code=None)
    await world.hear(order)
    prune = Prune(world.storage, world.bank, world.clock, world.settlement, Retention())
    assert (await prune.run()).unpaid_registrations == 0
    world.bank.pay(order)  # the bank takes its rejection back
    await world.hear(order)
    assert (await world.order(order.id)).state is OrderState.COMPLETED


async def test_an_order_that_the_bank_knew_and_does_not_find_is_kept(world: World) -> None:
    applicant = Applicant(schema_name="acme", name="Acme", admin_email="a@acme.example")
    order = await world.register.register(applicant, Selection(package_id=2))
    world.bank.pay(order, status=BankStatus.REJECTED, code=None)
    await world.hear(order)
    world.clock.advance(days=30)
    world.bank.failures_of["receipt"] = [GatewayRefused(400, "not found")]
    prune = Prune(world.storage, world.bank, world.clock, world.settlement, Retention())
    assert (await prune.run()).unpaid_registrations == 0
    assert (await prune.run()).unpaid_registrations == 1
