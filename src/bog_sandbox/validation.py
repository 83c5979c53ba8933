"""Which requests the bank accepts, and which it answers with 400."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from bog_sandbox.orders import Json

MOST_SPLIT_PARTS = 10
SPLIT_METHODS = ("card", "google_pay", "apple_pay", "bog_loyalty", "bog_p2p")
SPLIT_DESCRIPTION = re.compile(r"[0-9 /\-?:().,'+a-zA-Z]{0,25}")
CURRENCIES = ("GEL", "USD", "EUR", "GBP")
METHODS = ("card", "google_pay", "apple_pay", "bog_p2p", "bog_loyalty", "bnpl", "bog_loan", "gift_card")
TTL_MINUTES = (2, 1440)


class Refused(Exception):
    """A call that the bank rejects.

    Args:
        status: of its answer.
        message: in its answer.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def create_order(body: Json, *, strict_amounts: bool = False) -> None:
    """Check the body of a create call.

    Args:
        strict_amounts: amounts must be numbers; the real bank is known to accept strings too.

    Raises:
        Refused: a member is missing or wrong.
    """
    callback_url(body)
    units = _object(body, "purchase_units")
    if units.get("currency", "GEL") not in CURRENCIES:
        raise Refused(400, f"purchase_units.currency must be one of {', '.join(CURRENCIES)}")
    amount(units.get("total_amount"), "purchase_units.total_amount", strict=strict_amounts)
    basket = units.get("basket")
    if not isinstance(basket, list) or not basket:
        raise Refused(400, "purchase_units.basket is required")
    for item in basket:
        _basket_item(item, strict=strict_amounts)
    _one_of(body, "capture", ("automatic", "manual"))
    _one_of(body, "application_type", ("web", "mobile"))
    _ttl(body.get("ttl"))
    _methods(body)
    for name in ("redirect_urls", "buyer", "config"):
        if name in body and body[name] is not None:
            _object(body, name)
    _google_pay((body.get("config") or {}).get("google_pay") or {})
    _split(body, (body.get("config") or {}).get("split"))


def subscription(body: Json) -> None:
    """Check the body of an automatic charge: both members are optional, all others are ignored.

    Raises:
        Refused: a member is wrong.
    """
    if body.get("callback_url") is not None or not isinstance(body.get("external_order_id"), str | None):
        callback_url({"callback_url": "https://shop.example/", **body})


def callback_url(body: Json) -> None:
    """Check `callback_url`, and `external_order_id` where it is given.

    Raises:
        Refused: the URL is missing or not https. Plain http is accepted only for this machine, which the real
            bank could not reach.
    """
    url = body.get("callback_url")
    if not isinstance(url, str) or not url:
        raise Refused(400, "callback_url is required")
    parts = urlsplit(url)
    loopback = parts.hostname in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", parts.hostname or "")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise Refused(400, "callback_url must be an https address")
    external = body.get("external_order_id")
    if external is not None and not isinstance(external, str):
        raise Refused(400, "external_order_id must be a string")


def amount(value: Any, name: str, *, strict: bool = False) -> Decimal:
    """An amount above zero with at most two decimals: a JSON number, or a string of one.

    Args:
        strict: accept numbers only.

    Raises:
        Refused: it is not valid.
    """
    exact = _number(value, strict=strict)
    if exact is None:
        raise Refused(400, f"{name} must be a number" if value is not None else f"{name} is required")
    if not exact.is_finite() or not 0 < exact < 10**12 or exact != exact.quantize(Decimal("0.01")):
        raise Refused(400, f"{name} must be above zero and have at most two decimals")
    return exact.quantize(Decimal("0.01"))


def _basket_item(item: Any, *, strict: bool) -> None:
    if not isinstance(item, dict):
        raise Refused(400, "purchase_units.basket must be a list of objects")
    if not isinstance(item.get("product_id"), str) or not item["product_id"]:
        raise Refused(400, "purchase_units.basket.product_id is required")
    quantity = _number(item.get("quantity"), strict=strict)
    if quantity is None or not quantity.is_finite() or quantity <= 0:
        raise Refused(400, "purchase_units.basket.quantity must be a number above zero")
    price = _number(item.get("unit_price"), strict=strict)
    if price is None or not price.is_finite() or price < 0:
        raise Refused(400, "purchase_units.basket.unit_price must be a number")


def _number(value: Any, *, strict: bool) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str) or (strict and isinstance(value, str)):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def _ttl(ttl: Any) -> None:
    least, most = TTL_MINUTES
    if ttl is not None and (isinstance(ttl, bool) or not isinstance(ttl, int) or not least <= ttl <= most):
        raise Refused(400, f"ttl must be from {least} to {most} minutes")


def _methods(body: Json) -> None:
    methods = body.get("payment_method")
    if methods is None:
        return
    if not isinstance(methods, list) or any(method not in METHODS for method in methods):
        raise Refused(400, f"payment_method must be a list of {', '.join(METHODS)}")
    if len(set(methods)) == 1 and {"bnpl", "bog_loan"} & set(methods) and not (body.get("config") or {}).get("loan"):
        raise Refused(400, "config.loan is required where bnpl or bog_loan is the only method")


def _split(body: Json, split: Any) -> None:
    """A split as documented, or as some clients send it (`transfers`)."""
    if split is None:
        return
    parts = (split.get("split_payments") or split.get("transfers")) if isinstance(split, dict) else None
    units = body["purchase_units"]
    if not isinstance(parts, list) or not 0 < len(parts) <= MOST_SPLIT_PARTS:
        raise Refused(400, f"config.split.split_payments must be a list of 1 to {MOST_SPLIT_PARTS} objects")
    if units.get("currency", "GEL") != "GEL":
        raise Refused(400, "config.split is for payments in GEL")
    if set(body.get("payment_method") or []) - set(SPLIT_METHODS):
        raise Refused(400, f"config.split is for {', '.join(SPLIT_METHODS)}")
    total = Decimal(0)
    for part in parts:
        if not isinstance(part, dict) or not isinstance(part.get("iban"), str):
            raise Refused(400, "config.split.split_payments.iban is required")
        if not SPLIT_DESCRIPTION.fullmatch(str(part.get("description") or "")):
            raise Refused(400, "config.split.split_payments.description is not up to 25 Latin letters and signs")
        if part.get("percent") is not None:
            share = amount(part["percent"], "config.split.split_payments.percent")
            total += share * amount(units["total_amount"], "purchase_units.total_amount") / 100
        else:
            total += amount(part.get("amount"), "config.split.split_payments.amount")
    if total != amount(units["total_amount"], "purchase_units.total_amount"):
        raise Refused(400, "config.split.split_payments must make purchase_units.total_amount")


def _google_pay(config: Json) -> None:
    token = config.get("google_pay_token")
    if config.get("external") and (not isinstance(token, str) or not token):
        raise Refused(400, "config.google_pay.google_pay_token is required")


def _one_of(body: Json, name: str, allowed: tuple[str, ...]) -> None:
    if body.get(name) is not None and body[name] not in allowed:
        raise Refused(400, f"{name} must be one of {', '.join(allowed)}")


def _object(body: Json, name: str) -> Json:
    value = body.get(name)
    if not isinstance(value, dict):
        raise Refused(400, f"{name} is required")
    return value
