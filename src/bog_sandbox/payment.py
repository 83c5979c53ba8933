"""A payment attempt: test cards with known behaviour, and the codes an attempt can end with."""

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
GEORGIAN = {
    "100": "გადახდა წარმატებულია",
    "101": "ბარათის გამოყენება შეზღუდულია",
    "102": "შენახული ბარათი ვერ მოიძებნა",
    "103": "ბარათი არასწორია",
    "104": "ტრანზაქციების რაოდენობის ლიმიტი ამოწურულია",
    "105": "ბარათს ვადა გაუვიდა",
    "106": "თანხის ლიმიტი გადაჭარბებულია",
    "107": "ბარათზე საკმარისი თანხა არ არის",
    "108": "ავთენტიფიკაცია უარყოფილია",
    "109": "ტექნიკური ხარვეზი",
    "110": "ტრანზაქციის დრო ამოიწურა",
    "111": "ავთენტიფიკაციის დრო ამოიწურა",
    "112": "ზოგადი შეცდომა",
    "122": "გადახდა უარყოფილია",
    "199": "პასუხი უცნობია",
    "200": "თანხა დაიბლოკა",
}
"""The same on the page of a customer who reads Georgian; the API answers in English."""
GOOD_CARDS = ("4000000000000001", "5300000000000001")
POOR_CARD = "4000000000000002"
ONCE_CARD = "4000000000000003"


@define(kw_only=True)
class Payment:
    """One payment attempt: the card and the outcome."""

    card: Card
    code: str | None = None
    three_d_secure: str = "pass"
    discount: Decimal | None = None
