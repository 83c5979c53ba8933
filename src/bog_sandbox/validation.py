"""What the bank takes and what it sends back with a 400."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from bog_sandbox.orders import Json

CURRENCIES = ("GEL", "USD", "EUR", "GBP")
METHODS = ("card", "google_pay", "apple_pay", "bog_p2p", "bog_loyalty", "bnpl", "bog_loan", "gift_card")
TTL_MINUTES = (2, 1440)


class Refused(Exception):
    """A call that the bank turns away.

    Args:
        status: of its answer.
        message: in its answer.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def create_order(body: Json) -> None:
    """Check the body of a create call.

    Raises:
        Refused: a member is missing or wrong.
    """
    callback_url(body)
    units = _object(body, "purchase_units")
    if units.get("currency", "GEL") not in CURRENCIES:
        raise Refused(400, f"purchase_units.currency must be one of {', '.join(CURRENCIES)}")
    amount(units.get("total_amount"), "purchase_units.total_amount")
    basket = units.get("basket")
    if not isinstance(basket, list) or not basket:
        raise Refused(400, "purchase_units.basket is required")
    for item in basket:
        _basket_item(item)
    _one_of(body, "capture", ("automatic", "manual"))
    _one_of(body, "application_type", ("web", "mobile"))
    _ttl(body.get("ttl"))
    _methods(body)
    for name in ("redirect_urls", "buyer", "config"):
        if name in body and body[name] is not None:
            _object(body, name)
    _google_pay((body.get("config") or {}).get("google_pay") or {})


def callback_url(body: Json) -> None:
    """Check `callback_url`, and `external_order_id` where it is given.

    Raises:
        Refused: the address is missing or not https. Plain http is taken for this machine alone, which the real
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


def amount(value: Any, name: str) -> Decimal:
    """An amount: a JSON number above zero with at most two decimals.

    Raises:
        Refused: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Refused(400, f"{name} must be a number" if value is not None else f"{name} is required")
    exact = Decimal(value)
    if not 0 < exact < 10**12 or exact != exact.quantize(Decimal("0.01")):
        raise Refused(400, f"{name} must be above zero and have at most two decimals")
    return exact.quantize(Decimal("0.01"))


def _basket_item(item: Any) -> None:
    if not isinstance(item, dict):
        raise Refused(400, "purchase_units.basket must be a list of objects")
    if not isinstance(item.get("product_id"), str) or not item["product_id"]:
        raise Refused(400, "purchase_units.basket.product_id is required")
    quantity = item.get("quantity")
    if isinstance(quantity, bool) or not isinstance(quantity, int | Decimal) or quantity <= 0:
        raise Refused(400, "purchase_units.basket.quantity must be a number above zero")
    price = item.get("unit_price")
    if isinstance(price, bool) or not isinstance(price, int | Decimal) or price < 0:
        raise Refused(400, "purchase_units.basket.unit_price must be a number")


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
    if {"bnpl", "bog_loan"} & set(methods) and not (body.get("config") or {}).get("loan"):
        raise Refused(400, "config.loan is required with bnpl and bog_loan")


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
