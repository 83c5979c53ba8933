"""A try to pay: cards that behave in known ways, and the codes it can end with."""

from __future__ import annotations

from decimal import Decimal

from attrs import define

from bog_sandbox.orders import Card

CODES = {
    "100": "Successful payment",
    "101": "Card use is limited",
    "102": "Saved card not found",
    "103": "Invalid card",
    "104": "Transaction count limit exceeded",
    "105": "Expired card",
    "106": "Amount limit exceeded",
    "107": "Insufficient funds",
    "108": "Authentication declined",
    "109": "Technical fault",
    "110": "Transaction expired",
    "111": "Authentication timed out",
    "112": "General error",
    "122": "Declined by the acquirer",
    "199": "Answer not recognised",
    "200": "Successful pre-authorisation",
}
GOOD_CARDS = ("4000000000000001", "5300000000000001")
POOR_CARD = "4000000000000002"
ONCE_CARD = "4000000000000003"


@define(kw_only=True)
class Payment:
    """One try to pay: with which card, and what is to come of it."""

    card: Card
    code: str | None = None
    three_d_secure: str = "pass"
    discount: Decimal | None = None
