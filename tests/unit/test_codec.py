"""The bank's JSON: read with tolerance for its habits, never with guesses."""

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echodesk_billing import Currency, Money
from echodesk_billing.adapters.bog import codec
from echodesk_billing.domain.orders.report import BankRefund, BankStatus, Source
from tests.builders import BANK_ID, ORDER_ID, an_order, gel

RECEIPT: dict[str, Any] = {
    "order_id": BANK_ID,
    "external_order_id": ORDER_ID,
    "order_status": {"key": "completed", "value": "Completed"},
    "purchase_units": {
        "request_amount": "145.00",
        "transfer_amount": "140.00",
        "refund_amount": "0.00",
        "currency_code": "GEL",
    },
    "payment_detail": {"transfer_method": {"key": "card"}, "code": "100", "payer_identifier": "400000***0001"},
    "actions": [
        {"action_id": "a1", "action": "partial_refund", "status": "completed", "amount": "10.00"},
        {"action_id": "a2", "action": "refund", "status": "requested", "amount": "5.00"},
        {"action_id": "a3", "action": "authorize", "status": "completed", "amount": "145.00"},
        "nonsense",
    ],
    "discount": {"bank_discount_amount": "4.00", "system_discount_amount": "1.00"},
    "reject_reason": None,
    "a_field_of_tomorrow": {"anything": [1, 2]},
}
FLAT = {
    "event": "order_payment",
    "body": {
        "order_id": BANK_ID,
        "order_status": {"key": "completed"},
        "code": 100,
        "transaction_id": "240301",
        "transfer_amount": 145.0,
        "currency": "GEL",
        "transfer_method": "card",
    },
}


def callback(**changes: Any) -> bytes:
    return json.dumps({"event": "order_payment", "body": {**RECEIPT, **changes}}).encode()


def test_a_nested_callback() -> None:
    report = codec.callback(codec.decode(callback()))
    assert (report.bank_order_id, report.external_order_id) == (BANK_ID, ORDER_ID)
    assert (report.status, report.code, report.source) == (BankStatus.COMPLETED, "100", Source.CALLBACK)
    assert (report.transferred, report.discount, report.refunded) == (gel("140.00"), gel("5.00"), gel("0.00"))
    assert report.refunds == (
        BankRefund(action_id="a1", amount=gel("10.00"), completed=True),
        BankRefund(action_id="a2", amount=gel("5.00"), completed=False),
    )


def test_the_older_flat_callback() -> None:
    report = codec.callback(codec.decode(json.dumps(FLAT).encode()))
    assert (report.code, report.transferred, report.external_order_id) == ("100", gel("145.00"), None)


def test_a_receipt_before_payment_is_full_of_nulls() -> None:
    body = {
        **RECEIPT,
        "order_status": {"key": "created"},
        "purchase_units": {"transfer_amount": None, "refund_amount": None, "currency_code": "GEL"},
        "payment_detail": {"transfer_method": {"key": ""}, "code": None},
        "actions": None,
        "discount": None,
        "buyer": None,
    }
    report = codec.receipt(codec.decode(json.dumps(body).encode()), Source.RECEIPT)
    assert (report.status, report.code, report.transferred) == (BankStatus.CREATED, None, None)


def test_an_unknown_status_and_code_survive() -> None:
    report = codec.callback(codec.decode(callback(order_status={"key": "teleported"}, payment_detail={"code": 777})))
    assert (report.status, report.code) == ("teleported", "777")


@pytest.mark.parametrize("text", ["0.10", "145.00", "1", 0.1, 145.0, 1])
def test_amounts_are_exact_whether_text_or_number(text: str | float) -> None:
    raw = callback(purchase_units={"transfer_amount": text, "currency_code": "GEL"})
    assert codec.callback(codec.decode(raw)).transferred == Money(Decimal(str(text)), Currency.GEL)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"body": null}',
        b'{"body": {"order_id": "x"}}',
        b'{"body": {"order_status": {"key": "completed"}}}',
        b'{"body": {"order_id": "../../token", "order_status": {"key": "completed"}}}',
        b'{"body": {"order_id": NaN, "order_status": {"key": "completed"}}}',
        b'{"body": {"order_id": "\xff", "order_status": {"key": "completed"}}}',
        b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        callback(purchase_units={"transfer_amount": "ten", "currency_code": "GEL"}),
        callback(purchase_units={"transfer_amount": "NaN", "currency_code": "GEL"}),
        callback(purchase_units={"transfer_amount": "1.234", "currency_code": "GEL"}),
        callback(purchase_units={"transfer_amount": 10**40, "currency_code": "GEL"}),
        callback(purchase_units={"transfer_amount": [1], "currency_code": "GEL"}),
        callback(purchase_units={"transfer_amount": "1.00", "currency_code": "RUB"}),
    ],
)
def test_unparsable_input_is_always_malformed(raw: bytes) -> None:
    with pytest.raises(codec.Malformed):
        codec.callback(codec.decode(raw))


def test_the_last_of_duplicate_keys_counts() -> None:
    raw = b'{"body": {"order_id": "a", "order_id": "b", "order_status": {"key": "created"}}}'
    assert codec.callback(codec.decode(raw)).bank_order_id == "b"


def test_text_that_a_database_would_refuse_is_cleaned_and_cut() -> None:
    raw = callback(reject_reason="no\0way" + "x" * 1000, payment_detail={"code": "9" * 50})
    report = codec.callback(codec.decode(raw))
    assert report.reject_reason is not None
    assert "\0" not in report.reject_reason
    assert (len(report.reject_reason), len(report.code or "")) == (500, 16)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(RECEIPT)), JSON))
def test_any_json_in_any_member_is_parsed_or_malformed(changes: dict[str, Any]) -> None:
    with contextlib.suppress(codec.Malformed):
        codec.callback(codec.decode(callback(**changes)))


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_malformed(raw: bytes) -> None:
    with contextlib.suppress(codec.Malformed):
        codec.callback(codec.decode(raw))


def test_the_body_of_a_create_call_has_amounts_as_numbers() -> None:
    raw = codec.encode(codec.create_order(an_order()))
    assert b'"total_amount":145.00' in raw
    body = json.loads(raw)
    assert body["external_order_id"] == ORDER_ID
    assert body["purchase_units"]["basket"] == [
        {
            "product_id": "subscription",
            "description": "EchoDesk Company - Acme",
            "quantity": 1,
            "unit_price": 145.0,
            "total_price": 145.0,
        }
    ]
    assert body["buyer"] == {"full_name": "N*** B******", "masked_email": "n***@acme.example"}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": BANK_ID},
        {"id": BANK_ID, "_links": {"redirect": {}}},
        {"_links": {"redirect": {"href": "https://x"}}},
        {"id": BANK_ID, "_links": {"redirect": {"href": "javascript:alert(1)"}}},
    ],
)
def test_an_answer_without_id_or_page_is_malformed(answer: dict[str, Any]) -> None:
    with pytest.raises(codec.Malformed):
        codec.created(answer, an_order())


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"message": "no"}', "no"),
        (b'{"error": "x", "error_description": "why"}', "why"),
        (b"<h1>502</h1>", "<h1>502</h1>"),
        (b"{}", "no reason given"),
    ],
)
def test_error_bodies_of_all_kinds(raw: bytes, message: str) -> None:
    assert codec.error_message(raw) == message


def test_discounts_that_no_amount_holds_are_refused() -> None:
    largest = "92233720368547758.07"
    stated = {"bank_discount_amount": largest, "system_discount_amount": largest}
    with pytest.raises(codec.Malformed, match=r"^discounts of 92233720368547758\.07 GEL and"):
        codec.receipt({**RECEIPT, "discount": stated}, Source.RECEIPT)
