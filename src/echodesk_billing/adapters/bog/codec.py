"""Translation between the bank's JSON and the domain.

Parsing tolerates the bank's variations: amounts as strings or numbers, codes as strings or numbers,
null and empty members, an older flat callback, unknown fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from attrs import evolve

from echodesk_billing.domain.errors import InvalidMoney
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import BasketItem, PaymentRequest, SaveCard, Split, Wallet
from echodesk_billing.domain.orders.refund import Refund
from echodesk_billing.domain.orders.report import BankRefund, BankReport, BankStatus, ReportedCard, Source

Json = Mapping[str, Any]

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")

_MOST_TEXT = 500
_LONGEST_CODE = 16
_IDENTIFIER = re.compile(r"[A-Za-z0-9-]{1,64}")


class Malformed(ValueError):
    """A body of the bank that cannot be parsed; the message names the invalid member."""


def decode(raw: bytes) -> Json:
    """Parse JSON with exact numbers.

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
    """Render JSON with amounts as numbers with two decimals."""
    return _encoder.encode(document)


def create_order(order: Order, wallet_token: str = "") -> Json:
    """The body of `POST /ecommerce/orders`, also with a saved card's order behind it.

    Members with default values are left out. Source: docs/bank-calls.md.
    """
    request, options = order.request, order.request.options
    units: dict[str, Any] = {
        "currency": order.amount.currency.value,
        "total_amount": order.amount.amount,
        "basket": _basket(order),
    }
    if options.delivery is not None:
        units["delivery"] = {"amount": options.delivery.amount}
    if options.discount is not None:
        units["total_discount_amount"] = options.discount.amount
    body: dict[str, Any] = {
        "callback_url": request.callback_url,
        "external_order_id": order.id,
        "capture": request.capture.value,
        "ttl": request.ttl_minutes,
        "purchase_units": units,
        "buyer": {"full_name": request.buyer_name, "masked_email": request.buyer_email},
        "redirect_urls": {"success": request.success_url, "fail": request.fail_url},
    }
    if options.methods:
        body["payment_method"] = [method.value for method in options.methods]
    if config := _config(request, wallet_token):
        body["config"] = config
    return body


def subscribe(order: Order) -> Json:
    """The body of an automatic charge: the bank uses amount and currency of the parent order."""
    return {"callback_url": order.request.callback_url, "external_order_id": order.id}


def refund(order: Order, asked: Refund, *, states_amount: bool) -> Json:
    """The body of a refund; the amount is left out for a full refund, where the bank allows that."""
    return {} if asked.amount == order.captured and not states_amount else amount_of(asked.amount)


def amount_of(amount: Money | None) -> Json:
    """A body with an amount; without one for everything."""
    return {} if amount is None else {"amount": amount.amount}


def created(document: Json, order: Order) -> BankReport:
    """The answer to a create call: with the URL of a page, or the outcome of a wallet payment.

    Raises:
        Malformed: it has no id, or no URL where the customer has to be redirected.
    """
    bank_order_id = _identifier(document, "id")
    if not bank_order_id:
        raise Malformed("an order was created without id")
    details = document.get("order_details")
    if isinstance(details, dict):
        return evolve(receipt(details, Source.ANSWER), external_order_id=order.id)
    url = _text(_object(_object(document, "_links"), "redirect"), "href")
    needs_page = not order.request.is_automatic and order.request.wallet is not Wallet.APPLE_PAY
    if needs_page and not url:
        raise Malformed("an order was created without _links.redirect.href")
    if url and not url.startswith(("https://", "http://")):
        raise Malformed("_links.redirect.href is not a web address")
    return BankReport(
        source=Source.ANSWER,
        bank_order_id=bank_order_id,
        external_order_id=order.id,
        status=BankStatus.CREATED,
        payment_url=url,
    )


def action_id(document: Json) -> str:
    """The answer to a refund, a capture or a release.

    Raises:
        Malformed: it has no action id.
    """
    found = _identifier(document, "action_id")
    if not found:
        raise Malformed("action_id is missing")
    return found


def callback(document: Json) -> BankReport:
    """A callback, in its nested shape or the older flat one.

    Raises:
        Malformed: it has no order id or no status.
    """
    body = document.get("body")
    if not isinstance(body, dict):
        raise Malformed("body is missing")
    return receipt(body, Source.CALLBACK)


def receipt(document: Json, source: Source) -> BankReport:
    """A receipt, or the body of a callback.

    Raises:
        Malformed: it has no order id, no status, or an invalid amount.
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
        card=_card(detail),
        merchant_id=_text(_object(document, "client"), "id"),
        disputed=bool(document.get("disputes")),  # the shape is not documented: anything but null or empty is one
    )


def error_message(raw: bytes) -> str:
    """The message of an error body where it is JSON, else the beginning of its text."""
    try:
        document = decode(raw)
    except Malformed:
        return raw[:200].decode("utf-8", "replace")
    found = _text(document, "message") or _text(document, "error_description") or _text(document, "error")
    return found or "no reason given"


def _basket(order: Order) -> list[Json]:
    """The lines of the basket; one line of the whole amount by default."""
    request = order.request
    if not request.options.basket:
        return [
            {
                "product_id": request.product_id,
                "description": request.description,
                "quantity": 1,
                "unit_price": order.amount.amount,
                "total_price": order.amount.amount,
            }
        ]
    return [_line(item) for item in request.options.basket]


def _line(item: BasketItem) -> Json:
    said = {
        "description": item.description or None,
        "unit_discount_price": item.unit_discount.amount if item.unit_discount else None,
        "vat": item.vat.amount if item.vat else None,
        "vat_percent": item.vat_percent,
        "image": item.image,
        "package_code": item.package_code,
        "tin": item.tin,
    }
    line = {"product_id": item.product_id, "quantity": item.quantity, "unit_price": item.unit_price.amount}
    return {**line, **{name: value for name, value in said.items() if value is not None}}


def _config(request: PaymentRequest, wallet_token: str) -> Json:
    options = request.options
    config: dict[str, Any] = {}
    if request.wallet is Wallet.GOOGLE_PAY:
        config["google_pay"] = {"external": True, "google_pay_token": wallet_token}
    if request.wallet is Wallet.APPLE_PAY:
        config["apple_pay"] = {"external": True}
    if options.account_tag is not None:
        config["account"] = {"tag": options.account_tag}
    if options.loan is not None:
        config["loan"] = {"type": options.loan.type, "month": options.loan.month}
    if options.campaign is not None:
        config["campaign"] = {"card": options.campaign.card, "type": options.campaign.type}
    if options.split is not None:
        config["split"] = _split(options.split)
    return config


def _split(split: Split) -> Json:
    return {
        "split_payments": [
            {
                "iban": part.iban,
                **({"percent": part.percent} if part.amount is None else amount_of(part.amount)),
                "description": part.description,
            }
            for part in split.parts
        ]
    }


def _card(detail: Json) -> ReportedCard | None:
    """The card that the payment saved; a charge to a saved card saves none."""
    kind = _SAVED_CARDS.get(_text(detail, "saved_card_type") or "")
    if kind is None or _text(detail, "parent_order_id") or not _text(detail, "payer_identifier"):
        return None
    return ReportedCard(
        kind=kind,
        masked_number=(_text(detail, "payer_identifier") or "")[:32],
        brand=(_text(detail, "card_type") or "")[:16],
        expiry=(_text(detail, "card_expiry_date") or "")[:8],
    )


_SAVED_CARDS = {"recurrent": SaveCard.RECURRENT, "subscription": SaveCard.AUTOMATIC}
_FAILED = ("rejected", "failed", "declined", "canceled", "cancelled", "error")


def _discount(document: Json, currency: Currency | None) -> Money | None:
    """The discounts of the bank and its systems."""
    parts = [_money(document.get(name), currency, name) for name in ("bank_discount_amount", "system_discount_amount")]
    stated = [part for part in parts if part is not None]
    try:
        return sum(stated[1:], stated[0]) if stated else None
    except InvalidMoney as error:
        raise Malformed(f"discounts of {' and '.join(map(str, stated))}: {error}") from None


def _refunds(actions: object, currency: Currency | None) -> tuple[BankRefund, ...]:
    found = []
    for action in actions if isinstance(actions, list) else []:
        if not isinstance(action, dict) or action.get("action") not in ("refund", "partial_refund"):
            continue
        refund_id = _text(action, "action_id")
        amount = _money(action.get("amount"), currency, "actions[].amount")
        if refund_id and amount is not None:
            status = _text(action, "status")
            found.append(
                BankRefund(
                    action_id=refund_id,
                    amount=amount,
                    completed=status == "completed",
                    failed=status in _FAILED,
                    code=_code(action),
                )
            )
    return tuple(found)


def _object(document: Json, name: str) -> Json:
    """A member that is an object; an empty one where it is missing, null or something else (the flat shape)."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _text(document: Json, name: str) -> str | None:
    """A member as text; None where it is missing, null, empty or not a scalar."""
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).replace("\0", "")[:_MOST_TEXT] or None


def _identifier(document: Json, name: str) -> str | None:
    """An id of the bank; it becomes part of a URL, so only letters, digits and dashes are accepted."""
    value = _text(document, name)
    if value is not None and not _IDENTIFIER.fullmatch(value):
        raise Malformed(f"{name} {value[:40]!r} is not an order id")
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
    """An amount sent as a string or a number; None without a currency."""
    if value is None or value == "" or currency is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Malformed(f"{name} is {value!r}: not an amount")
    try:
        return Money(Decimal(value), currency)
    except (InvalidOperation, InvalidMoney) as error:
        raise Malformed(f"{name} is {str(value)[:40]!r}: {error}") from None
