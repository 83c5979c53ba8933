"""Messages for customers, in English and Georgian."""

from __future__ import annotations

from datetime import date

from echodesk_billing.domain.money import Money

_TEXTS = {
    "card_removed": ("The card {card} was removed.", "ბარათი {card} წაიშალა."),
    "card_default": ("The card {card} is now the default card.", "ძირითადი ბარათია {card}."),
    "ended": ("The subscription has ended.", "გამოწერა დასრულდა."),
    "cancelled": (
        "The subscription is cancelled. You have access until {day}.",
        "გამოწერა გაუქმდა. წვდომა გექნებათ {day}-მდე.",
    ),
    "resumed": ("The subscription continues.", "გამოწერა გრძელდება."),
    "resumed_until": (
        "The subscription continues. The next payment is due on {day}.",
        "გამოწერა გრძელდება. შემდეგი გადახდის თარიღია {day}.",
    ),
    "trial_resumed": ("The trial continues until {day}.", "საცდელი პერიოდი გრძელდება {day}-მდე."),
    "pay_now": (
        "Pay {amount} to switch to {plan} now.",
        "გადაიხადეთ {amount}, რომ ახლავე გადახვიდეთ გეგმაზე „{plan}“.",
    ),
    "scheduled": (
        "{plan} starts on {day}, at {amount} a month.",
        "„{plan}“ ამოქმედდება {day}-დან, ფასი თვეში: {amount}.",
    ),
    "replaced": (
        " The change to {plan} scheduled for {day} is cancelled.",
        " {day}-ისთვის დაგეგმილი ცვლილება („{plan}“) გაუქმდა.",
    ),
    "schedule_dropped": ("The scheduled change was cancelled.", "დაგეგმილი ცვლილება გაუქმდა."),
}


def say(language: str, key: str, **values: str | date | Money) -> str:
    """A text in Georgian (`ka`), or in English for any other language."""
    english, georgian = _TEXTS[key]
    return (georgian if language == "ka" else english).format(**values)
