"""Messages for customers, in English and Georgian."""

from __future__ import annotations

from datetime import date

from echodesk_billing.domain.catalogue.pricing import Plan
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
    "feature_pay_now": (
        "Pay {amount} to add {feature} now.",
        "გადაიხადეთ {amount}, რომ „{feature}“ ახლავე დაემატოს.",
    ),
    "feature_added": (
        "{feature} is added from {day}. From then on the subscription costs {amount} a month.",
        "„{feature}“ დაემატება {day}-დან. მას შემდეგ გამოწერის ფასი თვეში იქნება {amount}.",
    ),
    "feature_removed": (
        "{feature} is removed from {day}. From then on the subscription costs {amount} a month.",
        "„{feature}“ გაითიშება {day}-დან. მას შემდეგ გამოწერის ფასი თვეში იქნება {amount}.",
    ),
    "per_agent": ("/agent/month", "/აგენტი/თვე"),
    "per_month": ("/month", "/თვე"),
    "card_pays": (
        "Pay {amount} with the new card now: it pays until {day}, and later periods are charged to this card.",
        "გადაიხადეთ {amount} ახალი ბარათით: გამოწერა {day}-მდე იქნება გადახდილი, მერე კი თანხა ამ ბარათით ჩამოიჭრება.",
    ),
    "card_check": (
        (
            "The card is saved with a payment of {amount}, which is refunded. It is for payments that you make "
            "yourself: the bank lets us charge a card by itself only with the amount it first paid. To have it charged "
            "for renewals, pay a period with it."
        ),
        (
            "ბარათის დასამახსოვრებლად ჩამოიჭრება {amount}, რომელიც დაგიბრუნდებათ. ამ ბარათით თქვენ თვითონ გადაიხდით: "
            "ბანკი ავტომატურად მხოლოდ იმ თანხის ჩამოჭრის უფლებას გვაძლევს, რომელიც ბარათით პირველად გადაიხადეთ. რომ "
            "გამოწერა ამ ბარათით გაგრძელდეს, გადაიხადეთ მისით ერთი პერიოდი."
        ),
    ),
    "replaced": (
        " The change to {plan} scheduled for {day} is cancelled.",
        " {day}-ისთვის დაგეგმილი ცვლილება („{plan}“) გაუქმდა.",
    ),
    "coupon_days": ("The coupon adds {days} free days at the start.", "კუპონით დასაწყისში {days} დღე უფასოა."),
    "coupon_percent": (
        "The coupon lowers the price to {amount} for as long as the subscription runs.",
        "კუპონით ფასია {amount}, სანამ გამოწერა გრძელდება.",
    ),
    "coupon_periods": (
        (
            "The coupon lowers the price to {amount} for the first {periods} periods. Then the price is {full}, and "
            "you will have to confirm the first payment of it."
        ),
        (
            "კუპონით პირველი {periods} პერიოდის ფასია {amount}. შემდეგ ფასი იქნება {full}, და მის პირველ გადახდას "
            "თქვენ თვითონ დაადასტურებთ."
        ),
    ),
    "schedule_dropped": ("The scheduled change was cancelled.", "დაგეგმილი ცვლილება გაუქმდა."),
}


def say(language: str, key: str, **values: str | int | date | Money) -> str:
    """A text in Georgian (`ka`), or in English for any other language."""
    english, georgian = _TEXTS[key]
    return (georgian if language == "ka" else english).format(**values)


def coupon_notice(plan: Plan | None, free_days: int, language: str) -> str | None:
    """What a coupon does to a purchase, said before it is paid; None without one."""
    if free_days:
        return say(language, "coupon_days", days=free_days)
    discount = plan.discount if plan else None
    if plan is None or discount is None or discount.ends is not None:
        return None
    if discount.periods is None:
        return say(language, "coupon_percent", amount=plan.price)
    full = plan.price + discount.amount
    return say(language, "coupon_periods", amount=plan.price, periods=discount.periods, full=full)
