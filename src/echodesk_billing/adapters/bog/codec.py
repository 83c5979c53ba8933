"""The bank's JSON and the domain, translated both ways.

What the bank sends is read with tolerance for its habits: amounts as strings or numbers, codes as strings or numbers,
null and empty members, an older flat callback, fields not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from echodesk_billing.domain.errors import InvalidMoney
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.order import Order
from echodesk_billing.domain.report import BankRefund, BankReport, BankStatus, Source

Json = Mapping[str, Any]

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")

_MOST_TEXT = 500
_LONGEST_CODE = 16
_IDENTIFIER = re.compile(r"[A-Za-z0-9-]{1,64}")


class Malformed(ValueError):
    """A body of the bank that cannot be read; the message names the member at fault."""


def decode(raw: bytes) -> Json:
    """JSON with exact numbers.

    Raises:
        Malformed: it is not a JSON object.
    """
    try:
        document = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidOperation) as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Malformed("not a JSON object")
    return document


def encode(document: object) -> bytes:
    """JSON in which amounts are numbers with two decimals."""
    return _encoder.encode(document)


def create_order(order: Order) -> Json:
    """The body of `POST /ecommerce/orders`. Source: domain.md, Order, last paragraph."""
    request = order.request
    return {
        "callback_url": request.callback_url,
        "external_order_id": order.id,
        "capture": order.capture.value,
        "ttl": request.ttl_minutes,
        "purchase_units": {
            "currency": order.amount.currency.value,
            "total_amount": order.amount.amount,
            "basket": [
                {
                    "product_id": request.product_id,
                    "description": request.description,
                    "quantity": 1,
                    "unit_price": order.amount.amount,
                    "total_price": order.amount.amount,
                }
            ],
        },
        "buyer": {"full_name": request.buyer_name, "masked_email": request.buyer_email},
        "redirect_urls": {"success": request.success_url, "fail": request.fail_url},
    }


def created(document: Json, order: Order) -> BankReport:
    """The answer to a create call.

    Raises:
        Malformed: it has no id or no address of a payment page.
    """
    url = _text(_object(_object(document, "_links"), "redirect"), "href")
    bank_order_id = _identifier(document, "id")
    if not bank_order_id or not url:
        raise Malformed("an order was created without id or _links.redirect.href")
    if not url.startswith(("https://", "http://")):
        raise Malformed("_links.redirect.href is no web address")
    return BankReport(
        source=Source.ANSWER,
        bank_order_id=bank_order_id,
        external_order_id=order.id,
        status=BankStatus.CREATED,
        payment_url=url,
    )


def callback(document: Json) -> BankReport:
    """A callback, in its nested shape or the older flat one.

    Raises:
        Malformed: it names no order or has no status.
    """
    body = document.get("body")
    if not isinstance(body, dict):
        raise Malformed("body is missing")
    return receipt(body, Source.CALLBACK)


def receipt(document: Json, source: Source) -> BankReport:
    """A receipt, or the body of a callback.

    Raises:
        Malformed: it names no order, has no status, or has an amount that is none.
    """
    units = _object(document, "purchase_units")
    detail = _object(document, "payment_detail")
    bank_order_id = _identifier(document, "order_id")
    status = _text(_object(document, "order_status"), "key")
    if not bank_order_id:
        raise Malformed("order_id is missing")
    if not status:
        raise Malformed("order_status.key is missing")
    currency = _currency(_text(units, "currency_code") or _text(document, "currency"))
    paid = _first(units.get("transfer_amount"), document.get("transfer_amount"))
    return BankReport(
        source=source,
        bank_order_id=bank_order_id,
        external_order_id=_text(document, "external_order_id"),
        status=BankStatus(status) if status in set(BankStatus) else status,
        code=_code(detail) or _code(document),
        transferred=_money(paid, currency, "transfer_amount"),
        discount=_discount(_object(document, "discount"), currency),
        refunds=_refunds(document.get("actions"), currency),
        refunded=_money(units.get("refund_amount"), currency, "refund_amount"),
        reject_reason=_text(document, "reject_reason"),
    )


def error_message(raw: bytes) -> str:
    """What an error body says: its message where it is JSON, else the beginning of its text."""
    try:
        document = decode(raw)
    except Malformed:
        return raw[:200].decode("utf-8", "replace")
    found = _text(document, "message") or _text(document, "error_description") or _text(document, "error")
    return found or "no reason given"


def _discount(document: Json, currency: Currency | None) -> Money | None:
    """What the bank itself took off: its own and its system's discount."""
    parts = [_money(document.get(name), currency, name) for name in ("bank_discount_amount", "system_discount_amount")]
    stated = [part for part in parts if part is not None]
    return sum(stated[1:], stated[0]) if stated else None


def _refunds(actions: object, currency: Currency | None) -> tuple[BankRefund, ...]:
    found = []
    for action in actions if isinstance(actions, list) else []:
        if not isinstance(action, dict) or action.get("action") not in ("refund", "partial_refund"):
            continue
        action_id = _text(action, "action_id")
        amount = _money(action.get("amount"), currency, "actions[].amount")
        if action_id and amount is not None:
            found.append(
                BankRefund(action_id=action_id, amount=amount, completed=_text(action, "status") == "completed")
            )
    return tuple(found)


def _object(document: Json, name: str) -> Json:
    """A member that is an object; an empty one where it is missing, null or something else (the flat shape)."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _text(document: Json, name: str) -> str | None:
    """A member as text; None where it is missing, null, empty or no scalar."""
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).replace("\0", "")[:_MOST_TEXT] or None


def _identifier(document: Json, name: str) -> str | None:
    """An id of the bank's; it becomes part of an address, so nothing but letters, digits and dashes will do."""
    value = _text(document, name)
    if value is not None and not _IDENTIFIER.fullmatch(value):
        raise Malformed(f"{name} {value[:40]!r} is no id of an order")
    return value


def _code(document: Json) -> str | None:
    code = _text(document, "code")
    return None if code is None else code[:_LONGEST_CODE]


def _first(*values: object) -> object:
    return next((value for value in values if value is not None and value != ""), None)


def _currency(code: str | None) -> Currency | None:
    if code is None:
        return None
    try:
        return Currency(code)
    except ValueError:
        raise Malformed(f"currency {code!r} is not one of {', '.join(Currency)}") from None


def _money(value: object, currency: Currency | None, name: str) -> Money | None:
    """An amount that came as a string or a number; without a currency it says nothing."""
    if value is None or value == "" or currency is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Malformed(f"{name} is {value!r}: not an amount")
    try:
        return Money(Decimal(value), currency)
    except (InvalidOperation, InvalidMoney) as error:
        raise Malformed(f"{name} is {str(value)[:40]!r}: {error}") from None
