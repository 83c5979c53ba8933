"""VAT that prices include."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from echodesk_billing.domain.money import Money

_WHOLE = 100


def vat_in(amount: Money, percent: Decimal | None) -> Money:
    """The VAT in an amount that includes it, rounded half up to the tetri; zero where there is no VAT.

    Args:
        amount: zero or more.
        percent: for example 18.

    Source: docs/books.md, "VAT".
    """
    if not percent:
        return Money.zero(amount.currency)
    exact = Fraction(amount.minor) * Fraction(percent) / (_WHOLE + Fraction(percent))
    return Money.from_minor(int(exact + Fraction(1, 2)), amount.currency)
