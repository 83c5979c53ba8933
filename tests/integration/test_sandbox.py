"""The simulated bank by itself, called as the bank's documentation says."""

from __future__ import annotations

import asyncio
import base64
import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from attrs import Factory, define

from tests.integration.parts import Answer, Bank, Client, running_bank

V1 = "/payments/v1"
ORDER: dict[str, Any] = {
    "callback_url": "https://shop.example/callback",
    "external_order_id": "A-1",
    "purchase_units": {
        "currency": "GEL",
        "total_amount": 100.5,
        "basket": [{"product_id": "p", "quantity": 1, "unit_price": 100.5}],
    },
    "redirect_urls": {"success": "https://shop.example/ok", "fail": "https://shop.example/no"},
}


@pytest.fixture(scope="module")
async def alone(workspace: Path) -> AsyncIterator[Bank]:
    """A bank of these tests' own, whose callbacks are repeated quickly."""
    async with running_bank(workspace / "alone.log", "--seed", "7", "--retry-seconds", "0.05,0.05,0.05,0.05") as bank:
        yield bank


@define
class Merchant:
    """Somebody with a token, and a place where callbacks arrive."""

    bank: Bank
    client: Client
    callback_url: str
    answers: list[int] = Factory(list)
    heard: list[dict[str, Any]] = Factory(list)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.client.call(method, V1 + path, body, **headers)

    async def order(self, **changes: Any) -> str:
        body = {**ORDER, "callback_url": self.callback_url, **changes}
        answer = await self.call("POST", "/ecommerce/orders", body)
        assert answer.status == 200, answer.body
        order_id: str = answer.body["id"]
        return order_id

    async def receipt(self, order_id: str) -> dict[str, Any]:
        body: dict[str, Any] = (await self.call("GET", f"/receipt/{order_id}")).body
        return body

    async def told(self, number: int) -> list[str]:
        async with asyncio.timeout(5):
            while len(self.heard) < number:
                await asyncio.sleep(0.01)
        return [callback["body"]["order_status"]["key"] for callback in self.heard]


@pytest.fixture
async def merchant(alone: Bank) -> AsyncIterator[Merchant]:
    merchant = Merchant(alone, await signed_in(alone), "")

    async def callback(request: web.Request) -> web.Response:
        merchant.heard.append(await request.json())
        return web.Response(status=merchant.answers.pop(0) if merchant.answers else 200)

    app = web.Application()
    app.router.add_post("/callback", callback)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    merchant.callback_url = f"http://127.0.0.1:{runner.addresses[0][1]}/callback"
    yield merchant
    await alone.control("DELETE", "state")
    await runner.cleanup()


async def token(bank: Bank, user: str = "demo", password: str = "demo", grant: str = "client_credentials") -> Answer:
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    return await Client(bank.url, bank.http).call(
        "POST",
        "/auth/realms/bog/protocol/openid-connect/token",
        raw=f"grant_type={grant}".encode(),
        Authorization=f"Basic {basic}",
        Content_Type="application/x-www-form-urlencoded",
    )


@define
class _Bearer(Client):
    async def call(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> Answer:
        headers.setdefault("Authorization", f"Bearer {self.token}")
        return await Client.call(self, method, path, body, raw=raw, **headers)


async def signed_in(bank: Bank) -> Client:
    return _Bearer(bank.url, bank.http, (await token(bank)).body["access_token"])


async def test_a_token_is_given_for_good_credentials(alone: Bank) -> None:
    good = await token(alone)
    assert (good.status, good.body["token_type"], good.body["expires_in"]) == (200, "Bearer", 3600)
    bad = await token(alone, password="wrong")
    assert (bad.status, bad.body["error"]) == (401, "invalid_client")
    assert (await token(alone, grant="password")).status == 400


async def test_every_page_needs_a_token(alone: Bank) -> None:
    assert (await Client(alone.url, alone.http).get(f"{V1}/receipt/x")).status == 401


async def test_an_order_is_created_with_its_links(merchant: Merchant) -> None:
    answer = await merchant.call("POST", "/ecommerce/orders", {**ORDER, "callback_url": merchant.callback_url})
    order_id = answer.body["id"]
    assert answer.body["_links"] == {
        "details": {"href": f"{merchant.bank.url}{V1}/receipt/{order_id}"},
        "redirect": {"href": f"{merchant.bank.url}/?order_id={order_id}"},
    }
    receipt = await merchant.receipt(order_id)
    assert receipt["order_status"]["key"] == "created"
    assert receipt["purchase_units"]["request_amount"] == "100.5"
    assert receipt["purchase_units"]["transfer_amount"] is None
    assert receipt["payment_detail"]["transfer_method"]["key"] == ""
    assert (receipt["actions"], receipt["external_order_id"], receipt["lang"]) == (None, "A-1", "ka")


def changed(path: str, value: Any) -> dict[str, Any]:
    body = copy.deepcopy(ORDER)
    *above, last = path.split(".")
    inner: Any = body
    for part in above:
        inner = inner[int(part)] if isinstance(inner, list) else inner[part]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("callback_url", None),
        ("callback_url", "http://shop.example/callback"),
        ("callback_url", "shop.example"),
        ("purchase_units", None),
        ("purchase_units.total_amount", None),
        ("purchase_units.total_amount", 0),
        ("purchase_units.total_amount", -5),
        ("purchase_units.total_amount", 1.234),
        ("purchase_units.total_amount", 10**30),
        ("purchase_units.total_amount", 1e300),
        ("purchase_units.total_amount", "many"),
        ("purchase_units.total_amount", "NaN"),
        ("purchase_units.total_amount", "100.505"),
        ("purchase_units.total_amount", True),
        ("purchase_units.currency", "RUB"),
        ("purchase_units.basket", []),
        ("purchase_units.basket", None),
        ("purchase_units.basket.0.product_id", None),
        ("purchase_units.basket.0.quantity", 0),
        ("purchase_units.basket.0.unit_price", "one"),
        ("capture", "later"),
        ("ttl", 1),
        ("ttl", 1441),
        ("payment_method", ["cash"]),
        ("payment_method", ["bnpl"]),
        ("external_order_id", 5),
    ],
)
async def test_invalid_requests_are_rejected_with_the_members_name(merchant: Merchant, path: str, value: Any) -> None:
    answer = await merchant.call("POST", "/ecommerce/orders", changed(path, value))
    assert answer.status == 400
    assert path.rsplit(".", maxsplit=1)[-1] in answer.body["message"] or "loan" in answer.body["message"]
    assert await merchant.bank.control("GET", "orders") == []


async def test_an_unknown_order_is_refused_by_name(merchant: Merchant) -> None:
    answer = await merchant.call("GET", "/receipt/nothing")
    assert (answer.status, "order_id" in answer.body["message"]) == (400, True)


async def test_the_same_key_gives_the_same_answer(merchant: Merchant) -> None:
    body = {**ORDER, "callback_url": merchant.callback_url}
    answers = [await merchant.call("POST", "/ecommerce/orders", body, Idempotency_Key="k") for _ in range(2)]
    assert answers[0].raw == answers[1].raw
    assert len(await merchant.bank.control("GET", "orders")) == 1
    bad = [await merchant.call("POST", "/ecommerce/orders", {}, Idempotency_Key="bad") for _ in range(2)]
    assert (bad[0].status, bad[0].raw) == (bad[1].status, bad[1].raw)


@pytest.mark.parametrize(
    ("card", "more", "status", "code"),
    [
        ("4000000000000001", {}, "completed", "100"),
        ("5300000000000001", {}, "completed", "100"),
        ("4000000000000002", {}, "rejected", "107"),
        ("1234567890123456", {}, "rejected", "103"),
        ("4000000000000001", {"code": "105"}, "rejected", "105"),
        ("4000000000000001", {"three_d_secure": "fail"}, "rejected", "108"),
    ],
)
async def test_cards_end_as_documented(
    merchant: Merchant, card: str, more: dict[str, str], status: str, code: str
) -> None:
    order_id = await merchant.order()
    receipt = await merchant.bank.pay(order_id, card, **more)
    assert (receipt["order_status"]["key"], receipt["payment_detail"]["code"]) == (status, code)
    assert receipt["payment_detail"]["payer_identifier"] == f"{card[:6]}***{card[-4:]}"
    assert await merchant.told(1) == [status]
    assert await merchant.receipt(order_id) == receipt


async def test_the_third_test_card_succeeds_once(merchant: Merchant) -> None:
    codes = [
        (await merchant.bank.pay(await merchant.order(), "4000000000000003"))["payment_detail"]["code"]
        for _ in range(2)
    ]
    assert codes == ["100", "101"]


async def test_a_callback_is_repeated_until_it_is_answered_200(merchant: Merchant) -> None:
    merchant.answers = [500, 404]
    order_id = await merchant.order()
    await merchant.bank.pay(order_id)
    assert await merchant.bank.answered(order_id, 3) == [500, 404, 200]


async def test_after_five_attempts_it_gives_up(merchant: Merchant) -> None:
    merchant.answers = [500] * 9
    order_id = await merchant.order()
    await merchant.bank.pay(order_id)
    assert await merchant.bank.answered(order_id, 5) == [500] * 5


async def test_an_order_expires_by_the_banks_clock(merchant: Merchant) -> None:
    order_id = await merchant.order(ttl=10)
    await merchant.bank.control("POST", "clock", {"advance": 601})
    assert await merchant.told(1) == ["rejected"]
    assert (await merchant.receipt(order_id))["reject_reason"] == "expiration"


@pytest.mark.parametrize("kind", ["drop", "duplicate", "delay", "unsigned", "corrupt_signature"])
async def test_planned_faults_apply_to_callbacks(merchant: Merchant, kind: str) -> None:
    await merchant.bank.fault("callback", kind, seconds=0.2)
    order_id = await merchant.order()
    await merchant.bank.pay(order_id)
    if kind != "drop":
        await merchant.bank.answered(order_id, 2 if kind == "duplicate" else 1)
    (callback,) = await merchant.bank.callbacks(order_id)
    assert len(merchant.heard) == {"drop": 0, "duplicate": 2}.get(kind, 1)
    assert (callback["signature"] is None) == (kind == "unsigned")


async def test_planned_reordering_swaps_callbacks(merchant: Merchant) -> None:
    await merchant.bank.fault("callback", "reorder")
    first, second = await merchant.order(external_order_id="1"), await merchant.order(external_order_id="2")
    await merchant.bank.pay(first)
    await merchant.bank.pay(second)
    await merchant.told(2)
    assert [callback["body"]["external_order_id"] for callback in merchant.heard] == ["2", "1"]


@pytest.mark.parametrize(("kind", "signed"), [("valid", True), ("none", False), ("corrupt", True)])
async def test_a_callback_can_be_sent_again(merchant: Merchant, kind: str, signed: bool) -> None:
    order_id = await merchant.order()
    await merchant.bank.pay(order_id)
    await merchant.told(1)
    (callback,) = await merchant.bank.callbacks(order_id)
    again = await merchant.bank.control("POST", f"callbacks/{callback['n']}/resend", {"signature": kind})
    assert len(again["attempts"]) == 2
    assert len(merchant.heard) == 2
    assert signed in (True, False)


async def test_calls_are_recorded_with_their_keys(merchant: Merchant) -> None:
    body = {**ORDER, "callback_url": merchant.callback_url}
    await merchant.call("POST", "/ecommerce/orders", body, Idempotency_Key="k1")
    call = (await merchant.bank.control("GET", "calls"))[-1]
    assert (call["method"], call["path"], call["idempotency_key"]) == ("POST", f"{V1}/ecommerce/orders", "k1")
    assert (call["body"]["external_order_id"], call["answer"]["status"]) == ("A-1", 200)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "pay", {"order_id": "nothing", "card": "4000000000000001"}),
        ("POST", "pay", {}),
        ("POST", "faults", {"path": "x", "kind": "explode"}),
        ("POST", "faults", {"kind": "delay"}),
        ("POST", "faults", {"path": "x", "kind": "delay", "times": 0}),
        ("POST", "clock", {"advance": -1}),
        ("POST", "clock", {}),
        ("POST", "callbacks/99/resend", {}),
    ],
)
async def test_control_calls_reject_invalid_input(
    merchant: Merchant, method: str, path: str, body: dict[str, Any]
) -> None:
    answer = await Client(merchant.bank.url, merchant.bank.http).call(method, f"/sandbox/{path}", body)
    assert (answer.status in (400, 404), "message" in answer.body) == (True, True)


async def test_paying_twice_is_refused(merchant: Merchant) -> None:
    order_id = await merchant.order()
    await merchant.bank.pay(order_id)
    answer = await Client(merchant.bank.url, merchant.bank.http).post(
        "/sandbox/pay", {"order_id": order_id, "card": "4000000000000001"}
    )
    assert answer.status == 409


async def test_a_refund_is_completed_a_moment_later(merchant: Merchant) -> None:
    order_id = await merchant.order()
    await merchant.bank.pay(order_id)
    answer = await merchant.call("POST", f"/payment/refund/{order_id}", {"amount": 10.5})
    assert (answer.status, answer.body["key"]) == (200, "request_received")
    receipt = await merchant.receipt(order_id)
    assert (receipt["order_status"]["key"], receipt["actions"]) == ("refund_requested", None)
    await merchant.bank.control("POST", "clock", {"advance": 2})
    assert await merchant.told(2) == ["completed", "refunded_partially"]
    assert (await merchant.call("POST", f"/payment/refund/{order_id}", {"amount": 90.01})).status == 400
    assert (await merchant.call("POST", f"/payment/refund/{order_id}", {})).status == 200
    await merchant.bank.control("POST", "clock", {"advance": 2})
    assert (await merchant.told(3))[-1] == "refunded"
    receipt = await merchant.receipt(order_id)
    units = receipt["purchase_units"]
    assert (units["request_amount"], units["transfer_amount"], units["refund_amount"]) == ("100.5", "0.0", "100.5")
    assert [action["action"] for action in receipt["actions"]] == ["partial_refund", "partial_refund"]
    assert {action["action_id"] for action in receipt["actions"]} >= {answer.body["action_id"]}
    assert (await merchant.call("POST", f"/payment/refund/{order_id}", {})).status == 400


async def test_a_refund_can_fail(merchant: Merchant) -> None:
    order_id = await merchant.order()
    await merchant.bank.pay(order_id)
    await merchant.bank.control("PUT", f"refunds/{order_id}", {"code": "163"})
    await merchant.call("POST", f"/payment/refund/{order_id}", {})
    await merchant.bank.control("POST", "clock", {"advance": 2})
    assert await merchant.told(2) == ["completed", "completed"]
    action = (await merchant.receipt(order_id))["actions"][-1]
    assert (action["status"], action["code"]) == ("rejected", "163")


async def test_a_discount_lowers_the_paid_and_the_refundable_amount(merchant: Merchant) -> None:
    order_id = await merchant.order()
    receipt = await merchant.bank.pay(order_id, discount=5.5)
    units = receipt["purchase_units"]
    assert (units["request_amount"], units["transfer_amount"]) == ("100.5", "95.0")
    assert receipt["discount"]["bank_discount_amount"] == "5.5"
    assert (await merchant.call("POST", f"/payment/refund/{order_id}", {"amount": 100.5})).status == 400


async def test_a_preauthorisation_is_captured_in_part_or_released_not_both(merchant: Merchant) -> None:
    order_id = await merchant.order(capture="manual")
    receipt = await merchant.bank.pay(order_id)
    assert (receipt["order_status"]["key"], receipt["payment_detail"]["code"]) == ("blocked", "200")
    approve, cancel = f"/payment/authorization/approve/{order_id}", f"/payment/authorization/cancel/{order_id}"
    assert (await merchant.call("POST", approve, {"amount": 100.51})).status == 400
    assert (await merchant.call("POST", approve, {"amount": 60})).status == 200
    receipt = await merchant.receipt(order_id)
    assert (receipt["order_status"]["key"], receipt["purchase_units"]["transfer_amount"]) == (
        "partial_completed",
        "60.0",
    )
    assert [action["action"] for action in receipt["actions"]] == ["partial_authorize"]
    assert (await merchant.call("POST", cancel, {})).status == 400
    other = await merchant.order(capture="manual")
    assert (await merchant.call("POST", f"/payment/authorization/cancel/{other}", {})).status == 400


async def test_saved_cards_of_both_kinds(merchant: Merchant) -> None:
    order_id = await merchant.order()
    assert (await merchant.call("POST", f"/ecommerce/orders/{order_id}/subscribe", {})).status == 400
    answer = await merchant.call("PUT", f"/orders/{order_id}/subscriptions")
    assert (answer.status, answer.raw) == (202, b"")
    receipt = await merchant.bank.pay(order_id)
    assert receipt["payment_detail"]["saved_card_type"] == "subscription"
    assert (await merchant.call("PUT", f"/orders/{order_id}/cards")).status == 400
    body = {"callback_url": merchant.callback_url, "external_order_id": "A-2"}
    charge = await merchant.call("POST", f"/ecommerce/orders/{order_id}/subscribe", {**body, "amount": 1})
    assert set(charge.body["_links"]) == {"details"}
    assert await merchant.told(2) == ["completed", "completed"]
    paid = await merchant.receipt(charge.body["id"])
    assert (paid["purchase_units"]["transfer_amount"], paid["payment_detail"]["parent_order_id"]) == (
        "100.5",
        order_id,
    )
    assert (paid["external_order_id"], paid["payment_detail"]["payment_option"]) == ("A-2", "subscription")
    assert (await merchant.call("DELETE", f"/charges/card/{order_id}")).status == 202
    assert (await merchant.call("DELETE", f"/charges/card/{order_id}")).status == 404
    late = await merchant.call("POST", f"/ecommerce/orders/{order_id}/subscribe", body)
    assert (await merchant.told(3))[-1] == "rejected"
    assert (await merchant.receipt(late.body["id"]))["payment_detail"]["code"] == "102"


async def test_state_survives_a_restart(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "bank.sqlite3"))
    path = f"{V1}/ecommerce/orders"
    body = {**ORDER, "callback_url": "http://127.0.0.1:9/nobody"}
    async with running_bank(tmp_path / "first.log", *state) as bank:
        client = await signed_in(bank)
        key = await bank.control("GET", "public-key")
        first = await client.call("POST", path, body, Idempotency_Key="k")
        payable = (await client.call("POST", path, body)).body["id"]
        await bank.pay(first.body["id"])
        before = await bank.control("POST", "clock", {"advance": 500})
        await client.call("POST", f"{V1}/payment/refund/{first.body['id']}", {})
    async with running_bank(tmp_path / "second.log", *state) as bank:
        client = await signed_in(bank)
        again = await client.call("POST", path, body, Idempotency_Key="k")
        assert again.raw == first.raw
        assert await bank.control("GET", "public-key") == key
        assert (await bank.control("GET", "clock"))["now"] >= before["now"]
        assert len(await bank.control("GET", "orders")) == 2
        await bank.control("POST", "clock", {"advance": 500})
        await bank.answered(first.body["id"])
        receipt = (await client.call("GET", f"{V1}/receipt/{first.body['id']}")).body
        assert receipt["order_status"]["key"] == "refunded"
        await bank.answered(payable)
        assert (await client.call("GET", f"{V1}/receipt/{payable}")).body["reject_reason"] == "expiration"


async def test_as_the_test_environment_it_knows_no_cards(tmp_path: Path) -> None:
    async with running_bank(tmp_path / "bank.log", "--test-environment") as bank:
        client = await signed_in(bank)
        body = {**ORDER, "callback_url": "http://127.0.0.1:9/nobody"}
        order_id = (await client.call("POST", f"{V1}/ecommerce/orders", body)).body["id"]
        for what in ("cards", "subscriptions"):
            assert (await client.call("PUT", f"{V1}/orders/{order_id}/{what}")).status == 501


async def test_held_money_is_released_in_the_end(merchant: Merchant) -> None:
    order_id = await merchant.order(capture="manual")
    await merchant.bank.pay(order_id)
    await merchant.bank.control("POST", "clock", {"advance": 31 * 86400})
    assert await merchant.told(2) == ["blocked", "rejected"]
    assert merchant.heard[-1]["body"]["reject_reason"] == "expiration"
