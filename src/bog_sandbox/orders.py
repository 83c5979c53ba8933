"""An order at the bank, and its receipt."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from attrs import define, field

Json = dict[str, Any]

TBILISI = timedelta(hours=4)
CENT = Decimal("0.01")
DISPUTE = "dispute"
PENDING = "requested"  # no status of the bank's: it lists what is done, and its order is `refund_requested` meanwhile

STATUS_NAMES = {
    "created": "Created",
    "processing": "Processing",
    "completed": "Completed",
    "rejected": "Rejected",
    "refund_requested": "Refund requested",
    "refunded": "Refunded",
    "refunded_partially": "Refunded partially",
    "auth_requested": "Authorization requested",
    "blocked": "Blocked",
    "partial_completed": "Partially completed",
}


@define(kw_only=True)
class Card:
    """A card as it was used: what a receipt may show of it, and the number that the issuer knows."""

    number: str
    expiry: str = "12/30"
    method: str = "card"

    @property
    def masked(self) -> str:
        """As on a receipt."""
        return f"{self.number[:6]}***{self.number[-4:]}"

    @property
    def brand(self) -> str:
        """As on a receipt."""
        return {"4": "visa", "5": "mc", "3": "amex"}.get(self.number[:1], "unknown")


@define(kw_only=True)
class Order:
    """An order at the bank. `request` is the create call's body.

    Args:
        states_gross: whether its receipt states the gross amount after refunds instead of the net amount.
    """

    id: str
    request: Json
    amount: Decimal
    currency: str
    capture: str
    language: str
    created_at: datetime
    expires_at: datetime
    status: str = "created"
    code: str | None = None
    code_description: str | None = None
    reject_reason: str | None = None
    card: Card | None = None
    transaction_id: str | None = None
    transferred: Decimal | None = None
    refunded: Decimal = Decimal("0.00")
    discount: Decimal | None = None
    saving: str | None = None
    saved: bool = False
    parent_order_id: str | None = None
    option: str = "direct_debit"
    is_automatic: bool = False
    actions: list[Json] = field(factory=list)
    states_gross: bool = False

    @property
    def is_payable(self) -> bool:
        """Whether the customer can pay it."""
        return self.status in ("created", "processing", "auth_requested")

    @property
    def had_a_card_saved(self) -> bool:
        """Whether paying it saved a card; releasing a hold afterwards does not change that."""
        was_released = any(action["action"] == "cancel_authorize" for action in self.actions)
        return self.saving is not None and (self.transferred is not None or was_released)

    @property
    def pending(self) -> Decimal:
        """The sum of pending refunds."""
        amounts = [Decimal(action["amount"]) for action in self.actions if action["status"] == PENDING]
        return sum(amounts, Decimal("0.00"))

    @property
    def stated(self) -> Decimal | None:
        """The paid amount on the receipt."""
        return self.transferred if self.transferred is None or self.states_gross else self.transferred - self.refunded

    @property
    def callback_url(self) -> str:
        """The URL of its callbacks."""
        return str(self.request["callback_url"])


def money(value: Decimal | None) -> str | None:
    """An amount as on receipts: an unpadded string (`100.5`, `0.0`), or null."""
    if value is None:
        return None
    padded = str(value.quantize(CENT))
    return padded.removesuffix("0") if padded.endswith("0") else padded


def zoned(moment: datetime) -> str:
    """A moment in UTC, as in `zoned_…` members."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def local(moment: datetime) -> str:
    """A moment in Tbilisi without a zone, as in the other members."""
    return (moment + TBILISI).strftime("%Y-%m-%dT%H:%M:%S.%f")


def receipt(order: Order) -> Json:
    """The receipt of an order: amounts as strings, null where nothing was paid yet."""
    request = order.request
    redirects = request.get("redirect_urls") or {}
    buyer = request.get("buyer")
    return {
        "order_id": order.id,
        "industry": "ecommerce",
        "capture": order.capture,
        "external_order_id": request.get("external_order_id"),
        "client": {
            "id": "10001",
            "brand_ka": "სატესტო მაღაზია",
            "brand_en": "Test shop",
            "url": "https://shop.example",
        },
        "create_date": local(order.created_at),
        "zoned_create_date": zoned(order.created_at),
        "expire_date": local(order.expires_at),
        "zoned_expire_date": zoned(order.expires_at),
        "order_status": {"key": order.status, "value": STATUS_NAMES[order.status]},
        "buyer": {
            "full_name": buyer.get("full_name"),
            "email": buyer.get("masked_email"),
            "phone_number": buyer.get("masked_phone"),
        }
        if isinstance(buyer, dict)
        else None,
        "purchase_units": {
            "request_amount": money(order.amount),
            "transfer_amount": money(order.stated),
            "refund_amount": money(order.refunded),
            "currency_code": order.currency,
            "items": [_item(item) for item in request["purchase_units"]["basket"]],
        },
        "redirect_links": {"success": redirects.get("success"), "fail": redirects.get("fail")},
        "payment_detail": _detail(order),
        "actions": [dict(one) for one in order.actions if one["status"] != PENDING and one["action"] != DISPUTE]
        or None,
        "discount": _discount(order),
        "disputes": [_dispute(one) for one in order.actions if one["action"] == DISPUTE] or None,
        "split": _split(order),
        "lang": order.language,
        "reject_reason": order.reject_reason,
    }


def _dispute(action: Json) -> Json:
    """A dispute; the bank does not document its members, so these are ours."""
    return {"dispute_id": action["action_id"], "amount": action["amount"], "create_date": action["zoned_action_date"]}


def _item(item: Json) -> Json:
    return {
        "external_item_id": item["product_id"],
        "description": item.get("description"),
        "quantity": str(item["quantity"]),
        "unit_price": money(Decimal(item["unit_price"])),
        "unit_discount_price": money(Decimal(item.get("unit_discount_price") or 0)),
        **{name: _stated(item.get(name)) for name in ("vat", "vat_percent", "total_price")},
        **{name: item.get(name) for name in ("package_code", "tin", "pinfl", "product_discount_id")},
    }


def _split(order: Order) -> Json | None:
    split = (order.request.get("config") or {}).get("split")
    if not split:
        return None
    parts = [
        {**part, "amount": _stated(part.get("amount")), "percent": _stated(part.get("percent"))}
        for part in split.get("split_payments") or split.get("transfers")
    ]
    status = {"rejected": "rejected", "completed": "completed"}.get(order.status, "created")
    return {"split_status": "completed" if order.refunded or order.pending else status, "split_payments": parts}


def _stated(value: Any) -> str | None:
    """An optional amount of a basket's line, as a string like all amounts."""
    return None if value is None else money(Decimal(value))


def _detail(order: Order) -> Json:
    card = order.card
    account = ((order.request.get("config") or {}).get("account") or {}).get("tag")
    return {
        "transfer_method": {"key": card.method, "value": card.method.replace("_", " ")}
        if card
        else {"key": "", "value": ""},
        "transaction_id": order.transaction_id,
        "pg_trx_id": f"pg-{order.transaction_id}" if order.transaction_id else None,
        "auth_code": order.transaction_id[-6:] if order.transaction_id and order.transferred is not None else None,
        "payer_identifier": card.masked if card else None,
        "card_type": card.brand if card else None,
        "card_expiry_date": card.expiry if card else None,
        "payment_option": order.option if card else None,
        "saved_card_type": order.saving,
        "parent_order_id": order.parent_order_id,
        "request_account_tag": account,
        "transfer_account_tag": account,
        "code": order.code,
        "code_description": order.code_description,
    }


def _discount(order: Order) -> Json | None:
    if order.discount is None:
        return None
    return {
        "bank_discount_amount": money(order.discount),
        "bank_discount_desc": "Bank's discount",
        "discounted_amount": money(order.amount - order.discount),
        "original_order_amount": money(order.amount),
        "system_discount_amount": None,
        "system_discount_desc": None,
    }
