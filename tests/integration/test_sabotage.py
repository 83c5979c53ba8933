"""Protections that only a real database has, switched off: what notices, and what stands behind what."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from echodesk_billing import SaveCard
from echodesk_billing.adapters.sql import writing
from echodesk_billing.adapters.sql.inbox import SqlInbox
from echodesk_billing.adapters.sql.optimistic import OptimisticSession
from echodesk_billing.adapters.sql.orders import SqlOrders, order_values, orders
from echodesk_billing.adapters.sql.subscriptions import (
    SqlSubscriptions,
    subscription_values,
    subscriptions,
    to_subscription,
)
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.application.settled import Outcome
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions.subscription import Subscription
from tests.builders import principal
from tests.unit.conftest import World

AT_ONCE = 12
Patch = pytest.MonkeyPatch


async def paid_at_once(world: World) -> tuple[Order, list[Any]]:
    """One payment, reported many times at the same moment; gives the order and what each report came to."""
    order = await world.buy()
    world.bank.pay(order)
    receipt = await world.bank.receipt((await world.order(order.id)).bank_order_id or "")
    found = await asyncio.gather(*(world.settlement.apply(receipt) for _ in range(AT_ONCE)), return_exceptions=True)
    return order, found


def applied(found: list[Any]) -> int:
    return sum(1 for one in found if getattr(one, "outcome", None) is Outcome.APPLIED)


def without_row_locks(patch: Patch) -> None:
    """Reads before a change see what others are about to change."""

    def order(self: Any, external_order_id: str | None, bank_order_id: str) -> Order | None:
        found = self.get(external_order_id or bank_order_id, None)
        self._session.execute(text("SELECT pg_sleep(0.1)"))  # everybody has read before anybody writes
        return found  # type: ignore[no-any-return]

    def subscription(self: Any, tenant_id: str) -> Subscription:
        query = select(subscriptions).where(subscriptions.c.tenant_id == tenant_id)
        found = to_subscription(self._session.execute(query).one())
        self._session.execute(text("SELECT pg_sleep(0.1)"))
        return found

    look = SqlOrders.open_renewal

    def open_renewal(self: Any, tenant_id: str, period: int) -> Order | None:
        found = look(self, tenant_id, period)
        self._session.execute(text("SELECT pg_sleep(0.3)"))
        return found

    patch.setattr(SqlOrders, "open_renewal", open_renewal)
    patch.setattr(SqlOrders, "lock", order)
    patch.setattr(SqlSubscriptions, "lock", subscription)


def without_versions(patch: Patch) -> None:
    """What others saved meanwhile is written over."""

    def order(self: Any, order: Order) -> None:
        order.version += 1
        query = update(orders).where(orders.c.id == order.id)
        self._session.execute(query.values(order_values(order)))
        self._add_steps(order)

    def subscription(self: Any, subscription: Subscription) -> None:
        subscription.version += 1
        query = update(subscriptions).where(subscriptions.c.tenant_id == subscription.tenant_id)
        self._session.execute(query.values(subscription_values(subscription)))

    patch.setattr(SqlOrders, "save", order)
    patch.setattr(SqlSubscriptions, "save", subscription)


async def altered(world: World, statement: str) -> None:
    """Change the tables, as a statement says."""
    await world.storage.transact(lambda uow: uow.orders._session.execute(text(statement)))  # type: ignore[attr-defined]


async def without_constraint(world: World, name: str) -> None:
    await altered(world, f"DROP INDEX {name}")


async def test_with_everything_on_many_reports_have_one_effect(world: World) -> None:
    order, found = await paid_at_once(world)
    assert (applied(found), len(await world.views.invoices(_who(order)))) == (1, 1)


async def test_the_version_protects_behind_the_row_lock(world: World, monkeypatch: Patch) -> None:
    without_row_locks(monkeypatch)
    order, found = await paid_at_once(world)
    assert (applied(found), len(await world.views.invoices(_who(order)))) == (1, 1)


async def test_without_row_lock_and_version_a_payment_has_its_effect_twice_and_that_is_noticed(
    world: World, monkeypatch: Patch
) -> None:
    """Behind both stands the one invoice an order may have: the second effect fails as a whole."""
    without_row_locks(monkeypatch)
    without_versions(monkeypatch)
    await without_unique_invoices(world)
    order, found = await paid_at_once(world)
    assert applied(found) > 1
    assert len(await world.views.invoices(_who(order))) > 1


def without_guards(patch: Patch) -> None:
    """The one statement of a unit of work writes, whether it finds the rows that it updates or not."""
    patch.setattr(writing, "_guards", lambda _: "")
    writing._together.cache_clear()


async def without_unique_invoices(world: World) -> None:
    await altered(world, "ALTER TABLE invoices DROP CONSTRAINT uq_invoices_order_id")


@pytest.fixture
def all_have_read(monkeypatch: Patch) -> Iterator[None]:
    """Everybody has read before anybody writes."""
    read = OptimisticSession.lock

    def lock(self: Any, statement: Any, **values: Any) -> Any:
        found = read(self, statement, **values)
        self._driver.core.execute(text("SELECT pg_sleep(0.1)"))
        return found

    monkeypatch.setattr(OptimisticSession, "lock", lock)
    yield
    writing._together.cache_clear()


@pytest.mark.usefixtures("all_have_read")
async def test_the_guard_of_the_statement_alone_protects(world: World) -> None:
    await without_unique_invoices(world)
    order, found = await paid_at_once(world)
    assert (applied(found), len(await world.views.invoices(_who(order)))) == (1, 1)


@pytest.mark.usefixtures("all_have_read")
async def test_without_the_guard_the_one_invoice_of_an_order_protects(world: World, monkeypatch: Patch) -> None:
    without_guards(monkeypatch)
    order, found = await paid_at_once(world)
    assert (applied(found), len(await world.views.invoices(_who(order)))) == (1, 1)


@pytest.mark.usefixtures("all_have_read")
async def test_without_guard_and_unique_key_there_are_two_invoices_and_that_is_noticed(
    world: World, monkeypatch: Patch
) -> None:
    without_guards(monkeypatch)
    await without_unique_invoices(world)
    order, found = await paid_at_once(world)
    assert applied(found) > 1
    assert len(await world.views.invoices(_who(order))) > 1


@pytest.fixture
def all_have_seen_the_same_orders(monkeypatch: Patch) -> None:
    """Everybody has looked for an order like theirs before anybody stores one."""
    look = SqlOrders.open_of

    def open_of(self: Any, tenant_id: str) -> Any:
        found = look(self, tenant_id)
        self._session._driver.core.execute(text("SELECT pg_sleep(0.2)"))
        return found

    monkeypatch.setattr(SqlOrders, "open_of", open_of)


@pytest.fixture
def nobody_raises_versions(monkeypatch: Patch) -> None:
    """Two decisions on one row do not collide."""
    monkeypatch.setattr(OptimisticSession, "_raise_versions", lambda _: None)


async def bought_before(world: World) -> None:
    """A payment that was started and left: too long ago to be taken for the same click."""
    await world.buy()
    world.clock.moment += timedelta(minutes=2)


async def clicked_at_once(world: World, key: str | None = None) -> int:
    """One button, clicked many times at the same moment; gives how many orders there are then."""
    await asyncio.gather(*(world.buy(key=key) for _ in range(AT_ONCE)), return_exceptions=True)
    return len(await world.orders())


@pytest.mark.usefixtures("all_have_seen_the_same_orders")
@pytest.mark.parametrize("is_known", [False, True], ids=["a new customer", "a known customer"])
async def test_many_clicks_at_once_make_one_order(world: World, is_known: bool) -> None:
    if is_known:
        await bought_before(world)
    assert await clicked_at_once(world) == 1 + is_known


@pytest.mark.usefixtures("all_have_seen_the_same_orders", "nobody_raises_versions")
async def test_without_versions_that_are_raised_many_clicks_make_many_orders_and_that_is_noticed(world: World) -> None:
    await bought_before(world)
    assert await clicked_at_once(world) > 2


@pytest.mark.usefixtures("all_have_seen_the_same_orders")
async def test_without_the_key_of_subscriptions_a_new_customers_clicks_make_many_orders_and_that_is_noticed(
    world: World,
) -> None:
    await altered(world, "ALTER TABLE subscriptions DROP CONSTRAINT pk_subscriptions CASCADE")
    assert await clicked_at_once(world) > 1


@pytest.mark.usefixtures("all_have_seen_the_same_orders", "nobody_raises_versions")
async def test_without_versions_that_are_raised_the_key_of_the_caller_protects(world: World) -> None:
    await bought_before(world)
    assert await clicked_at_once(world, key="one") == 2


@pytest.mark.usefixtures("all_have_seen_the_same_orders", "nobody_raises_versions")
async def test_without_its_unique_index_the_key_of_the_caller_makes_many_orders_and_that_is_noticed(
    world: World,
) -> None:
    await bought_before(world)
    await altered(world, "ALTER TABLE orders DROP CONSTRAINT uq_orders_idempotency_key")
    assert await clicked_at_once(world, key="one") > 2


async def charged_at_once(world: World) -> list[Order]:
    """A renewal that is due, tended by many at the same moment; gives the charges that were made."""
    await world.buy_and_pay(terms=Terms(save_card=SaveCard.AUTOMATIC))
    world.clock.advance(days=28)
    await asyncio.gather(*(world.renew.tend("acme") for _ in range(AT_ONCE)), return_exceptions=True)
    return [order for order in await world.orders() if order.purpose is Purpose.RENEWAL]


async def test_with_everything_on_many_workers_make_one_charge(world: World) -> None:
    assert len(await charged_at_once(world)) == 1


async def test_the_lock_alone_makes_one_charge(world: World) -> None:
    await without_constraint(world, "uq_orders_renewal_period")
    assert len(await charged_at_once(world)) == 1


async def test_the_constraint_alone_makes_one_charge(world: World, monkeypatch: Patch) -> None:
    without_row_locks(monkeypatch)
    without_versions(monkeypatch)
    assert len(await charged_at_once(world)) == 1


async def test_without_lock_version_and_constraint_there_are_two_charges_and_that_is_noticed(
    world: World, monkeypatch: Patch
) -> None:
    without_row_locks(monkeypatch)
    without_versions(monkeypatch)
    await without_constraint(world, "uq_orders_renewal_period")
    assert len(await charged_at_once(world)) > 1


async def test_without_the_inbox_a_duplicate_is_processed_twice_and_that_is_noticed(
    world: World, monkeypatch: Patch
) -> None:
    order = await world.buy_and_pay()
    body = world.bank.callback((await world.order(order.id)).bank_order_id or "")
    assert (await world.callbacks.receive(body, "good")).outcome is Outcome.DUPLICATE
    monkeypatch.setattr(SqlInbox, "record", lambda *_: True)
    assert (await world.callbacks.receive(body, "good")).outcome is not Outcome.DUPLICATE


def _who(order: Order) -> Any:
    return principal(order.tenant_id)
