"""Money is exact or refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echodesk_billing import Currency, InvalidMoney, Money
from echodesk_billing.domain.errors import CurrencyMismatch
from echodesk_billing.domain.money import positive
from tests.builders import gel


@pytest.mark.parametrize("amount", [1.5, 10, "10.00", None, True])
def test_only_a_decimal_is_an_amount(amount: object) -> None:
    with pytest.raises(InvalidMoney, match=f"is a {type(amount).__name__}: give the amount as a Decimal"):
        Money(amount)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_text_that_is_not_a_number_is_not_money(text: str) -> None:
    with pytest.raises(InvalidMoney, match="not an amount"):
        Money(Decimal(text))


@pytest.mark.parametrize("text", ["0.001", "10.999", "1E-3"])
def test_more_than_two_decimals_are_refused_and_named(text: str) -> None:
    with pytest.raises(InvalidMoney, match="two decimals"):
        Money(Decimal(text))


@pytest.mark.parametrize("text", ["92233720368547758.08", "1E+400", "1E+30"])
def test_amounts_beyond_64_bits_of_minor_units_are_rejected(text: str) -> None:
    with pytest.raises(InvalidMoney, match="out of range"):
        Money(Decimal(text))


def test_the_message_for_an_amount_out_of_range_shows_it_briefly() -> None:
    for amount, words in (("1E20", r"1E\+20"), ("1E21", r"1\.000E\+21")):
        with pytest.raises(InvalidMoney, match=f"^{words} is out of range for money"):
            Money(Decimal(amount))


def test_trailing_zeros_are_no_extra_decimals() -> None:
    assert Money(Decimal("145.0000")) == Money(Decimal(145))


def test_an_unknown_currency_is_named() -> None:
    with pytest.raises(InvalidMoney, match="'RUB' is not one of GEL, USD, EUR, GBP"):
        Money(Decimal(1), "RUB")  # type: ignore[arg-type]


def test_arithmetic_across_currencies_is_an_error() -> None:
    euro = Money(Decimal(1), Currency.EUR)
    with pytest.raises(CurrencyMismatch, match=r"1.00 GEL and 1.00 EUR"):
        gel("1.00") + euro
    with pytest.raises(CurrencyMismatch):
        gel("1.00") - euro
    with pytest.raises(CurrencyMismatch):
        _ = gel("1.00") < euro


def test_money_is_multiplied_by_whole_numbers_only() -> None:
    assert gel("29.00") * 3 == gel("87.00")
    with pytest.raises(InvalidMoney, match="whole numbers"):
        gel("29.00") * 1.5  # type: ignore[operator]


@pytest.mark.parametrize("amount", ["0.00", "-1.00"])
def test_a_charge_is_above_zero(amount: str) -> None:
    with pytest.raises(InvalidMoney, match="the price is"):
        positive(gel(amount), "the price")


def test_text_is_parsed_as_money_or_rejected_with_a_message() -> None:
    assert Money.parse("145.00") == gel("145.00")
    with pytest.raises(InvalidMoney, match="'ten' is not a decimal number"):
        Money.parse("ten")


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_minor_units_and_back_lose_nothing(minor: int) -> None:
    assert Money.from_minor(minor, Currency.GEL).minor == minor


@pytest.mark.parametrize("currency", Currency)
def test_minor_units_keep_their_currency(currency: Currency) -> None:
    money = Money.from_minor(1250, currency)
    assert money == Money(Decimal("12.50"), currency)
    assert Money.zero(currency).currency is (money + money).currency is (money - money).currency is currency


@given(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_sums_are_exact(one: int, other: int) -> None:
    total = Money.from_minor(one, Currency.GEL) + Money.from_minor(other, Currency.GEL)
    assert total.minor == one + other
    assert (total - Money.from_minor(other, Currency.GEL)).minor == one


def test_amounts_of_one_currency_are_ordered() -> None:
    small, large = gel("1.00"), gel("2.00")
    assert small < large
    assert small <= gel("1.00")
    assert large > small
    assert large >= small
    assert not gel("0.00")
    assert str(large) == "2.00 GEL"


def test_text_with_too_many_decimals_is_not_money() -> None:
    with pytest.raises(InvalidMoney, match="more than two decimals"):
        Money.parse("10.001")
