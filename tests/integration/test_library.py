"""The library as a CRM embeds it, with and without an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bog_sandbox.callbacks import Signer
from echodesk_billing import (
    Billing,
    CallbackRefused,
    Event,
    InvalidSelection,
    Money,
    NoActiveSubscription,
    OrderCompleted,
    OrderNotFound,
    StorageUnavailable,
    Usage,
)
from echodesk_billing.sync import Billing as SyncBilling
from tests.builders import catalogue
from tests.integration.conftest import service_environment
from tests.integration.parts import Bank


@pytest.fixture
async def environment(bank: Bank, tmp_path: Path) -> dict[str, str]:
    return await service_environment(bank, f"sqlite:///{tmp_path}/db.sqlite3", Signer())


async def callback_of(bank: Bank, bank_order_id: str) -> tuple[bytes, str]:
    """Pay an order whose callback goes nowhere; gives the callback."""
    await bank.fault("callback", "drop")
    await bank.pay(bank_order_id)
    (callback,) = await bank.callbacks(bank_order_id)
    return callback["body"].encode(), callback["signature"]


async def test_a_payment_in_a_program_with_an_event_loop(environment: dict[str, str], bank: Bank) -> None:
    heard: list[Event] = []
    async with Billing.open(environment) as billing:
        billing.on(OrderCompleted, heard.append)
        await billing.load_catalogue(catalogue())
        order = await billing.checkout(tenant_id="acme", tenant_name="Acme LLC", package_id=1, seats=3)
        assert order.amount == Money.parse("150.00")
        body, signature = await callback_of(bank, order.bank_order_id or "")
        with pytest.raises(CallbackRefused):
            await billing.receive_callback(body + b" ", signature)
        await billing.receive_callback(body, signature)
        assert [event.name for event in heard] == ["OrderCompleted"]
        assert (await billing.status(order.id, tenant_id="acme")).is_paid
        with pytest.raises(OrderNotFound):
            await billing.status(order.id, tenant_id="globex")
        view = await billing.subscription("acme")
        assert view.subscription is not None
        assert view.subscription.has_access(view.now)
        assert (await billing.cancel("acme")).state == "cancelled"
        with pytest.raises(NoActiveSubscription):
            await billing.cancel("globex")
        assert await billing.reconcile() == []


async def test_a_handler_that_fails_gets_its_event_again(environment: dict[str, str]) -> None:
    heard: list[str] = []

    def handler(event: Event) -> None:
        heard.append(event.id)
        if len(heard) == 1:
            raise RuntimeError("the CRM is down")

    async with Billing.open(environment) as billing:
        billing.on(Event, handler)
        await billing.load_catalogue(catalogue())
        await billing.checkout(tenant_id="acme", package_id=2)
        assert len(heard) == 1
        assert await billing.deliver_events() == 0


async def test_postgresql_that_is_not_migrated_is_refused(
    environment: dict[str, str], new_database: Callable[[], Awaitable[str]]
) -> None:
    with pytest.raises(StorageUnavailable, match="run echodesk-billing migrate"):
        async with Billing.open({**environment, "DATABASE_URL": await new_database()}):
            pass


async def test_a_payment_in_a_program_without_an_event_loop(environment: dict[str, str], bank: Bank) -> None:
    heard: list[tuple[str, bool]] = []

    def handler(event: Event) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            heard.append((event.name, True))

    def start() -> tuple[SyncBilling, str, str]:
        billing = SyncBilling.open(environment)
        billing.on(OrderCompleted, handler)
        billing.load_catalogue(catalogue())
        order = billing.checkout(tenant_id="acme", package_id=1, seats=2)
        return billing, order.id, order.bank_order_id or ""

    billing, order_id, bank_order_id = await asyncio.to_thread(start)
    body, signature = await callback_of(bank, bank_order_id)

    def finish() -> None:
        with billing:
            billing.receive_callback(body, signature)
            assert heard == [("OrderCompleted", True)]
            assert billing.status(order_id, tenant_id="acme").is_paid
            assert billing.subscription("acme").subscription is not None
            assert billing.catalogue().version == 1
            assert billing.deliver_events() == 0
            assert billing.reconcile() == []
            with pytest.raises(InvalidSelection):
                billing.checkout(tenant_id="acme", package_id=99)
            assert billing.cancel("acme", immediately=True).state == "ended"

    await asyncio.to_thread(finish)


async def test_many_threads_share_one_sync_billing(environment: dict[str, str]) -> None:
    failures: list[BaseException] = []

    def work(billing: SyncBilling, number: int) -> None:
        try:
            for _ in range(5):
                billing.checkout(tenant_id=f"tenant-{number}", package_id=2)
                billing.subscription(f"tenant-{number}")
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)

    def run() -> None:
        with SyncBilling.open(environment) as billing:
            billing.load_catalogue(catalogue())
            threads = [threading.Thread(target=work, args=(billing, number)) for number in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    await asyncio.to_thread(run)
    assert failures == []


class TwoUsers:
    """What a CRM would count."""

    async def usage(self, tenant_id: str) -> Usage:
        return Usage(users=2 if tenant_id == "acme" else 0)


async def test_a_crm_tells_what_is_used(environment: dict[str, str]) -> None:
    async with Billing.open(environment, usage=TwoUsers()) as billing:
        assert (await billing.subscription("acme")).usage == Usage(users=2)
    async with Billing.open(environment) as billing:
        assert (await billing.subscription("acme")).usage == Usage()

    def without_a_loop() -> Usage:
        with SyncBilling.open(environment, usage=TwoUsers()) as billing:
            return billing.subscription("acme").usage

    assert await asyncio.to_thread(without_a_loop) == Usage(users=2)
