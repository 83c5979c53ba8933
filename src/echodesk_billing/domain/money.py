"""Money: an exact amount in one currency."""

from __future__ import annotations

import enum
from decimal import Decimal, InvalidOperation
from functools import cache

from attrs import field, frozen

from echodesk_billing.domain.errors import CurrencyMismatch, InvalidMoney

_CENT = Decimal("0.01")
_LARGEST_MINOR = 2**63 - 1
_MOST_DIGITS = 20  # beyond it quantizing itself would fail


class Currency(enum.StrEnum):
    """The currencies the bank takes. Each has two minor digits."""

    GEL = "GEL"
    USD = "USD"
    EUR = "EUR"
    GBP = "GBP"


def _exact(value: object) -> Decimal:
    """`value` as a Decimal with two places; floats are rejected because they are not exact."""
    if not isinstance(value, Decimal):
        raise InvalidMoney(f"{value!r} is a {type(value).__name__}: give the amount as a Decimal")
    if not value.is_finite():
        raise InvalidMoney(f"{value} is not an amount of money")
    if abs(value.adjusted()) > _MOST_DIGITS:
        raise InvalidMoney(f"{value:.3E} is out of range for money")
    cents = value.quantize(_CENT)
    if cents != value:
        raise InvalidMoney(f"{value} has more than two decimals")
    if abs(cents * 100) > _LARGEST_MINOR:
        raise InvalidMoney(f"{value} is out of range for money")
    return cents


def _currency(value: object) -> Currency:
    if isinstance(value, Currency):
        return value
    try:
        return Currency(str(value))
    except ValueError:
        raise InvalidMoney(f"{value!r} is not one of {', '.join(Currency)}") from None


@frozen
class Money:
    """An amount of one currency, exact to the minor unit (tetri, cents).

    Args:
        amount: major units as a Decimal with at most two decimals; never a float.
        currency: GEL, USD, EUR or GBP.

    Raises:
        InvalidMoney: the amount is not a finite Decimal with two decimals within 64 bits of minor units.

    Source: docs/currencies-and-options.md.
    """

    amount: Decimal = field(converter=_exact)
    currency: Currency = field(converter=_currency, default=Currency.GEL)

    @classmethod
    def parse(cls, text: str | int, currency: str = "GEL") -> Money:
        """Money from text such as `"145.00"`, or from whole major units.

        Raises:
            InvalidMoney: the text is not a decimal number, or not money.
        """
        try:
            amount = Decimal(text)
        except (InvalidOperation, TypeError, ValueError):
            raise InvalidMoney(f"{text!r} is not a decimal number") from None
        return cls(amount, _currency(currency))

    @classmethod
    def from_minor(cls, minor: int, currency: Currency) -> Money:
        """Money from a count of minor units (tetri, cents).

        Raises:
            InvalidMoney: it is not an integer, or too large.
        """
        if not isinstance(minor, int):
            raise InvalidMoney(f"{minor!r} is a {type(minor).__name__}: give a whole number of minor units")
        return cls(Decimal(minor).scaleb(-2), currency)

    @classmethod
    @cache
    def zero(cls, currency: Currency) -> Money:
        """Zero in a currency."""
        return cls(Decimal(0), currency)

    @property
    def minor(self) -> int:
        """The amount as a count of minor units."""
        return int(self.amount.scaleb(2))

    def __add__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.amount - other.amount, self.currency)

    def __mul__(self, times: int) -> Money:
        if not isinstance(times, int):
            raise InvalidMoney(f"money is multiplied by whole numbers only, not by {times!r}")
        return Money(self.amount * times, self.currency)

    def part(self, parts: int) -> Money:
        """One of `parts` equal parts, rounded half up to the minor unit; for display, never for charging."""
        return Money.from_minor((2 * self.minor + parts) // (2 * parts), self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same_currency(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._same_currency(other)
        return self.amount <= other.amount

    def __gt__(self, other: Money) -> bool:
        return other < self

    def __ge__(self, other: Money) -> bool:
        return other <= self

    def __bool__(self) -> bool:
        return bool(self.amount)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def _same_currency(self, other: Money) -> None:
        if not isinstance(other, Money):
            raise InvalidMoney(f"{other!r} is a {type(other).__name__}: {self} goes with money only")
        if self.currency is not other.currency:
            raise CurrencyMismatch(f"{self} and {other} are of different currencies")


def positive(money: Money, what: str) -> Money:
    """Return `money`, checked to be positive.

    Raises:
        InvalidMoney: the amount is zero or less; the message names its purpose, `what`.
    """
    if money.amount <= 0:
        raise InvalidMoney(f"{what} is {money}: it must be more than zero")
    return money
