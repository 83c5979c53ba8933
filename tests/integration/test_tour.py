"""Everything the bank can do, in one tour over real HTTP against the simulated bank."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from bog_sandbox.callbacks import Signer
from echodesk_billing import Billing, Event, Money, PaymentActionRequired
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.ports.access import Scope
from tests.builders import catalogue
from tests.integration.conftest import Service, service_environment
from tests.integration.parts import Answer, Bank, Client

CREATE = "/api/payments/create/"


@define
class Tour:
    """A tenant, an operator, and the bank."""

    client: Client
    operator: Client
    bank: Bank

    async def paid(self, **more: Any) -> dict[str, Any]:
        """A payment that was made and heard of."""
        payment = await self.client.buy(**more)
        await self.bank.pay(payment["bank_order_id"])
        await self.bank.answered(payment["bank_order_id"])
        return payment

    async def operate(self, payment: dict[str, Any], what: str, body: Any = None) -> Answer:
        return await self.operator.post(f"/api/payments/{payment['order_id']}/{what}/", body)

    async def becomes(self, payment: dict[str, Any], status: str, refunded: float | None = None) -> dict[str, Any]:
        """The payment once it has this status."""
        async with asyncio.timeout(15):
            while True:
                found = await self.client.status(payment["order_id"])
                if found["status"] == status and refunded in (None, found["refunded"]):
                    return found
                await asyncio.sleep(0.05)


@pytest.fixture
async def tour(service: Service, client: Client, bank: Bank) -> Tour:
    return Tour(client, await service.client(Scope.OPERATOR), bank)


async def test_pay_refund_ten_refund_the_rest_refund_again(tour: Tour) -> None:
    payment = await tour.paid()
    answer = await tour.operate(payment, "refund", {"amount": 10, "reason": "a little"})
    assert (answer.status, answer.body["refund"]["state"], answer.body["refund"]["amount"]) == (200, "requested", 10.0)
    await tour.becomes(payment, "partially_refunded", 10.0)
    assert (await tour.operate(payment, "refund")).body["refund"]["amount"] == 137.0
    status = await tour.becomes(payment, "refunded", 147.0)
    assert (status["captured"], status["paid"]) == (147.0, False)
    again = await tour.operate(payment, "refund")
    assert (again.status, "is refunded: refund is not possible" in again.body["error"]) == (409, True)
    receipt = (await tour.bank.orders(payment["order_id"]))[0]
    assert receipt["purchase_units"]["refund_amount"] == "147.0"
    timeline = (await tour.operator.get(f"/api/payments/{payment['order_id']}/timeline/")).body
    assert [one["state"] for one in timeline["refunds"]] == ["completed", "completed"]
    assert timeline["history"][-1]["after"] == "refunded"


async def test_more_than_was_paid_is_not_refunded(tour: Tour) -> None:
    payment = await tour.paid()
    answer = await tour.operate(payment, "refund", {"amount": "147.01"})
    assert (answer.status, "147.00 GEL to refund" in answer.body["error"]) == (409, True)
    assert (await tour.operate(payment, "refund", {"amount": -1})).status == 422
    tenant = await tour.client.post(f"/api/payments/{payment['order_id']}/refund/")
    assert tenant.status == 403


async def test_a_refund_that_fails_at_the_bank_is_reported(tour: Tour) -> None:
    payment = await tour.paid()
    await tour.bank.control("PUT", f"refunds/{payment['bank_order_id']}", {"code": "162"})
    await tour.operate(payment, "refund")
    await tour.bank.answered(payment["bank_order_id"], 2)
    timeline = (await tour.operator.get(f"/api/payments/{payment['order_id']}/timeline/")).body
    assert (timeline["payment"]["status"], timeline["refunds"][0]["state"]) == ("paid", "failed")
    assert "code 162" in timeline["attention"][0]


async def test_block_and_capture_a_part(tour: Tour) -> None:
    payment = await tour.paid(capture="manual")
    status = await tour.client.status(payment["order_id"])
    assert (status["status"], status["state"]) == ("pending", "blocked")
    assert (await tour.client.subscription())["has_subscription"] is False
    assert (await tour.operate(payment, "capture", {"amount": 147.01})).status == 409
    answer = await tour.operate(payment, "capture", {"amount": 100})
    assert (answer.status, answer.body["state"], answer.body["captured"]) == (200, "completed", 100.0)
    assert (await tour.client.subscription())["has_subscription"] is True
    assert (await tour.operate(payment, "capture")).status == 409
    assert (await tour.operate(payment, "release")).status == 409


async def test_block_and_release(tour: Tour) -> None:
    payment = await tour.paid(capture="manual")
    answer = await tour.operate(payment, "release")
    assert (answer.status, answer.body["status"], answer.body["state"]) == (200, "failed", "rejected")
    again = await tour.operate(payment, "capture")
    assert (again.status, "is rejected: capture is not possible" in again.body["error"]) == (409, True)


async def test_a_discount_of_the_bank_is_booked_and_refunded_as_paid(tour: Tour) -> None:
    payment = await tour.client.buy()
    await tour.bank.pay(payment["bank_order_id"], discount=7)
    await tour.bank.answered(payment["bank_order_id"])
    status = await tour.client.status(payment["order_id"])
    assert (status["status"], status["amount"], status["captured"]) == ("paid", 147.0, 140.0)
    assert (await tour.operate(payment, "refund")).body["refund"]["amount"] == 140.0
    assert (await tour.becomes(payment, "refunded"))["refunded"] == 140.0
    call = [call for call in await tour.bank.control("GET", "calls") if "/payment/refund/" in call["path"]][-1]
    assert call["body"] == {}


async def test_a_payment_has_its_invoice(tour: Tour) -> None:
    payment = await tour.paid()
    (invoice,) = (await tour.client.get("/api/payments/invoices/")).body["invoices"]
    assert (invoice["amount"], invoice["package_name"], invoice["agent_count"]) == (147.0, "Business", 3)
    assert invoice["invoice_number"].startswith("INV-20")
    assert payment["order_id"]


async def test_pay_in_euro(tour: Tour) -> None:
    payment = await tour.paid(currency="EUR")
    status = await tour.client.status(payment["order_id"])
    assert (status["currency"], status["captured"]) == ("EUR", 51.0)
    (receipt,) = await tour.bank.orders(payment["order_id"])
    assert (receipt["purchase_units"]["currency_code"], receipt["purchase_units"]["transfer_amount"]) == (
        "EUR",
        "51.0",
    )


async def test_google_pay_without_and_with_3d_secure(tour: Tour) -> None:
    answer = await tour.client.post(CREATE, {"package_id": 1, "google_pay_token": "encrypted"})
    assert (answer.status, answer.body["status"], answer.body["payment_url"]) == (200, "paid", "")
    assert (await tour.client.subscription())["has_subscription"] is True
    answer = await tour.client.post(CREATE, {"package_id": 1, "google_pay_token": "encrypted-3ds"})
    assert (answer.body["status"], "/3ds?order_id=" in answer.body["payment_url"]) == ("pending", True)
    form = {"order_id": answer.body["payment_url"].rpartition("=")[2], "answer": "confirm"}
    async with tour.bank.http.post(f"{tour.bank.url}/3ds", data=form, allow_redirects=False) as confirmed:
        assert confirmed.status == 303
    await tour.becomes(answer.body, "paid")


async def test_apple_pay_in_two_steps(tour: Tour) -> None:
    answer = await tour.client.post(CREATE, {"package_id": 1, "apple_pay": True})
    assert (answer.body["status"], answer.body["payment_url"]) == ("pending", "")
    path = f"/api/payments/{answer.body['order_id']}/apple-pay/"
    assert (await tour.client.post(path, {})).status == 400
    done = await tour.client.post(path, {"apple_pay_token": "from Apple"})
    assert (done.status, done.body["status"]) == (200, "paid")


async def test_saved_cards_under_the_frontends_paths(tour: Tour) -> None:
    cards = "/api/payments/saved-card/"
    assert (await tour.client.get(cards)).body == []
    await tour.paid()
    (card,) = (await tour.client.get(cards)).body
    assert (card["masked_card_number"], card["card_save_type"], card["is_default"]) == (
        "400000***0001",
        "subscription",
        True,
    )
    adding = await tour.client.post(cards + "add/", {"make_default": True})
    assert adding.body["order_id"].startswith("CARD-")
    await tour.bank.pay(adding.body["payment_url"].rpartition("=")[2], "5300000000000001")
    await tour.bank.answered(adding.body["payment_url"].rpartition("=")[2])
    new, old = (await tour.client.get(cards)).body
    assert (new["is_default"], new["card_save_type"], old["id"]) == (True, "ecommerce", card["id"])
    assert (await tour.client.post(cards + "set-default/", {"card_id": old["id"]})).status == 200
    assert (await tour.client.post(cards + "set-default/", {"card_id": 10**9})).status == 404
    paying = await tour.client.post(CREATE, {"package_id": 2, "agent_count": 3, "card_id": new["id"]})
    assert paying.status == 200
    async with tour.bank.http.get(paying.body["payment_url"]) as page:
        assert "530000***0001" in await page.text()
    assert (await tour.client.call("DELETE", cards, {"card_id": new["id"]})).status == 200
    assert (await tour.client.call("DELETE", cards + "remove/", {"card_id": new["id"]})).status == 200
    assert (await tour.client.call("DELETE", cards + "remove/", {"card_id": 10**9})).status == 404
    assert (await tour.client.call("DELETE", cards + "remove/")).status == 400
    assert (await tour.client.call("DELETE", cards + "delete/")).status == 200
    assert (await tour.client.get(cards)).body == []
    deleted = [call for call in await tour.bank.control("GET", "calls") if call["method"] == "DELETE"][-2:]
    assert [call["answer"]["status"] for call in deleted] == [202, 202]


async def test_another_tenants_card_is_not_found(service: Service, tour: Tour) -> None:
    await tour.paid()
    (card,) = (await tour.client.get("/api/payments/saved-card/")).body
    stranger = await service.client()
    for method, path in (("POST", "set-default/"), ("DELETE", "remove/"), ("DELETE", "")):
        answer = await stranger.call(method, f"/api/payments/saved-card/{path}", {"card_id": card["id"]})
        assert answer.status == 404


async def test_two_refunds_of_everything_at_the_same_moment(tour: Tour) -> None:
    payment = await tour.paid()
    answers = await asyncio.gather(*(tour.operate(payment, "refund") for _ in range(2)))
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body["refund"]["refund_id"] == answers[1].body["refund"]["refund_id"]
    assert (await tour.becomes(payment, "refunded"))["refunded"] == 147.0
    assert await tour.bank.refunded(payment["order_id"]) == ["147.0"]


@pytest.fixture
async def billing(bank: Bank, tmp_path: Path) -> AsyncIterator[Billing]:
    environment = await service_environment(bank, f"sqlite:///{tmp_path}/db.sqlite3", Signer())
    async with Billing.open({**environment, "API_DOMAIN": "http://127.0.0.1:9"}) as billing:
        await billing.load_catalogue(catalogue())
        yield billing


async def heard(billing: Billing, bank: Bank, order: Order) -> Order:
    """Hand over the callbacks about an order, as a view of the CRM would; gives the order as it is then."""
    async with asyncio.timeout(10):
        while not (callbacks := await bank.callbacks(order.bank_order_id or "")):
            await asyncio.sleep(0.02)
    for callback in callbacks:
        await billing.receive_callback(callback["body"].encode(), callback["signature"])
    return await billing.status(order.id, tenant_id=order.tenant_id)


async def test_an_automatic_card_is_charged_three_times_then_the_price_changes_then_it_is_deleted(
    billing: Billing, bank: Bank
) -> None:
    asked: list[Event] = []
    billing.on(PaymentActionRequired, asked.append)
    order = await billing.checkout(tenant_id="acme", package_id=1, seats=3)
    await bank.pay(order.bank_order_id or "")
    assert (await heard(billing, bank, order)).is_paid
    for period in (1, 2, 3):
        charge = await billing.charge("acme")
        assert (charge.obstacle, charge.order.period) == (None, period)
        assert (await heard(billing, bank, charge.order)).captured == Money.parse("150.00")
    charge = await billing.charge("acme", package_id=1, seats=4)
    assert charge.obstacle == "the saved card may be charged 150.00 GEL, and the price is 200.00 GEL"
    (told,) = [event.payment_url for event in asked if isinstance(event, PaymentActionRequired)]
    assert "/pay/" in told, "a link of ours, which lasts longer than the bank's page"
    await bank.pay(charge.order.bank_order_id or "")
    await heard(billing, bank, charge.order)
    assert [card.mandate for card in await billing.cards("acme")] == [Money.parse("200.00")]
    for card in await billing.cards("acme"):
        await billing.forget_card("acme", card.id)
    assert (await billing.charge("acme")).obstacle == "there is no saved card"


async def test_a_card_that_was_deleted_at_the_bank_alone_is_declined(billing: Billing, bank: Bank) -> None:
    order = await billing.checkout(tenant_id="acme", package_id=2)
    await bank.pay(order.bank_order_id or "")
    await heard(billing, bank, order)
    await bank.control("PUT", "cards/4000000000000001", {"code": "102"})
    charge = await billing.charge("acme")
    declined = await heard(billing, bank, charge.order)
    await bank.control("PUT", "cards/4000000000000001", {"code": None})
    assert (declined.state, declined.response_code) == ("rejected", "102")


async def test_hold_capture_refund_and_release_from_python(billing: Billing, bank: Bank) -> None:
    order = await billing.checkout(tenant_id="acme", package_id=2, capture="manual", save_card="no")
    await bank.pay(order.bank_order_id or "")
    assert (await heard(billing, bank, order)).state == "blocked"
    assert (await billing.capture(order.id, Decimal("100.00"))).captured == Money.parse("100.00")
    assert len((await billing.refund(order.id, Decimal("30.00"))).pending_refunds) == 1
    other = await billing.checkout(tenant_id="globex", package_id=2, capture="manual", save_card="no")
    await bank.pay(other.bank_order_id or "")
    await heard(billing, bank, other)
    assert (await billing.release(other.id)).state == "rejected"


async def test_two_refunds_at_once_over_two_processes_of_one_postgresql(
    bank: Bank, new_database: Callable[[], Awaitable[str]]
) -> None:
    from echodesk_billing import load_settings  # noqa: PLC0415
    from echodesk_billing.container import open_container  # noqa: PLC0415

    environment = await service_environment(bank, await new_database(), Signer())
    environment["API_DOMAIN"] = "http://127.0.0.1:9"
    async with open_container(load_settings(environment)) as container:
        await container.storage().migrate()
    async with Billing.open(environment) as one, Billing.open(environment) as other:
        await one.load_catalogue(catalogue())
        order = await one.checkout(tenant_id="acme", package_id=2)
        await bank.pay(order.bank_order_id or "")
        await heard(one, bank, order)
        first, second = await asyncio.gather(one.refund(order.id), other.refund(order.id))
        assert [refund.id for refund in first.refunds] == [refund.id for refund in second.refunds]
    assert await bank.refunded(order.id) == ["145.0"]
