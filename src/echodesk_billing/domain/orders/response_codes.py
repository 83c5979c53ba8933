"""The bank's response codes: meaning, message for the customer, and whether a retry can help.

Source: the bank's documentation of response codes; docs/retries.md.
"""

from __future__ import annotations

import enum

from attrs import frozen

PAID = "100"
PREAUTHORISED = "200"


class RetryAdvice(enum.StrEnum):
    """Whether and how a charge may be retried after a code."""

    LATER = "later"
    SOON = "soon"
    NEW_CARD = "new card"
    CUSTOMER_PRESENT = "customer present"
    NEVER = "never"

    @property
    def allows_retry(self) -> bool:
        """Whether an automatic retry can help."""
        return self in (RetryAdvice.LATER, RetryAdvice.SOON)


@frozen
class ResponseCode:
    """One code of the bank.

    Args:
        code: as the bank writes it, for example `107`.
        meaning: for engineers and operators.
        english: message for the customer in English.
        georgian: the same in Georgian.
        russian: the same in Russian.
        advice: whether and how to retry.
    """

    code: str
    meaning: str
    english: str
    georgian: str
    russian: str
    advice: RetryAdvice

    def message(self, language: str) -> str:
        """The message for the customer: Georgian for `ka`, Russian for `ru`, English otherwise."""
        return {"ka": self.georgian, "ru": self.russian}.get(language, self.english)


_A = RetryAdvice
_REFUND_ENGLISH = "The refund could not be made. We are looking into it and will contact you."
_REFUND_GEORGIAN = "თანხის დაბრუნება ვერ შესრულდა. ვარკვევთ მიზეზს და დაგიკავშირდებით."

_REFUND_RUSSIAN = "Вернуть деньги не удалось. Мы разбираемся и свяжемся с вами."

_TABLE = (
    ResponseCode(
        PAID, "paid", "The payment was successful.", "გადახდა წარმატებით შესრულდა.", "Оплата прошла успешно.", _A.NEVER
    ),
    ResponseCode(
        PREAUTHORISED,
        "pre-authorised",
        "The amount is reserved on your card.",
        "თანხა დაიბლოკა თქვენს ბარათზე.",
        "Сумма заблокирована на вашей карте.",
        _A.NEVER,
    ),
    ResponseCode(
        "101",
        "card use limited",
        "Your card is restricted. Ask your bank, or use another card.",
        "ბარათის გამოყენება შეზღუდულია. მიმართეთ თქვენს ბანკს ან გამოიყენეთ სხვა ბარათი.",
        "Карта ограничена. Обратитесь в свой банк или используйте другую карту.",
        _A.LATER,
    ),
    ResponseCode(
        "102",
        "saved card not found",
        "The saved card was not found. Please add your card again.",
        "შენახული ბარათი ვერ მოიძებნა. გთხოვთ, დაამატოთ ბარათი ხელახლა.",
        "Сохранённая карта не найдена. Добавьте карту ещё раз.",
        _A.NEW_CARD,
    ),
    ResponseCode(
        "103",
        "invalid card",
        "The card is not valid. Check its details, or use another card.",
        "ბარათი არასწორია. შეამოწმეთ მონაცემები ან გამოიყენეთ სხვა ბარათი.",
        "Карта недействительна. Проверьте её данные или используйте другую карту.",
        _A.NEW_CARD,
    ),
    ResponseCode(
        "104",
        "transaction count limit",
        "The card has reached its number of payments. Try again later.",
        "ამოწურულია ბარათით გადახდების დასაშვები რაოდენობა. სცადეთ მოგვიანებით.",
        "Исчерпано число платежей по карте. Попробуйте позже.",
        _A.LATER,
    ),
    ResponseCode(
        "105",
        "expired card",
        "The card has expired. Please use another card.",
        "ბარათს ვადა გაუვიდა. გთხოვთ, გამოიყენოთ სხვა ბარათი.",
        "Срок карты истёк. Используйте другую карту.",
        _A.NEW_CARD,
    ),
    ResponseCode(
        "106",
        "amount limit",
        "The amount is above your card's limit. Raise the limit, or try again later.",
        "თანხა აღემატება ბარათის ლიმიტს. გაზარდეთ ლიმიტი ან სცადეთ მოგვიანებით.",
        "Сумма превышает лимит карты. Увеличьте лимит или попробуйте позже.",
        _A.LATER,
    ),
    ResponseCode(
        "107",
        "insufficient funds",
        "There is not enough money on the card. Top it up, or use another card.",
        "ბარათზე საკმარისი თანხა არ არის. შეავსეთ ბარათი ან გამოიყენეთ სხვა.",
        "На карте недостаточно денег. Пополните её или используйте другую карту.",
        _A.LATER,
    ),
    ResponseCode(
        "108",
        "authentication declined",
        "Your bank did not confirm that it is you. Pay again and confirm.",
        "თქვენმა ბანკმა ვერ დაადასტურა თქვენი ვინაობა. გადაიხადეთ თავიდან და დაადასტურეთ.",
        "Ваш банк не подтвердил, что это вы. Оплатите ещё раз и подтвердите платёж.",
        _A.CUSTOMER_PRESENT,
    ),
    ResponseCode(
        "109",
        "technical fault",
        "The bank has a technical problem. Try again in a few minutes.",
        "ბანკში ტექნიკური შეფერხებაა. სცადეთ რამდენიმე წუთში.",
        "У банка техническая неполадка. Попробуйте через несколько минут.",
        _A.SOON,
    ),
    ResponseCode(
        "110",
        "transaction expired",
        "The payment took too long. Please try again.",
        "გადახდის დრო ამოიწურა. გთხოვთ, სცადოთ თავიდან.",
        "Время платежа истекло. Попробуйте ещё раз.",
        _A.SOON,
    ),
    ResponseCode(
        "111",
        "authentication timed out",
        "The confirmation took too long. Pay again and confirm in time.",
        "დადასტურების დრო ამოიწურა. გადაიხადეთ თავიდან და დროულად დაადასტურეთ.",
        "Время подтверждения истекло. Оплатите ещё раз и подтвердите вовремя.",
        _A.CUSTOMER_PRESENT,
    ),
    ResponseCode(
        "112",
        "general error",
        "The payment did not go through. Try again later.",
        "გადახდა ვერ შესრულდა. სცადეთ მოგვიანებით.",
        "Платёж не прошёл. Попробуйте позже.",
        _A.LATER,
    ),
    ResponseCode(
        "122",
        "declined by the acquirer",
        "The payment was declined. Try again later, or use another card.",
        "გადახდა უარყოფილია. სცადეთ მოგვიანებით ან გამოიყენეთ სხვა ბარათი.",
        "Платёж отклонён. Попробуйте позже или используйте другую карту.",
        _A.LATER,
    ),
    ResponseCode(
        "199",
        "answer not recognised",
        "We do not know yet whether you have paid. Do not pay again: we are checking.",
        "ჯერ უცნობია, შესრულდა თუ არა გადახდა. ნუ გადაიხდით თავიდან: ვამოწმებთ.",
        "Пока неизвестно, прошла ли оплата. Не платите ещё раз: мы проверяем.",
        _A.NEVER,
    ),
    *(
        ResponseCode(code, meaning, _REFUND_ENGLISH, _REFUND_GEORGIAN, _REFUND_RUSSIAN, _A.NEVER)
        for code, meaning in (
            ("161", "refund failed: call the bank"),
            ("162", "refund failed: declined by the issuer"),
            ("163", "refund failed: the merchant's balance is not settled yet, try again later"),
            ("164", "refund failed: call the bank"),
            ("165", "refund failed: call the bank"),
            ("166", "refund failed: call the bank"),
            ("167", "refund failed: card expired or invalid"),
            ("168", "refund failed: call the bank"),
            ("169", "refund failed: card expired or invalid"),
            ("179", "refund failed: call the bank"),
        )
    ),
)

RESPONSE_CODES = {row.code: row for row in _TABLE}


def response_code(code: str) -> ResponseCode:
    """Look up a code; an unknown one has a general message and is not retried."""
    return RESPONSE_CODES.get(code) or ResponseCode(
        code,
        "not in the bank's published table",
        f"The payment did not go through (code {code}). Use another card, or contact us.",
        f"გადახდა ვერ შესრულდა (კოდი {code}). გამოიყენეთ სხვა ბარათი ან დაგვიკავშირდით.",
        f"Платёж не прошёл (код {code}). Используйте другую карту или свяжитесь с нами.",
        RetryAdvice.CUSTOMER_PRESENT,
    )
