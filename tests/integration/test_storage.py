"""What every storage promises: the same on memory, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from attrs import evolve

from echodesk_billing import Currency, Event, OrderCompleted, OrderCreated, SaveCard, StorageUnavailable
from echodesk_billing.adapters.memory import MemoryStorage
from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice, Party, Seller
from echodesk_billing.domain.accounting.journal import BANK, invoice_entries, payment_entries
from echodesk_billing.domain.calendar import Period
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.orders import refunding
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.payments import take_payment
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term
from echodesk_billing.ports.storage import Answer, InboxEntry, Storage, StoredToken, UnitOfWork
from tests.builders import BANK_ID, NOW, a_plan, an_order, catalogue, gel, principal, refund, report, running

LATER = NOW + timedelta(hours=1)


async def test_an_order_comes_back_as_it_was(storage: Storage) -> None:
    order = an_order()
    order.observe(report(BankStatus.REFUNDED_PARTIALLY, refunds=(refund("a1", "10.00"),)), LATER)
    order.observe(report("odd"), LATER)
    steps = list(order.steps)
    await storage.transact(lambda uow: uow.orders.add(order))
    found, history = await storage.read(lambda uow: (uow.orders.get(order.id, None), uow.orders.history(order.id)))
    assert found == order
    assert list(history) == steps


async def test_changes_and_new_steps_are_saved(storage: Storage) -> None:
    await storage.transact(lambda uow: uow.orders.add(an_order()))

    def work(uow: UnitOfWork) -> None:
        order = uow.orders.lock(an_order().id, "")
        assert order is not None
        order.observe(report(BankStatus.COMPLETED), LATER)
        uow.orders.save(order)

    await storage.transact(work)
    found, history = await storage.read(lambda uow: (uow.orders.get(BANK_ID, None), uow.orders.history(an_order().id)))
    assert found is not None
    assert (found.state, found.captured, found.version) == (OrderState.COMPLETED, gel("145.00"), 2)
    assert [step.event for step in history] == ["create", "begin", "complete"]


async def test_another_tenants_order_is_not_found(storage: Storage) -> None:
    await storage.transact(lambda uow: uow.orders.add(an_order(bank_order_id=BANK_ID)))
    for order_id in (an_order().id, BANK_ID):
        own, others = await storage.read(
            lambda uow, order_id=order_id: (uow.orders.get(order_id, "acme"), uow.orders.get(order_id, "globex"))  # type: ignore[misc]
        )
        assert own is not None
        assert others is None


async def test_orders_are_found_by_our_id_before_the_banks(storage: Storage) -> None:
    first = an_order(order_id="SUB-000000000001", bank_order_id="bank-1")
    second = an_order(order_id="SUB-000000000002", bank_order_id="bank-2")
    for order in (first, second):
        await storage.transact(lambda uow, order=order: uow.orders.add(order))  # type: ignore[misc]
    found = await storage.transact(
        lambda uow: [
            order.id if (order := uow.orders.lock(*keys)) else None
            for keys in (("SUB-000000000001", "bank-2"), (None, "bank-2"), ("SUB-0", "bank-2"), ("SUB-0", "bank-0"))
        ]
    )
    assert found == [first.id, second.id, second.id, None]


async def test_a_transaction_that_fails_leaves_nothing(storage: Storage) -> None:
    def work(uow: UnitOfWork) -> None:
        uow.orders.add(an_order())
        uow.outbox.add([OrderCreated(tenant_id="acme", at=NOW, order_id="SUB-1", amount=gel("1.00"))])
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await storage.transact(work)
    assert await storage.read(lambda uow: uow.orders.listed(None, None, 10)) == []
    assert await storage.transact(lambda uow: uow.outbox.claim("me", NOW, LATER, 10)) == []


async def test_lists_filter_sort_and_stop(storage: Storage) -> None:
    def work(uow: UnitOfWork) -> None:
        for number in range(5):
            tenant = "acme" if number % 2 else "globex"
            order = an_order(order_id=f"SUB-00000000000{number}", tenant_id=tenant, at=NOW + timedelta(minutes=number))
            if number == 3:
                order.observe(report("odd", external_order_id=None, bank_order_id="b3"), NOW)
            uow.orders.add(order)

    await storage.transact(work)

    def ids(orders: object) -> list[str]:
        return [order.id[-1] for order in orders]  # type: ignore[attr-defined]

    assert ids(await storage.read(lambda uow: uow.orders.listed(None, None, 3))) == ["4", "3", "2"]
    assert ids(await storage.read(lambda uow: uow.orders.listed("acme", None, 9))) == ["3", "1"]
    assert ids(await storage.read(lambda uow: uow.orders.listed(None, OrderState.COMPLETED, 9))) == []
    assert ids(await storage.read(lambda uow: uow.orders.open_of("acme"))) == ["3", "1"]
    assert ids(await storage.read(lambda uow: uow.orders.needing_attention(9))) == ["3"]
    assert ids(await storage.read(lambda uow: uow.orders.due(NOW + timedelta(minutes=3), 9))) == ["0", "1", "2"]
    assert await storage.read(lambda uow: uow.orders.count_by_state()) == {"created": 5}


async def test_a_tenant_has_one_subscription(storage: Storage) -> None:
    new = Subscription(tenant_id="acme", term=Term(time_zone="Asia/Tbilisi"))
    await storage.transact(lambda uow: uow.subscriptions.add(new))
    await storage.transact(lambda uow: uow.subscriptions.add(evolve(new, term=Term(time_zone="UTC"))))

    def pay(uow: UnitOfWork) -> None:
        subscription = uow.subscriptions.lock("acme")
        take_payment(subscription, an_order(plan=a_plan(1, 3)), NOW)
        uow.subscriptions.save(subscription)

    await storage.transact(pay)
    found = await storage.read(lambda uow: uow.subscriptions.get("acme"))
    assert found is not None
    assert (found.time_zone, found.plan, found.anchor, found.next_period) == ("Asia/Tbilisi", a_plan(1, 3), NOW, 1)
    assert await storage.read(lambda uow: uow.subscriptions.get("globex")) is None


async def test_the_newest_catalogue_is_on_sale(storage: Storage) -> None:
    assert (await storage.read(lambda uow: uow.catalogues.current())).version == 0
    for version in (1, 2):
        await storage.transact(lambda uow, version=version: uow.catalogues.add(catalogue(version), NOW, "cli:root"))  # type: ignore[misc]
    assert await storage.read(lambda uow: uow.catalogues.current()) == catalogue(2)


async def test_a_callback_is_noted_once_per_outcome(storage: Storage) -> None:
    entry = InboxEntry(digest="d" * 64, verdict="valid", outcome="applied", at=NOW, order_id="SUB-1")
    noted = [
        await storage.transact(lambda uow, entry=entry: uow.inbox.record(entry))  # type: ignore[misc]
        for entry in (entry, entry, evolve(entry, outcome="refused"))
    ]
    assert noted == [True, False, True]
    assert (await storage.read(lambda uow: uow.inbox.of_order("SUB-1")))[0] == entry
    other = evolve(entry, digest="e" * 64, order_id="SUB-2")
    for _ in range(2):
        await storage.transact(lambda uow: uow.inbox.add(other))
    assert await storage.read(lambda uow: uow.inbox.of_order("SUB-2")) == [other]
    assert not await storage.transact(lambda uow: uow.inbox.record(other))


def some_event(tenant_id: str, minute: int) -> Event:
    return OrderCompleted(
        tenant_id=tenant_id,
        at=NOW + timedelta(minutes=minute),
        order_id="SUB-1",
        amount=gel("1.00"),
        captured=gel("1.00"),
    )


async def test_events_come_out_in_order_until_they_are_delivered(storage: Storage) -> None:
    recorded = await storage.transact(
        lambda uow: uow.outbox.add([some_event("acme", 0), some_event("acme", 0), some_event("globex", 1)])
    )
    claimed = await storage.transact(lambda uow: uow.outbox.claim("me", NOW, LATER, 10))
    assert list(claimed) == list(recorded)
    assert await storage.transact(lambda uow: uow.outbox.claim("you", NOW, LATER, 10)) == []
    retry = {recorded[1].id: LATER}
    await storage.transact(lambda uow: uow.outbox.settle([recorded[0].id], retry, NOW))
    assert list(await storage.transact(lambda uow: uow.outbox.claim("you", NOW, LATER, 10))) == [recorded[2]]
    again = await storage.transact(lambda uow: uow.outbox.claim("me", LATER, LATER, 10))
    assert list(again) == list(recorded[1:])


async def test_tokens_are_found_by_digest_and_revoked_by_prefix(storage: Storage) -> None:
    token = StoredToken(prefix="abcdefgh", digest="0" * 64, principal=principal(), created_at=NOW, expires_at=LATER)
    await storage.transact(lambda uow: uow.tokens.add(token))
    await storage.transact(lambda uow: uow.tokens.add(token))
    assert await storage.read(lambda uow: uow.tokens.by_digest("0" * 64)) == token
    assert await storage.read(lambda uow: uow.tokens.by_digest("1" * 64)) is None
    assert await storage.transact(lambda uow: uow.tokens.revoke("abcdefgh", LATER, "cli:root")) == 1
    assert await storage.transact(lambda uow: uow.tokens.revoke("abcdefgh", LATER, "cli:root")) == 0
    (listed,) = await storage.read(lambda uow: uow.tokens.listed("acme"))
    assert listed.revoked_at == LATER
    assert list(await storage.read(lambda uow: uow.tokens.listed("globex"))) == []


async def test_an_answer_is_claimed_finished_replayed_and_forgotten(storage: Storage) -> None:
    mine = Answer(owner="acme/admin", key="k", identity="first", request_digest="d", created_at=NOW, claimed_at=NOW)

    async def claim(at: datetime, **changes: str) -> tuple[str, int, bool]:
        asked = evolve(mine, created_at=at, claimed_at=at, **{"identity": "another", **changes})
        day, moment = at - timedelta(hours=24), at - timedelta(minutes=2)
        kept, is_ours = await storage.transact(lambda uow: uow.answers.claim(asked, day, moment))
        return kept.identity, kept.status, is_ours

    assert await claim(NOW, identity="first") == ("first", 0, True)
    assert await claim(NOW) == ("first", 0, False)  # it is being worked on
    await storage.transact(lambda uow: uow.answers.reopen("acme/admin", "k"))
    assert await claim(NOW, request_digest="other") == ("first", 0, False)
    assert await claim(NOW) == ("first", 0, True)  # the outcome is not known: the same request, once more
    assert await claim(NOW + timedelta(hours=1)) == ("first", 0, True)  # whoever worked on it died
    done = evolve(mine, status=200, content_type="application/json", body=b"{}")
    await storage.transact(lambda uow: uow.answers.finish(done))
    assert await claim(LATER) == ("first", 200, False)
    assert await claim(NOW + timedelta(hours=25), identity="second") == ("second", 0, True)
    await storage.transact(lambda uow: uow.answers.release("acme/admin", "k"))
    assert await claim(NOW, identity="third") == ("third", 0, True)


async def test_it_is_ready_when_migrated(storage: Storage) -> None:
    assert await storage.problem() is None
    assert await storage.migrate() == []


def a_card(number: int, tenant_id: str = "acme") -> Card:
    return Card(
        tenant_id=tenant_id,
        order_id=f"SUB-{number}",
        bank_order_id=f"bank-{number}",
        kind=SaveCard.AUTOMATIC,
        mandate=gel("145.00"),
        masked_number="400000***0001",
        brand="visa",
        expiry="12/30",
        saved_at=NOW,
    )


async def test_cards_are_stored_once_per_order_and_filtered_by_tenant(storage: Storage) -> None:
    first = await storage.transact(lambda uow: uow.cards.add(a_card(1)))
    again = await storage.transact(lambda uow: uow.cards.add(a_card(1)))
    second = await storage.transact(lambda uow: uow.cards.add(a_card(2)))
    await storage.transact(lambda uow: uow.cards.add(a_card(3, "globex")))
    assert first == again
    assert [card.id for card in await storage.read(lambda uow: uow.cards.active_of("acme"))] == [second.id, first.id]

    def choose(uow: UnitOfWork) -> None:
        card = uow.cards.lock(first.id, "acme")
        assert card is not None
        assert uow.cards.lock(first.id, "globex") is None
        card.is_default = True
        uow.cards.save(card)

    await storage.transact(choose)
    listed = await storage.read(lambda uow: uow.cards.active_of("acme"))
    assert [(card.id, card.is_default) for card in listed] == [(first.id, True), (second.id, False)]

    def forget(uow: UnitOfWork) -> None:
        card = uow.cards.lock(first.id, "acme")
        assert card is not None
        card.forget(NOW)
        uow.cards.save(card)

    await storage.transact(forget)
    assert [card.id for card in await storage.read(lambda uow: uow.cards.active_of("acme"))] == [second.id]
    assert [card.id for card in await storage.read(lambda uow: uow.cards.forgetting(NOW, 9))] == [first.id]


async def test_one_open_renewal_per_tenant_and_period(storage: Storage) -> None:
    first = an_order(order_id="REN-000000000001", period=3, purpose=Purpose.RENEWAL)
    await storage.transact(lambda uow: uow.orders.add(first))
    found = await storage.read(lambda uow: uow.orders.open_renewal("acme", 3))
    assert found is not None
    assert found.id == first.id
    assert await storage.read(lambda uow: uow.orders.open_renewal("acme", 4)) is None
    assert await storage.read(lambda uow: uow.orders.open_renewal("globex", 3)) is None
    second = an_order(order_id="REN-000000000002", period=3, purpose=Purpose.RENEWAL)
    if not isinstance(storage, MemoryStorage):
        with pytest.raises(StorageUnavailable, match=r"(?i)unique"):
            await storage.transact(lambda uow: uow.orders.add(second))

    def reject(uow: UnitOfWork) -> None:
        order = uow.orders.lock(first.id, "")
        assert order is not None
        order.refuse("no", NOW)
        uow.orders.save(order)

    await storage.transact(reject)
    await storage.transact(lambda uow: uow.orders.add(second))


async def test_refunds_come_back_as_they_were(storage: Storage) -> None:
    order = an_order()
    order.observe(report(BankStatus.COMPLETED), NOW)
    refunding.request_refund(order, gel("10.00"), refund_id="r1", reason="unhappy", at=NOW)
    refunding.refund_accepted(order, "r1", "a1", NOW)
    await storage.transact(lambda uow: uow.orders.add(order))
    found = await storage.read(lambda uow: uow.orders.get(order.id, None))
    assert found == order
    assert [one.id for one in found.pending_refunds] == ["r1"]
    due = await storage.read(lambda uow: uow.orders.due(NOW + timedelta(minutes=1), 9))
    assert [one.id for one in due] == [order.id]


async def test_the_journal_adds_up_and_invoices_come_back(storage: Storage) -> None:
    paid = OrderCompleted(tenant_id="acme", at=NOW, order_id="SUB-1", amount=gel("9.00"), captured=gel("9.00"))
    posted = [*payment_entries(paid), *invoice_entries(paid, gel("1.37"))]

    def work(uow: UnitOfWork) -> Invoice:
        uow.books.post(posted)
        serial = uow.books.next_serial("INV-2026")
        invoice = Invoice.of(
            an_order(order_id="SUB-1"),
            gel("9.00"),
            NOW,
            series="INV-2026",
            serial=serial,
            buyer=Party(name="Acme", identification_code="404123456", address="Tbilisi"),
            seller=Seller(party=Party(name="EchoDesk", address="Tbilisi"), vat_percent=Decimal(18)),
            period=Period(number=0, start=NOW, end=LATER),
        )
        uow.books.issue(invoice)
        return invoice

    issued = await storage.transact(work)
    assert list(await storage.read(lambda uow: uow.books.of_order("SUB-1"))) == list(posted)
    assert await storage.read(lambda uow: uow.books.balance(BANK)) == {Currency.GEL: gel("9.00")}
    assert await storage.read(lambda uow: uow.books.balance("tenant:acme")) == {Currency.GEL: gel("0.00")}
    (found,) = await storage.read(lambda uow: uow.books.invoices_of("acme", 9))
    assert (evolve(found, id=0), found.number) == (issued, "INV-2026-000001")
    assert found.details.vat == gel("1.37")
    assert await storage.read(lambda uow: uow.books.invoice_of_order("SUB-1")) == found
    assert await storage.read(lambda uow: uow.books.invoice_of_order("SUB-2")) is None


async def test_credit_notes_come_back_by_tenant(storage: Storage) -> None:
    issued = Invoice.of(
        an_order(), gel("9.00"), NOW, series="INV-2026", serial=1, buyer=Party(name="Acme"), seller=Seller()
    )
    notes = [
        CreditNote.of(issued, gel("1.00"), gel("1.00"), NOW, series="CN-2026", serial=serial, reason="unhappy")
        for serial in (1, 2)
    ]

    def work(uow: UnitOfWork) -> None:
        for note in notes:
            uow.books.issue_credit_note(note)

    await storage.transact(work)
    newest, oldest = await storage.read(lambda uow: uow.books.credit_notes_of("acme", 9))
    assert [evolve(one, id=0) for one in (oldest, newest)] == notes
    assert await storage.read(lambda uow: uow.books.credit_notes_of(None, 9, before=newest.id)) == [oldest]
    assert await storage.read(lambda uow: uow.books.credit_notes_of("other", 9)) == []
    assert await storage.read(lambda uow: uow.books.credit_note(newest.id, "acme")) == newest
    assert await storage.read(lambda uow: uow.books.credit_note(newest.id, "other")) is None
    assert await storage.read(lambda uow: list(uow.books.invoices_of("globex", 9))) == []


async def test_a_number_taken_in_a_transaction_that_fails_is_taken_again(storage: Storage) -> None:
    def fail(uow: UnitOfWork) -> None:
        assert uow.books.next_serial("INV-2026") == 1
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await storage.transact(fail)
    assert await storage.transact(lambda uow: uow.books.next_serial("INV-2026")) == 1
    assert await storage.transact(lambda uow: uow.books.next_serial("INV-2026")) == 2
    assert await storage.transact(lambda uow: uow.books.next_serial("INV-2027")) == 1


def _swapped(page: Callable[[UnitOfWork, Any], Sequence[Any]], last: Any, uow: UnitOfWork) -> Sequence[Any]:
    return page(uow, last)


async def test_every_list_has_pages(storage: Storage) -> None:
    names = [f"tenant{number}" for number in range(7)]

    def fill(uow: UnitOfWork) -> None:
        for number, name in enumerate(names):
            uow.subscriptions.add(
                evolve(
                    running(), tenant_id=name, state=SubscriptionState.ENDED if number % 2 else SubscriptionState.ACTIVE
                )
            )
            order = an_order(order_id=f"SUB-{number:012}", tenant_id=name, idempotency_key=f"key-{number}")
            order.created_at = NOW + timedelta(days=number // 2)
            order.attention = ("odd",) if number > 3 else ()
            uow.orders.add(order)
            card = Card(
                tenant_id=name,
                order_id=order.id,
                bank_order_id=order.id,
                kind=SaveCard.AUTOMATIC,
                mandate=gel("1.00"),
                masked_number="4***1",
                brand="visa",
                expiry="12/30",
                saved_at=NOW,
            )
            uow.cards.add(card)
            whole = {"series": "INV-2026", "serial": number + 1, "buyer": Party(name="Acme"), "seller": Seller()}
            issued = Invoice.of(order, gel("1.00"), NOW, **whole)  # type: ignore[arg-type]
            uow.books.issue(issued)
            at = NOW + timedelta(seconds=number)
            uow.inbox.record(InboxEntry(digest=f"{number}", verdict="valid", outcome="unknown order", at=at))
        uow.inbox.record(InboxEntry(digest="x", verdict="valid", outcome="applied", at=NOW))

    await storage.transact(fill)

    async def walk(
        page: Callable[[UnitOfWork, Any], Sequence[Any]], cursor: Callable[[Any], Any], start: Any
    ) -> list[Any]:
        """All of a list, three at a time."""
        found: list[Any] = []
        last = start
        while batch := await storage.read(partial(_swapped, page, last)):
            found += batch
            last = cursor(found[-1])
        return found

    subscriptions = await walk(lambda uow, last: uow.subscriptions.listed(last, None, 3), lambda one: one.tenant_id, "")
    assert [one.tenant_id for one in subscriptions] == names
    ended = await storage.read(lambda uow: uow.subscriptions.listed("tenant1", SubscriptionState.ENDED, 3))
    assert [one.tenant_id for one in ended] == ["tenant3", "tenant5"]
    orders = await walk(lambda uow, last: uow.orders.listed(None, None, 3, before=last), lambda one: one.id, "")
    assert [one.tenant_id for one in orders] == names[::-1]
    odd = await walk(
        lambda uow, last: uow.orders.listed(None, None, 2, before=last, attention=True), lambda one: one.id, ""
    )
    assert [one.tenant_id for one in odd] == names[:3:-1]
    for page in (
        lambda uow, last: uow.cards.listed(None, last, 3),
        lambda uow, last: uow.books.invoices_of(None, 3, before=last),
    ):
        assert [one.tenant_id for one in await walk(page, lambda one: one.id, 0)] == names[::-1]
    assert [one.tenant_id for one in await storage.read(lambda uow: uow.cards.listed("tenant2", 0, 3))] == ["tenant2"]
    assert await storage.read(lambda uow: uow.books.invoices_of("tenant2", 3, before=1)) == []
    callbacks = await walk(lambda uow, last: uow.inbox.unapplied(last, 3), lambda one: one.at, None)
    assert [one.digest for one in callbacks] == [str(number) for number in range(6, -1, -1)]


async def test_a_card_keeps_the_id_that_it_is_given_where_that_is_free(storage: Storage) -> None:
    def a_card(order_id: str, number: int = 0) -> Card:
        return Card(
            id=number,
            tenant_id="acme",
            order_id=order_id,
            bank_order_id=order_id,
            kind=SaveCard.AUTOMATIC,
            mandate=gel("1.00"),
            masked_number="4***1",
            brand="visa",
            expiry="12/30",
            saved_at=NOW,
        )

    async def add(card: Card) -> int:
        return (await storage.transact(lambda uow: uow.cards.add(evolve(card)))).id

    assert [await add(a_card("one", 70)), await add(a_card("two", 5)), await add(a_card("one", 8))] == [70, 5, 70]
    later = await add(a_card("three"))
    taken = await add(a_card("four", 70))
    assert later > 70
    assert taken > later
