"""The story of an order, a sentence for each step, in Georgian and English."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.response_codes import response_code

_SENTENCES = {
    "create": ("შეკვეთა შეიქმნა: {amount}.", "The order was made: {amount}."),
    "import": ("შეკვეთა ძველი სისტემიდან გადმოვიდა.", "The order was imported from the old system."),
    "begin": ("ბანკმა შეკვეთა მიიღო და კლიენტს შეუძლია გადახდა.", "The bank took it on: the customer can pay."),
    "authorize": ("თანხა ბარათზე დაიბლოკა.", "The money is held on the card."),
    "complete": ("ბანკმა გადახდა დაადასტურა: {captured}.", "The bank confirmed the payment: {captured}."),
    "reject": ("გადახდა არ შედგა{code}.", "The payment was not made{code}."),
    "release": ("დაბლოკილი თანხა გათავისუფლდა.", "The held money was released."),
    "correct": (
        "ბანკმა უარი გადახდით შეცვალა და ქვითარმა ეს დაადასტურა.",
        "The bank took its rejection back, and its receipt confirms the payment.",
    ),
    "refund_partially": ("თანხის ნაწილი დაბრუნდა.", "A part was refunded."),
    "refund": ("თანხა სრულად დაბრუნდა.", "All of it was refunded."),
    "asked": ("ბანკს ვკითხეთ, რა მოხდა{detail}.", "The bank was asked what became of it{detail}."),
    "attention": ("საჭიროა ყურადღება{detail}.", "It needs attention{detail}."),
    "attention_cleared": ("ყურადღება აღარ სჭირდება{detail}.", "It no longer needs attention{detail}."),
    "resolved": ("მოგვარებულად მოინიშნა{detail}.", "It was resolved{detail}."),
    "refund_requested": ("თანხის დაბრუნება მოითხოვეს{detail}.", "A refund was requested{detail}."),
    "refund_accepted": ("ბანკმა თანხის დაბრუნება მიიღო.", "The bank took the refund on."),
    "refund_repeated": ("თანხის დაბრუნება გამეორდა.", "The refund was sent to the bank again."),
    "refund_in_doubt": (
        "ბანკმა დაბრუნებაზე არ გვიპასუხა{detail}.",
        "The bank did not answer about the refund{detail}.",
    ),
    "refund_refused": ("ბანკმა დაბრუნებაზე უარი თქვა{detail}.", "The bank refused the refund{detail}."),
    "create_in_doubt": ("ბანკმა არ გვიპასუხა{detail}.", "The bank did not answer{detail}."),
    "create_repeated": ("მოთხოვნა ბანკს ხელახლა გაეგზავნა.", "The request was sent to the bank again."),
    "save_card_accepted": ("ბარათი შეინახა.", "The card was saved."),
    "save_card_in_doubt": (
        "უცნობია, შეინახა თუ არა ბანკმა ბარათი.",
        "It is not known whether the bank saved the card.",
    ),
    "capture_accepted": ("ბანკმა თანხის ჩამოჭრა მიიღო.", "The bank took the capture on."),
    "release_accepted": ("ბანკმა თანხის გათავისუფლება მიიღო.", "The bank took the release on."),
    "retry_requested": ("ოპერატორმა ჩამოჭრა მოითხოვა{detail}.", "An operator asked for the charge{detail}."),
    "transfer_recorded": ("საბანკო გადარიცხვა ჩაიწერა{detail}.", "A bank transfer was recorded{detail}."),
}
_SOURCES = {
    "callback": ("ბანკის შეტყობინება", "callback"),
    "receipt": ("ბანკის ქვითარი", "receipt"),
    "answer": ("ბანკის პასუხი", "bank's answer"),
    "request": ("მოთხოვნა", "request"),
    "import": ("იმპორტი", "import"),
}


@frozen
class Sentence:
    """One step of the story.

    Args:
        source: who said so.
        by: the person behind it, if any.
    """

    at: datetime
    text: str
    source: str
    by: str


def story(order: Order, history: Sequence[Step], language: str) -> list[Sentence]:
    """The story of an order, oldest first."""
    place = ("ka", "en").index(language)
    return [
        Sentence(step.at, _told(order, step, place), _SOURCES.get(step.source, (step.source,) * 2)[place], step.by)
        for step in history
    ]


def _told(order: Order, step: Step, place: int) -> str:
    known = _SENTENCES.get(step.event)
    if known is None:
        return f"{step.event.replace('_', ' ')} {step.detail}".strip()
    code = order.response_code
    meaning = response_code(code) if code else None
    return known[place].format(
        amount=order.amount,
        captured=order.captured or order.amount,
        detail=f": {step.detail}" if step.detail else "",
        code=f": {code}, {meaning.georgian if place == 0 else meaning.meaning}".rstrip(".") if meaning else "",
    )
