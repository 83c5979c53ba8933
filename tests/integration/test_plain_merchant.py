"""Every call of the bank, with the documentation's own bodies, by a client that shares nothing with anything here."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.parts import Bank, running_bank
from tests.integration.plain_merchant import NOTHING, PlainMerchant

Walk = Callable[[PlainMerchant], None]
WALKS: list[Walk] = []
ALL_OF_IT: list[Any] = [NOTHING, {}, []]


def walk(done: Walk) -> Walk:
    """A way through the bank's calls."""
    WALKS.append(done)
    return done


def actions(receipt: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["action"], one["status"], one["amount"]) for one in receipt["actions"] or []]


def refused(merchant: PlainMerchant, method: str, path: str, body: Any, word: str, **headers: str) -> None:
    status, answer = merchant.call(method, path, body, **headers)
    assert 400 <= status < 500, (status, answer)
    assert word in answer["message"], answer


@walk
def credentials_in_the_header_or_in_the_form(merchant: PlainMerchant) -> None:
    for in_form in (False, True):
        assert merchant.sign_in(in_form=in_form)["expires_in"] > 0
        assert merchant.receipt(merchant.order())["order_status"]["key"] == "created"


@walk
def a_payment(merchant: PlainMerchant) -> None:
    order_id = merchant.order()
    before = merchant.receipt(order_id)
    assert before["payment_detail"]["transfer_method"]["key"] == ""
    assert before["purchase_units"]["transfer_amount"] is None
    paid = merchant.pays(order_id)
    told = merchant.told(order_id, "completed")["body"]
    assert paid == told
    assert paid["payment_detail"]["code"] == "100"
    assert paid["payment_detail"]["payment_option"] == "direct_debit"
    units = paid["purchase_units"]
    assert (units["request_amount"], units["transfer_amount"], units["refund_amount"]) == ("100.5", "100.5", "0.0")
    assert (paid["external_order_id"], paid["capture"], paid["actions"]) == ("id123", "automatic", None)


@walk
def amounts_as_strings(merchant: PlainMerchant) -> None:
    basket = [{"quantity": "2", "unit_price": "50.25", "product_id": "product123", "vat": "1.00"}]
    order_id = merchant.order(purchase_units={"total_amount": "100.50", "basket": basket})
    assert merchant.pays(order_id)["purchase_units"]["transfer_amount"] == "100.5"


@walk
def a_declined_payment_and_one_that_expires(merchant: PlainMerchant) -> None:
    declined = merchant.pays(merchant.order(), card="4000000000000002")
    assert (declined["order_status"]["key"], declined["payment_detail"]["code"]) == ("rejected", "107")
    order_id = merchant.order(ttl=2)
    merchant.wait(121)
    assert merchant.told(order_id, "rejected")["body"]["reject_reason"] == "expiration"


@walk
def a_refund_of_everything(merchant: PlainMerchant) -> None:
    for body in ALL_OF_IT:
        order_id = merchant.order()
        merchant.pays(order_id)
        status, answer = merchant.call("POST", f"/payment/refund/{order_id}", body)
        assert (status, answer["key"], answer["message"]) == (200, "request_received", "Refund request received")
        assert merchant.receipt(order_id)["order_status"]["key"] == "refund_requested"
        merchant.wait(2)
        refunded = merchant.told(order_id, "refunded")["body"]
        assert actions(refunded) == [("refund", "completed", "100.5")]
        assert refunded["actions"][0]["action_id"] == answer["action_id"]
        assert refunded["purchase_units"]["transfer_amount"] == "0.0"
        assert refunded["purchase_units"]["refund_amount"] == "100.5"


@walk
def refunds_of_parts(merchant: PlainMerchant) -> None:
    order_id = merchant.order()
    merchant.pays(order_id)
    for amount, left in (("50.5", "50.0"), (49.9, "0.1")):
        assert merchant.call("POST", f"/payment/refund/{order_id}", {"amount": amount})[0] == 200
        merchant.wait(2)
        assert merchant.receipt(order_id)["purchase_units"]["transfer_amount"] == left
    refused(merchant, "POST", f"/payment/refund/{order_id}", {"amount": 0.2}, "exceeds")
    assert [one[0] for one in actions(merchant.receipt(order_id))] == ["partial_refund", "partial_refund"]
    assert merchant.told(order_id, "refunded_partially")


@walk
def a_refund_that_fails(merchant: PlainMerchant) -> None:
    order_id = merchant.order()
    merchant.pays(order_id)
    merchant.raw("PUT", f"/sandbox/refunds/{order_id}", b'{"code": "163"}')
    merchant.call("POST", f"/payment/refund/{order_id}")
    merchant.wait(2)
    receipt = merchant.receipt(order_id)
    assert (receipt["order_status"]["key"], receipt["actions"][0]["code"]) == ("completed", "163")
    assert actions(receipt) == [("refund", "rejected", "100.5")]


@walk
def a_hold_that_is_taken(merchant: PlainMerchant) -> None:
    bodies = [*ALL_OF_IT, {"description": "all of it"}, {"amount": "60.5"}, {"amount": 60.5, "description": "part"}]
    for body in bodies:
        order_id = merchant.order(capture="manual")
        held = merchant.pays(order_id)
        assert (held["order_status"]["key"], held["payment_detail"]["code"]) == ("blocked", "200")
        status, answer = merchant.call("POST", f"/payment/authorization/approve/{order_id}", body)
        assert (status, answer["message"]) == (200, "Pre-authorization payment approval request received")
        part = isinstance(body, dict) and "amount" in body
        receipt = merchant.receipt(order_id)
        assert receipt["order_status"]["key"] == ("partial_completed" if part else "completed")
        assert actions(receipt) == [
            ("partial_authorize" if part else "authorize", "completed", "60.5" if part else "100.5")
        ]
        refused(merchant, "POST", f"/payment/authorization/cancel/{order_id}", {}, "nothing is held")


@walk
def a_hold_that_is_let_go(merchant: PlainMerchant) -> None:
    for body in [*ALL_OF_IT, {"description": "not needed"}]:
        order_id = merchant.order(capture="manual")
        merchant.pays(order_id)
        status, answer = merchant.call("POST", f"/payment/authorization/cancel/{order_id}", body)
        assert (status, answer["message"]) == (200, "Pre-authorization payment cancellation request received")
        receipt = merchant.receipt(order_id)
        assert (receipt["order_status"]["key"], actions(receipt)[0][:2]) == (
            "rejected",
            ("cancel_authorize", "completed"),
        )
    order_id = merchant.order(capture="manual")
    merchant.pays(order_id)
    merchant.wait(30 * 24 * 3600 + 1)
    merchant.sign_in()
    assert merchant.receipt(order_id)["order_status"]["key"] == "rejected"


@walk
def an_automatic_card(merchant: PlainMerchant) -> None:
    parent = merchant.order()
    assert merchant.call("PUT", f"/orders/{parent}/subscriptions")[0] == 202
    assert merchant.pays(parent)["payment_detail"]["saved_card_type"] == "subscription"
    other = merchant.callback_url + "?other"
    for body in [
        NOTHING,
        {},
        [],
        {"callback_url": other},
        {"external_order_id": "id124"},
        {"callback_url": other, "external_order_id": "id124"},
        {"external_order_id": "id124", "purchase_units": {"total_amount": 1}, "capture": "manual"},
    ]:
        status, answer = merchant.call("POST", f"/ecommerce/orders/{parent}/subscribe", body)
        assert (status, set(answer["_links"])) == (200, {"details"}), answer
        told = merchant.told(answer["id"], "completed")["body"]
        assert told["purchase_units"]["transfer_amount"] == "100.5"
        assert told["payment_detail"]["parent_order_id"] == parent
        assert told["payment_detail"]["payment_option"] == "subscription"
        named = isinstance(body, dict) and "external_order_id" in body
        assert told["external_order_id"] == ("id124" if named else "id123")
    assert merchant.call("DELETE", f"/charges/card/{parent}")[0] == 202
    late = merchant.call("POST", f"/ecommerce/orders/{parent}/subscribe")[1]["id"]
    assert merchant.told(late, "rejected")["body"]["payment_detail"]["code"] == "102"


@walk
def an_automatic_card_of_a_hold_makes_holds(merchant: PlainMerchant) -> None:
    parent = merchant.order(capture="manual")
    merchant.call("PUT", f"/orders/{parent}/subscriptions")
    merchant.pays(parent)
    assert merchant.call("POST", f"/payment/authorization/cancel/{parent}")[0] == 200
    child = merchant.call("POST", f"/ecommerce/orders/{parent}/subscribe")[1]["id"]
    held = merchant.told(child, "blocked")["body"]
    assert held["capture"] == "manual"
    assert merchant.call("POST", f"/payment/authorization/approve/{child}", [])[0] == 200


@walk
def a_card_for_a_customer_who_is_there(merchant: PlainMerchant) -> None:
    parent = merchant.order()
    assert merchant.call("PUT", f"/orders/{parent}/cards") == (202, None)
    merchant.pays(parent)
    body = {
        "callback_url": merchant.callback_url,
        "purchase_units": {
            "total_amount": 7.25,
            "basket": [{"quantity": 1, "unit_price": 7.25, "product_id": "product123"}],
        },
    }
    status, answer = merchant.call("POST", f"/ecommerce/orders/{parent}", body)
    assert (status, set(answer["_links"])) == (200, {"details", "redirect"})
    paid = merchant.pays(answer["id"])
    assert paid["payment_detail"]["payment_option"] == "recurrent"
    assert (paid["purchase_units"]["transfer_amount"], paid["payment_detail"]["parent_order_id"]) == ("7.25", parent)


@walk
def wallets_on_the_merchants_own_page(merchant: PlainMerchant) -> None:
    units = {"total_amount": 5.3, "basket": [{"quantity": 1, "unit_price": 5.3, "product_id": "product123"}]}
    body = {"callback_url": merchant.callback_url, "purchase_units": units}
    google = {**body, "config": {"google_pay": {"external": True, "google_pay_token": '{"signature": "…"}'}}}
    status, answer = merchant.call("POST", "/ecommerce/orders", google)
    assert (status, answer["status"], answer["order_details"]["order_id"]) == (200, "completed", answer["id"])
    apple = {**body, "application_type": "web", "config": {"apple_pay": {"external": True}}}
    status, answer = merchant.call("POST", "/ecommerce/orders", apple)
    assert (status, set(answer["_links"]), isinstance(answer["result"], dict)) == (200, {"details", "accept"}, True)
    path = answer["_links"]["accept"]["href"].split("/payments/v1")[1]
    status, answer = merchant.call("POST", path, {"apple_pay_token": "token"})
    assert (status, answer["status"]) == (200, "completed")
    assert merchant.told(answer["id"], "completed")["body"]["purchase_units"]["transfer_amount"] == "5.3"


@walk
def only_two_languages(merchant: PlainMerchant) -> None:
    for language in ("*", "ru", "en-US", "KA", ""):
        refused(merchant, "POST", "/ecommerce/orders", {}, "Accept-Language", Accept_Language=language)
    order_id = merchant.order()
    for language in ("ka", "en"):
        assert merchant.call("GET", f"/receipt/{order_id}", Accept_Language=language)[0] == 200


@walk
def splits(merchant: PlainMerchant) -> None:
    by_amount = {
        "split_payments": [{"iban": "GE1", "amount": 60.5, "description": "shop"}, {"iban": "GE2", "amount": 40}]
    }
    by_share = {"split_payments": [{"iban": "GE1", "percent": 60}, {"iban": "GE2", "percent": 40}]}
    others = {"transfers": [{"iban": "GE1", "amount": "60.5"}, {"iban": "GE2", "amount": "40"}]}
    for split in (by_amount, by_share, others):
        assert merchant.receipt(merchant.order(config={"split": split}))["split"]
    units = {"total_amount": 5, "basket": [{"quantity": 1, "unit_price": 5, "product_id": "product123"}]}
    for wrong, more in (
        ([], {}),
        ([{"iban": "GE1", "amount": 4}], {}),
        ([{"iban": "GE1", "amount": 5, "description": "თანხა"}], {}),
        ([{"iban": "GE1", "amount": 0.5}] * 11, {}),
        ([{"iban": "GE1", "amount": 5}], {"payment_method": ["card", "gift_card"]}),
        ([{"iban": "GE1", "amount": 5}], {"purchase_units": {**units, "currency": "USD"}}),
    ):
        config = {"config": {"split": {"split_payments": wrong}}}
        body = {"callback_url": merchant.callback_url, "purchase_units": units, **config, **more}
        refused(merchant, "POST", "/ecommerce/orders", body, "split")


@walk
def loans(merchant: PlainMerchant) -> None:
    units = {"total_amount": 5, "basket": [{"quantity": 1, "unit_price": 5, "product_id": "product123"}]}
    body = {"callback_url": merchant.callback_url, "purchase_units": units}
    refused(merchant, "POST", "/ecommerce/orders", {**body, "payment_method": ["bnpl"]}, "config.loan")
    assert merchant.order(payment_method=["card", "bog_loan"])
    assert merchant.order(payment_method=["bnpl"], config={"loan": {"type": "zero", "month": 6}})


@walk
def the_same_key_is_the_same_answer(merchant: PlainMerchant) -> None:
    order_id = merchant.order()
    merchant.pays(order_id)
    key = str(uuid.uuid4())
    one, two = [
        merchant.call("POST", f"/payment/refund/{order_id}", {"amount": "10.5"}, Idempotency_Key=key) for _ in range(2)
    ]
    assert one == two
    merchant.wait(2)
    assert merchant.receipt(order_id)["purchase_units"]["refund_amount"] == "10.5"


@walk
def what_is_not_there_or_not_allowed(merchant: PlainMerchant) -> None:
    refused(merchant, "GET", f"/receipt/{uuid.uuid4()}", NOTHING, "order_id")
    order_id = merchant.order()
    refused(merchant, "POST", f"/payment/refund/{order_id}", {}, "cannot be refunded")
    refused(merchant, "POST", f"/payment/authorization/approve/{order_id}", {}, "nothing is held")
    refused(merchant, "POST", f"/ecommerce/orders/{order_id}/subscribe", {}, "no saved card")
    for name in ("callback_url", "purchase_units"):
        body: dict[str, Any] = {
            "callback_url": merchant.callback_url,
            "purchase_units": {"total_amount": 1, "basket": [{"quantity": 1, "unit_price": 1, "product_id": "p"}]},
        }
        refused(merchant, "POST", "/ecommerce/orders", {**body, name: None}, name)
    merchant.token = "wrong"
    assert merchant.call("GET", f"/receipt/{order_id}")[0] == 401


@pytest.fixture(scope="module")
async def own_bank(workspace: Path) -> AsyncIterator[Bank]:
    async with running_bank(workspace / "plain.log") as bank:
        yield bank


@pytest.mark.parametrize("done", WALKS, ids=lambda done: done.__name__)
async def test_the_bank_is_as_it_is_documented(done: Walk, own_bank: Bank) -> None:
    merchant = await asyncio.to_thread(PlainMerchant, own_bank.url, "demo", "demo")
    try:
        await asyncio.to_thread(merchant.sign_in)
        await asyncio.to_thread(done, merchant)
    finally:
        await asyncio.to_thread(merchant.close)


async def test_links_can_use_public_urls(tmp_path: Path) -> None:
    addresses = ("--public-url", "https://bank.shop.example", "--payment-url", "https://pay.shop.example/")
    async with running_bank(tmp_path / "bank.log", *addresses) as bank:
        merchant = await asyncio.to_thread(PlainMerchant, bank.url, "demo", "demo")
        await asyncio.to_thread(merchant.sign_in)
        units = {"total_amount": 5, "basket": [{"quantity": 1, "unit_price": 5, "product_id": "product123"}]}
        body = {"callback_url": merchant.callback_url, "purchase_units": units}
        _, answer = await asyncio.to_thread(merchant.call, "POST", "/ecommerce/orders", body)
        links = {name: link["href"] for name, link in answer["_links"].items()}
        assert links == {
            "details": f"https://bank.shop.example/payments/v1/receipt/{answer['id']}",
            "redirect": f"https://pay.shop.example/?order_id={answer['id']}",
        }
        await asyncio.to_thread(merchant.close)


async def test_a_strict_bank_rejects_amounts_in_strings(tmp_path: Path) -> None:
    async with running_bank(tmp_path / "bank.log", "--strict-amounts") as bank:
        merchant = await asyncio.to_thread(PlainMerchant, bank.url, "demo", "demo")
        await asyncio.to_thread(merchant.sign_in)
        for amount, status in (("5.00", 400), (5.0, 200)):
            units = {"total_amount": amount, "basket": [{"quantity": 1, "unit_price": 5, "product_id": "product123"}]}
            body = {"callback_url": merchant.callback_url, "purchase_units": units}
            assert (await asyncio.to_thread(merchant.call, "POST", "/ecommerce/orders", body))[0] == status
        await asyncio.to_thread(merchant.close)
