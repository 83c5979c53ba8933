"""Discounts that a plan keeps, for good or for some periods."""

from __future__ import annotations

from fractions import Fraction

from attrs import frozen

from echodesk_billing.domain.money import Money


@frozen(kw_only=True)
class Discount:
    """Per cent off the price of a plan.

    Args:
        code: of the coupon.
        percent: from 1 to 99.
        amount: taken off the price.
        periods: how many periods have it; None for good.
        ends: the first period without it, once the first one with it is paid; None for good.
        packages: those that it is for; empty for every plan.

    Source: docs/coupons.md.
    """

    code: str
    percent: int
    amount: Money
    periods: int | None = None
    ends: int | None = None
    packages: tuple[int, ...] = ()

    def holds_for(self, package_id: int | None) -> bool:
        """Whether a plan of this package, or a set of features, has it."""
        return not self.packages or package_id in self.packages

    def is_over(self, period: int) -> bool:
        """Whether a period no longer has it."""
        return self.ends is not None and period >= self.ends


def taken_off(price: Money, percent: int) -> Money:
    """What a discount takes off a price: rounded up for the customer; at least 0.01 is left to pay."""
    exact = Fraction(price.minor * percent, 100)
    return Money.from_minor(min(-(-exact.numerator // exact.denominator), price.minor - 1), price.currency)
