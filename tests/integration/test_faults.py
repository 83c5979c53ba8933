"""Each fault of the bank against each call that changes something: what the caller sees, and that both sides agree.

The table is generated: every fault times every call. After the fault is over and the orders in doubt were asked about,
the bank's receipts and our orders must say the same, and nothing may have happened twice.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import circuitbreaker
import pytest
import stamina
from attrs import define, evolve, field

from bog_sandbox.callbacks import Signer
from echodesk_billing import (
    Billing,
    Currency,
    GatewayError,
    GatewayNonsense,
    GatewayTimeout,
    GatewayUnavailable,
    Money,
)
from echodesk_billing.domain.accounting.journal import BANK
from echodesk_billing.domain.orders.order import Order
from tests.builders import catalogue
from tests.integration.conftest import service_environment
from tests.integration.parts import Bank

Seen = type[GatewayError] | None
TOKEN = "openid-connect/token"
OURS_BY_THEIRS = {
    "created": "processing",
    "processing": "processing",
    "completed": "completed",
    "partial_completed": "completed",
    "rejected": "rejected",
    "blocked": "blocked",
    "refunded": "refunded",
    "refunded_partially": "refunded_partially",
}


@define
class Fault:
    """What goes wrong. `seen` is what a caller gets whose answer has a body that must be read, `seen_bodiless` one
    whose answer counts by its status alone.
    """

    name: str
    kind: str
    seen: Seen
    seen_bodiless: Seen = None
    more: dict[str, Any] = field(factory=dict)
    on_token: bool = False


FAULTS = [
    Fault("no answer, no effect", "drop_before_effect", GatewayTimeout, GatewayTimeout),
    Fault("effect, no answer", "drop_after_effect", GatewayTimeout, GatewayTimeout),
    Fault("answer too late", "delay", GatewayTimeout, GatewayTimeout, {"seconds": 1.2}),
    Fault("slow drip", "slow", GatewayTimeout, None, {"seconds": 3}),
    Fault("500", "status", GatewayUnavailable, GatewayUnavailable, {"status": 500}),
    Fault("502 in HTML", "status", GatewayUnavailable, GatewayUnavailable, {"status": 502}),
    Fault("503", "status", GatewayUnavailable, GatewayUnavailable, {"status": 503}),
    Fault("429", "status", GatewayUnavailable, GatewayUnavailable, {"status": 429}),
    Fault("a redirect elsewhere", "status", GatewayNonsense, GatewayNonsense, {"status": 302}),
    Fault("200 with garbage", "garbage", GatewayNonsense, None),
    Fault("401 in flight", "expire_token", None, None, {"times": 1}),
    Fault("reset in the middle of the answer", "cut", GatewayTimeout, GatewayTimeout),
    Fault("200 without id and link", "empty", GatewayNonsense, None),
    Fault("201", "created", None, None),
    Fault("nobody listens", "address", GatewayUnavailable, GatewayUnavailable, {"address": "http://127.0.0.1:9"}),
    Fault("no TLS there", "address", GatewayUnavailable, GatewayUnavailable, {"address": "https://{bank}"}),
    Fault("token service down", "status", GatewayUnavailable, GatewayUnavailable, {"status": 503}, on_token=True),
]


@define
class Scene:
    """A CRM with the library, and the bank."""

    billing: Billing
    bank: Bank

    def look_for_the_bank_at(self, address: str) -> None:
        """Let the client call another address: one where nobody listens, or one that speaks no TLS."""
        gateway = self.billing._container.bank()
        gateway._access = evolve(gateway._access, api_base_url=f"{address}/payments/v1")

    async def sold(self, **more: Any) -> Order:
        """A payment that was made and found out."""
        order = await self.billing.checkout(tenant_id="acme", package_id=2, **more)
        await self.bank.pay(order.bank_order_id or "")
        await self.billing.reconcile(older_than=timedelta(0))
        return await self.billing.status(order.id, tenant_id="acme")


Call = Callable[[], Awaitable[object]]


async def create(scene: Scene) -> Call:
    return lambda: scene.billing.checkout(tenant_id="acme", package_id=2, save_card="no")


async def create_and_save_card(scene: Scene) -> Call:
    return lambda: scene.billing.checkout(tenant_id="acme", package_id=2)


async def create_with_saved_card(scene: Scene) -> Call:
    await scene.sold(save_card="recurrent")
    (card,) = await scene.billing.cards("acme")
    return lambda: scene.billing.checkout(tenant_id="acme", package_id=2, card_id=card.id)


async def charge_automatically(scene: Scene) -> Call:
    await scene.sold()
    return lambda: scene.billing.charge("acme")


async def apple_pay(scene: Scene) -> Call:
    order = await scene.billing.checkout(tenant_id="acme", package_id=2, wallet="apple_pay", save_card="no")
    return lambda: scene.billing.complete_apple_pay(order.id, "from Apple", tenant_id="acme")


async def google_pay(scene: Scene) -> Call:
    return lambda: scene.billing.checkout(
        tenant_id="acme", package_id=2, wallet="google_pay", wallet_token="encrypted", save_card="no"
    )


async def refund(scene: Scene) -> Call:
    order = await scene.sold(save_card="no")
    return lambda: scene.billing.refund(order.id, Decimal("45.00"))


async def capture(scene: Scene) -> Call:
    order = await scene.sold(capture="manual", save_card="no")
    return lambda: scene.billing.capture(order.id, Decimal("100.00"))


async def release(scene: Scene) -> Call:
    order = await scene.sold(capture="manual", save_card="no")
    return lambda: scene.billing.release(order.id)


async def forget_card(scene: Scene) -> Call:
    await scene.sold()
    return lambda: scene.billing.forget_card("acme")


@define
class Changing:
    """A call that changes something at the bank, by a part of its path.

    The answer of a `bodiless` call is a status alone; that of an `unread` one has a body that says nothing new; a call
    that is `optional` fails without the caller's payment failing.
    """

    prepare: Callable[[Scene], Awaitable[Call]]
    path: str
    is_bodiless: bool = False
    is_unread: bool = False
    is_optional: bool = False

    def seen(self, fault: Fault) -> Seen:
        """What the caller should get."""
        if self.prepare is forget_card:  # it is removed here at once, and at the bank as soon as that answers
            return None
        if self.is_optional and not fault.on_token and fault.kind != "address":
            return None
        if self.is_unread and fault.kind == "slow":
            return GatewayTimeout
        return fault.seen_bodiless if self.is_bodiless or self.is_unread else fault.seen


CALLS = [
    Changing(create, "/ecommerce/orders"),
    Changing(create_and_save_card, "/subscriptions", is_bodiless=True, is_optional=True),
    Changing(create_with_saved_card, "/ecommerce/orders/"),
    Changing(charge_automatically, "/subscribe"),
    Changing(apple_pay, "/payment"),
    Changing(google_pay, "/ecommerce/orders"),
    Changing(refund, "/payment/refund/"),
    Changing(capture, "/authorization/approve/", is_unread=True),
    Changing(release, "/authorization/cancel/", is_unread=True),
    Changing(forget_card, "/charges/card/", is_bodiless=True),
]
TABLE = [pytest.param(call, fault, id=f"{call.prepare.__name__}: {fault.name}") for call in CALLS for fault in FAULTS]


@pytest.fixture
async def scene(bank: Bank, tmp_path: Path) -> AsyncIterator[Scene]:
    await bank.control("DELETE", "state")
    environment = await service_environment(bank, f"sqlite:///{tmp_path}/db.sqlite3", Signer())
    changes = {
        "API_DOMAIN": "http://127.0.0.1:9",  # nobody hears the callbacks: everything has to be found out
        "BILLING_BANK_TIMEOUT_SECONDS": "0.6",
        "BILLING_BREAKER_FAILURES": "1000",
    }
    with stamina.set_testing(True, attempts=3, cap=True):  # the three attempts without the pauses between them
        async with Billing.open({**environment, **changes}) as billing:
            await billing.load_catalogue(catalogue())
            yield Scene(billing, bank)


@pytest.mark.parametrize(("call", "fault"), TABLE)
async def test_each_fault_against_each_changing_call(scene: Scene, call: Changing, fault: Fault) -> None:
    act = await call.prepare(scene)
    more = {"times": 99, **fault.more}
    if fault.kind == "address":
        scene.look_for_the_bank_at(fault.more["address"].format(bank=scene.bank.url.removeprefix("http://")))
    elif fault.on_token:
        await scene.bank.fault("/payments/v1", "expire_token")
        await scene.bank.fault(TOKEN, fault.kind, **more)
    else:
        await scene.bank.fault(call.path, fault.kind, **more)
    assert await seen_by(act) is call.seen(fault)
    assert await broken_states(scene) == []

    await scene.bank.control("DELETE", "faults")
    scene.look_for_the_bank_at(scene.bank.url)
    is_told_once = call.prepare is google_pay  # its token is not kept: asking again cannot create it
    for _ in range(2):  # what was asked for in the first round has come about in the second
        found = await scene.billing.reconcile(older_than=timedelta(0))
        assert is_told_once or [one for one in found if one.problem] == []
        await scene.bank.control("POST", "clock", {"advance": 13 * 3600 if is_told_once else 61})
    await scene.billing.reconcile(older_than=timedelta(0))
    assert await disagreements(scene) == []
    assert await books(scene) == sum(map(held, await scene.bank.control("GET", "orders")), Money.parse("0.00"))
    assert await doubled(scene) == []


async def seen_by(act: Call) -> Seen:
    """What the caller of `act` gets: None for success."""
    try:
        await act()
    except GatewayError as error:
        return type(error) if type(error) in _KINDS else _KINDS[1]
    return None


_KINDS = (GatewayTimeout, GatewayUnavailable, GatewayNonsense)


async def orders(scene: Scene) -> list[Order]:
    """Our orders."""
    container = scene.billing._container
    return list(await container.storage().read(lambda uow: uow.orders.listed(None, None, 100)))


async def broken_states(scene: Scene) -> list[str]:
    """While in doubt: no order may be settled against what the bank holds."""
    theirs = {one["external_order_id"]: one for one in await scene.bank.control("GET", "orders")}
    return [order.id for order in await orders(scene) if order.is_paid and held(theirs[order.id]) != _left(order)]


async def disagreements(scene: Scene) -> list[str]:
    """Where the bank's receipts and our orders say different things."""
    ours = {order.id: order for order in await orders(scene)}
    found = []
    for receipt in await scene.bank.control("GET", "orders"):
        order = ours[receipt["external_order_id"]]
        units = receipt["purchase_units"]
        theirs = (
            OURS_BY_THEIRS[receipt["order_status"]["key"]],
            Money.parse(units["transfer_amount"]) if order.is_paid else None,
            Money.parse(units["refund_amount"]),
        )
        mine = (
            order.state.value,
            _left(order) if order.is_paid else None,
            order.refunded,
        )
        if theirs != mine or order.attention:
            found.append(f"{order.id}: the bank {theirs}, we {mine} {order.attention}")
    return found


def held(receipt: dict[str, Any]) -> Money:
    """What the bank keeps for us of an order."""
    units = receipt["purchase_units"]
    if receipt["order_status"]["key"] in ("blocked", "rejected") or units["transfer_amount"] is None:
        return Money.parse("0.00")
    return Money.parse(units["transfer_amount"])  # what is left after refunds


def _left(order: Order) -> Money:
    return (order.captured or Money.parse("0.00")) - order.refunded


async def books(scene: Scene) -> Money:
    """What our books say the bank keeps for us."""
    container = scene.billing._container
    balances = await container.storage().read(lambda uow: uow.books.balance(BANK))
    return balances.get(Currency.GEL, Money.parse("0.00"))


async def doubled(scene: Scene) -> list[str]:
    """What happened twice at the bank, or did not happen at all."""
    receipts = await scene.bank.control("GET", "orders")
    ids = [receipt["external_order_id"] for receipt in receipts]
    found = [order_id for order_id in set(ids) if ids.count(order_id) > 1]
    for receipt in receipts:
        kinds = [action["action"] for action in receipt["actions"] or []]
        found += [f"{receipt['order_id']}: {kind}" for kind in set(kinds) if kinds.count(kind) > 1]
    calls = await scene.bank.control("GET", "calls")
    deletes = [call for call in calls if call["method"] == "DELETE"]
    if deletes and not any((call["answer"] or {}).get("status") == 202 for call in deletes):
        found.append("a card was forgotten here and not at the bank")
    return found


async def test_a_dead_bank_costs_no_call_and_is_seen(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = await service_environment(bank, f"sqlite:///{tmp_path}/db.sqlite3", Signer())
    now = time.monotonic()
    monkeypatch.setattr(circuitbreaker, "monotonic", lambda: now)
    async with Billing.open(
        {**environment, "BILLING_BREAKER_FAILURES": "2", "BILLING_BREAKER_SECONDS": "0.5"}
    ) as billing:
        await billing.load_catalogue(catalogue())
        await bank.fault("/ecommerce/orders", "status", status=503, times=99)
        for number in range(2):
            with pytest.raises(GatewayUnavailable, match="HTTP 503"):
                await billing.checkout(tenant_id=f"tenant-{number}", package_id=2)
        calls = len(await bank.control("GET", "calls"))
        for number in range(20):
            with pytest.raises(GatewayUnavailable, match="failed 2 times in a row; calls to it are paused") as caught:
                await billing.checkout(tenant_id=f"other-{number}", package_id=2)
        assert caught.value.retry_after_seconds == 1
        assert len(await bank.control("GET", "calls")) == calls
        assert "paused" in str(billing._container.gateway().trouble)
        await bank.control("DELETE", "faults")
        now += 0.5
        assert billing._container.gateway().trouble is None
        assert (await billing.checkout(tenant_id="other-0", package_id=2)).payment_url
