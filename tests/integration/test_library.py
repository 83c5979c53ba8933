"""The library as a CRM embeds it, with and without an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import threading
import uuid
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bog_sandbox.callbacks import Signer
from echodesk_billing import (
    Applicant,
    BasketItem,
    Billing,
    BillingError,
    CallbackRefused,
    CardNotFound,
    Currency,
    Event,
    InvalidSelection,
    InvalidTenant,
    InvoiceNotFound,
    Limits,
    Money,
    NoActiveSubscription,
    OrderCompleted,
    OrderNotFound,
    Package,
    PaymentOptions,
    PricingModel,
    Split,
    SplitPart,
    StorageUnavailable,
    Usage,
    load_settings,
)
from echodesk_billing.container import open_container
from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.sync import Billing as SyncBilling
from tests.builders import catalogue
from tests.integration.conftest import service_environment
from tests.integration.parts import Bank, prepare, run_python


@pytest.fixture
async def environment(bank: Bank, tmp_path: Path) -> dict[str, str]:
    return await service_environment(bank, f"sqlite:///{tmp_path}/db.sqlite3", Signer())


async def callback_of(bank: Bank, bank_order_id: str, **card: str) -> tuple[bytes, str]:
    """Pay an order whose callback goes nowhere; gives the callback."""
    await bank.fault("callback", "drop")
    await bank.pay(bank_order_id, **card)
    (callback,) = await bank.callbacks(bank_order_id)
    return callback["body"].encode(), callback["signature"]


HUGE = 10**30
ODD = (
    *(None, True, 5, -1, HUGE, 1.5, float("nan"), Decimal("NaN"), Decimal("1e40"), "", "x", "\0", "a" * 10_000, b"x"),
    *([], {}, [5], date.min, date.max, timedelta.min, timedelta.max, object()),
)
USUAL = {
    "tenant_id": "acme",
    "package_id": 1,
    "when": "later",
    "invoice_id": 1,
    "note_id": 1,
    "days": 5,
    "raw_body": b"{}",
    "signature": None,
    "catalogue": catalogue(),
    "applicant": Applicant(schema_name="other", name="Other", admin_email="a@b.example"),
}


async def test_no_argument_of_any_method_makes_anything_but_an_error_of_the_library(tmp_path: Path) -> None:
    async with Billing.open({"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}) as billing:
        await billing.load_catalogue(catalogue())
        for name, method in inspect.getmembers(billing, inspect.iscoroutinefunction):
            if name.startswith("_"):
                continue
            parameters = inspect.signature(method).parameters.values()
            needed = {one.name: USUAL.get(one.name, "x") for one in parameters if one.default is one.empty}
            for parameter, odd in itertools.product(parameters, ODD):
                raised = await raised_by(method(**{**needed, parameter.name: odd}))
                is_ours = isinstance(raised, BillingError) and not isinstance(raised, StorageUnavailable)
                assert raised is None or is_ours, f"{name}({parameter.name}={odd!r}) raised {raised!r}"


async def raised_by(call: Awaitable[object]) -> Exception | None:
    try:
        await call
    except Exception as error:  # noqa: BLE001
        return error
    return None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Applicant(schema_name=5, name="Other", admin_email="a@b.example"),  # type: ignore[arg-type]
        lambda: Applicant(schema_name="other", name=None, admin_email="a@b.example"),  # type: ignore[arg-type]
        lambda: Money.parse(None),  # type: ignore[arg-type]
        lambda: Money.from_minor(1.5, Currency.GEL),  # type: ignore[arg-type]
        lambda: Money.from_minor(HUGE, Currency.GEL),
        lambda: Money(Decimal(1)) + 1,  # type: ignore[operator]
        lambda: Money(Decimal(1)) < 1,  # type: ignore[operator]
        lambda: SplitPart(iban="GE", percent="many"),  # type: ignore[arg-type]
        lambda: Split(parts=None),  # type: ignore[arg-type]
        lambda: PaymentOptions(methods="card"),  # type: ignore[arg-type]
        lambda: BasketItem(product_id="x", quantity="2", unit_price=Money(Decimal(1))),  # type: ignore[arg-type]
        lambda: Package(id="1", name="n", display_name="n", pricing_model=PricingModel.CRM, prices={}),  # type: ignore[arg-type]
        lambda: Limits(max_users="many"),  # type: ignore[arg-type]
        lambda: Selection(features="tickets"),  # type: ignore[arg-type]
        lambda: Selection(package_id=1, seats="3"),  # type: ignore[arg-type]
    ],
)
def test_values_of_a_wrong_type_are_rejected_at_construction(wrong: Callable[[], object]) -> None:
    with pytest.raises(BillingError):
        wrong()


@pytest.mark.parametrize("face", [Billing, SyncBilling])
async def test_an_invalid_event_handler_is_rejected_at_once(face: type[Billing], tmp_path: Path) -> None:
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    async with contextlib.AsyncExitStack() as stack:
        opened = face.open(settings)
        billing = await stack.enter_async_context(opened) if face is Billing else opened
        for kind, handler in ((str, print), ("OrderCompleted", print), (OrderCompleted, "print")):
            with pytest.raises(BillingError):
                billing.on(kind, handler)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda one: one.checkout(tenant_id="acme", package_id=1, currency="XYZ"), InvalidSelection),
        (lambda one: one.checkout(tenant_id="acme", package_id=1, save_card="maybe"), InvalidSelection),
        (lambda one: one.checkout(tenant_id="acme", package_id=1, capture="later"), InvalidSelection),
        (lambda one: one.checkout(tenant_id="acme", package_id=1, wallet="paper"), InvalidSelection),
        (lambda one: one.checkout(tenant_id="acme", package_id=1, card_id=HUGE), CardNotFound),
        (lambda one: one.checkout(tenant_id="acme", package_id=1, seats=HUGE), InvalidSelection),
        (lambda one: one.change_plan("acme", "soon", seats=2), InvalidSelection),
        (lambda one: one.change_plan("acme", "later", seats=0), InvalidSelection),
        (lambda one: one.start_trial("acme", package_id=1, currency=""), InvalidSelection),
        (lambda one: one.forget_card("acme", HUGE), CardNotFound),
        (lambda one: one.forget_card("acme", -HUGE), CardNotFound),
        (lambda one: one.invoice_pdf("acme", HUGE), InvoiceNotFound),
    ],
)
async def test_invalid_arguments_raise_errors_of_the_library(
    environment: dict[str, str],
    bank: Bank,
    wrong: Callable[[Billing], Awaitable[object]],
    error: type[BillingError],
) -> None:
    async with Billing.open(environment) as billing:
        await billing.load_catalogue(catalogue())
        bought = await billing.checkout(tenant_id="acme", package_id=1, seats=3)
        await billing.receive_callback(*(await callback_of(bank, bought.bank_order_id or "")))
        with pytest.raises(error):
            await wrong(billing)
        assert list(await billing.due(HUGE)) == list(await billing.due(-HUGE)) == []


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


FORKS = """
import os, threading
from echodesk_billing import load_settings
from echodesk_billing.sync import Billing

results = os.open(os.environ["RESULTS"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)

def say(line):
    os.write(results, (line + chr(10)).encode())  # whole lines, from all processes

def buy(name):
    say(f"{name} {billing.checkout(tenant_id=name, package_id=1).state.value}")

def fork(name):
    child = os.fork()
    if child == 0:
        buy(name)
        os._exit(0)
    return child

billing = Billing.open(load_settings())
buy("before")
children = [fork("one"), fork("two")]
with billing._lock:  # as a thread that starts billing has it
    children.append(fork("three"))
codes = [os.waitpid(child, 0)[1] for child in children]
buy("after")
billing.close()
say(str(codes))
"""


async def test_processes_that_are_forked_while_billing_runs_have_their_own_connections(
    bank: Bank, new_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> None:
    environment = await service_environment(bank, await new_database(), Signer())
    settings = load_settings(environment)
    async with open_container(settings) as container:
        await prepare(container, settings)
    results = tmp_path / "results"
    process = await run_python(tmp_path / "forks.log", {**environment, "RESULTS": str(results)}, FORKS)
    assert await asyncio.wait_for(process.process.wait(), 60) == 0, process.printed
    assert sorted(results.read_text().splitlines()) == [
        *("[0, 0, 0]", "after processing", "before processing", "one processing", "three processing"),
        "two processing",
    ]


async def test_usage_comes_from_the_crm(environment: dict[str, str]) -> None:
    async with Billing.open(environment, usage=TwoUsers()) as billing:
        assert (await billing.subscription("acme")).usage == Usage(users=2)
    async with Billing.open(environment) as billing:
        assert (await billing.subscription("acme")).usage == Usage()

    def without_a_loop() -> Usage:
        with SyncBilling.open(environment, usage=TwoUsers()) as billing:
            return billing.subscription("acme").usage

    assert await asyncio.to_thread(without_a_loop) == Usage(users=2)


def test_the_blocking_face_has_the_same_names_with_the_same_arguments() -> None:
    def face(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(kind, inspect.isroutine)
            if not name.startswith("_") and name not in ("open", "close")
        }

    assert face(Billing) == face(SyncBilling)


async def test_a_year_of_a_subscription_in_a_program_of_ones_own(environment: dict[str, str], bank: Bank) -> None:
    """Renewed by `renew`, found out by `reconcile`, told by handlers; no worker, no HTTP."""
    heard: list[str] = []
    async with Billing.open(environment) as billing:
        billing.on(Event, lambda event: heard.append(event.name))
        await billing.load_catalogue(catalogue())
        order = await billing.checkout(tenant_id="yearly", package_id=1, seats=2)
        await bank.fault("callback", "drop", times=1000)
        await bank.pay(order.bank_order_id or "")
        await billing.reconcile(older_than=timedelta(0))
        for month in range(1, 13):
            mine = await billing.subscription("yearly")
            assert mine.subscription is not None
            assert mine.subscription.paid_until is not None
            await bank.control("POST", "clock", {"advance": (mine.subscription.paid_until - mine.now).total_seconds()})
            assert [one.tenant_id for one in await billing.due()] == ["yearly"]
            (renewed,) = [one for one in await billing.renew() if one.order_id]
            assert (renewed.amount, renewed.obstacle) == (Money.parse("100.00"), None)
            await billing.reconcile(older_than=timedelta(0))
            assert (await billing.status(renewed.order_id or "", tenant_id="yearly")).period == month
        invoices = await billing.invoices("yearly")
        assert len(invoices) == 13
        assert (await billing.invoice_pdf("yearly", invoices[0].id, language="en")).startswith(b"%PDF")
        assert len(await billing.statement("yearly")) == 26
        day = local_date(invoices[0].issued_at, "Asia/Tbilisi")
        assert [one.differences for one in await billing.reconciliation_report(day)] == [()]
    assert heard.count("SubscriptionRenewed") == 12


@pytest.mark.parametrize("hangs", ["for a coroutine", "for a thread"])
async def test_a_hanging_handler_does_not_block_callers(environment: dict[str, str], hangs: str) -> None:
    let_go = threading.Event()

    async def waits(_: Event) -> None:
        await asyncio.Event().wait()

    async with Billing.open(environment) as billing:
        billing.on(Event, waits if hangs == "for a coroutine" else lambda _: let_go.wait())
        await billing.load_catalogue(catalogue())
        async with asyncio.timeout(10):
            for number in range(5):
                await billing.checkout(tenant_id=f"tenant-{number}", package_id=2)
            await billing.renew()
        let_go.set()


@pytest.mark.parametrize("tenant_id", ["evil.example/#", "", None, "Acme", "pg_catalog", "mine"])
async def test_an_invalid_tenant_reaches_neither_bank_nor_database(
    environment: dict[str, str], bank: Bank, tenant_id: str
) -> None:
    async with Billing.open({**environment, "BILLING_RESERVED_TENANTS": "mine"}) as billing:
        await billing.load_catalogue(catalogue())
        calls = len(await bank.control("GET", "calls"))
        with pytest.raises(InvalidTenant):
            await billing.checkout(tenant_id=tenant_id, package_id=2)
        with pytest.raises(InvalidTenant):
            await billing.subscription(tenant_id)
        with pytest.raises(InvalidTenant):
            await billing.charge(tenant_id)
        assert len(await bank.control("GET", "calls")) == calls


async def test_a_refund_with_an_id_is_made_once(environment: dict[str, str], bank: Bank) -> None:
    async with Billing.open(environment) as billing:
        await billing.load_catalogue(catalogue())
        order = await billing.checkout(tenant_id="acme", package_id=2, idempotency_key="first")
        assert (await billing.checkout(tenant_id="acme", package_id=2, idempotency_key="first")).id == order.id
        await bank.pay(order.bank_order_id or "")
        await billing.reconcile(older_than=timedelta(0))
        refund_id = str(uuid.uuid4())
        for _ in range(2):
            await billing.refund(order.id, Decimal("10.00"), refund_id=refund_id, by="nino")
        after = await billing.status(order.id, tenant_id="acme")
        assert [(one.amount, one.by) for one in after.refunds] == [(Money.parse("10.00"), "nino")]


def test_the_blocking_face_shows_the_real_signatures_and_texts() -> None:
    assert "idempotency_key" in inspect.signature(SyncBilling.checkout).parameters
    assert SyncBilling.checkout.__doc__ == Billing.checkout.__doc__


async def test_the_library_does_what_http_does_with_cards_features_events_and_tokens(
    environment: dict[str, str], bank: Bank
) -> None:
    async with Billing.open(environment) as billing:
        await billing.load_catalogue(catalogue())
        bought = await billing.checkout(tenant_id="acme", features=["tickets"], seats=2)
        assert bought.bank_order_id is not None
        await billing.receive_callback(*await callback_of(bank, bought.bank_order_id))
        changed = await billing.add_feature("acme", 2, "later", by="nino")
        assert changed.preview.plan.features == ("calls", "tickets")
        await billing.drop_scheduled_change("acme", by="nino")
        added = await billing.add_card("acme", make_default=True, by="nino")
        assert added.bank_order_id is not None
        await billing.receive_callback(*await callback_of(bank, added.bank_order_id, card="5300000000000001"))
        _, second = await billing.cards("acme")
        assert (await billing.set_default_card("acme", second.id, by="nino")).id == second.id
        told = await billing.events("acme")
        assert [event.by for event in told if event.name == "DefaultCardChosen"] == ["nino@acme"]
        assert await billing.events("acme", after=told[-1].id) == []
        assert (await billing.timeline(bought.id)).order.id == bought.id
        token = await billing.issue_token("acme", user_id="nino", scopes=["billing:read"], by="giorgi")
        (stored,) = await billing.tokens("acme")
        assert (stored.principal.user_id, stored.issued_by, token.startswith(stored.prefix)) == ("nino", "giorgi", True)
        assert await billing.revoke_tokens(stored.prefix, by="giorgi") == 1
        with pytest.raises(InvalidSelection, match="scopes"):
            await billing.issue_token("acme", scopes=["everything"])
