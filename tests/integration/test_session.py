"""What a unit of work writes waits, and goes together; nothing is read before it is written."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from echodesk_billing.adapters.sql.postgres import PostgresStorage
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.ports.storage import InboxEntry, Storage, UnitOfWork
from tests.builders import NOW, an_order, gel, report
from tests.integration.plans import sent
from tests.unit.conftest import World

ODD = "\"quoted\" 'single' :name %s \\ ${} <b> ქართული 🎉\n\t"


async def test_writes_are_visible_in_the_same_transaction(storage: Storage) -> None:
    def work(uow: UnitOfWork) -> tuple[Any, ...]:
        order = an_order()
        uow.orders.add(order)
        first = uow.orders.get(order.id, order.tenant_id)
        order.observe(report(BankStatus.COMPLETED), NOW)
        uow.orders.save(order)
        return first, uow.orders.get(order.id, None), uow.orders.history(order.id), order

    _, second, history, order = await storage.transact(work)
    assert second == order
    assert [step.event for step in history] == ["create", "begin", "complete"]


async def test_a_row_saved_twice_is_as_it_was_saved_last(storage: Storage) -> None:
    def work(uow: UnitOfWork) -> None:
        order = an_order()
        uow.orders.add(order)
        for status in (BankStatus.CREATED, BankStatus.COMPLETED):
            order.observe(report(status), NOW)
            uow.orders.save(order)

    await storage.transact(work)
    found = await storage.read(lambda uow: uow.orders.get(an_order().id, None))
    assert found is not None
    assert (found.state, found.version) == (OrderState.COMPLETED, 3)


async def test_any_text_and_the_largest_amounts_come_back(storage: Storage) -> None:
    order = an_order(amount=gel("9999999999.99"))
    order.called("create", "in_doubt", NOW, ODD)
    order.payment_url = ODD
    steps = list(order.steps)
    await storage.transact(lambda uow: uow.orders.add(order))
    found, history = await storage.read(lambda uow: (uow.orders.get(order.id, None), uow.orders.history(order.id)))
    assert found == evolve(order, steps=[])
    assert list(history) == steps


async def test_a_payment_costs_two_statements_on_postgres(world: World) -> None:
    """Order, subscription and customer; and all that is written, with the invoice's number."""
    order = await world.buy()
    world.bank.pay(order)
    receipt = await world.bank.receipt((await world.order(order.id)).bank_order_id or "")
    callback = InboxEntry(digest="d" * 64, verdict="valid", outcome="applied", at=NOW)
    assert isinstance(world.storage, PostgresStorage)
    async with sent(world.storage) as statements:
        await world.settlement.apply(receipt, callback)
    assert [sql.split("(")[0] for sql, _ in statements] == ["WITH found AS \n", "WITH taken AS "]
    assert (await world.order(order.id)).state is OrderState.COMPLETED
