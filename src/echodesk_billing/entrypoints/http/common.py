"""Types that several resources share."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from echodesk_billing.domain.catalogue.catalogue import LARGEST_ID, LONGEST_INTERVAL, LONGEST_KEY
from echodesk_billing.domain.catalogue.limits import MOST_SEATS
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.subscriptions.purchase import chosen

Id = Annotated[int, Meta(ge=1, le=LARGEST_ID)]


IdDigits = Annotated[str, Meta(pattern="^[1-9][0-9]{0,17}$")]


Language = Literal["ka", "en", "ru"]


FeatureKey = Annotated[str, Meta(min_length=1, max_length=LONGEST_KEY)]


Status = Literal["pending", "paid", "failed", "refunded", "partially_refunded"]


STATUS: dict[OrderState, Status] = {
    OrderState.CREATED: "pending",
    OrderState.PROCESSING: "pending",
    OrderState.BLOCKED: "pending",
    OrderState.COMPLETED: "paid",
    OrderState.REJECTED: "failed",
    OrderState.REFUNDED: "refunded",
    OrderState.REFUNDED_PARTIALLY: "partially_refunded",
}


CouponCode = Annotated[str, Meta(max_length=32)]


class Nothing(Struct, frozen=True):
    """No input."""


class Choice(Struct, frozen=True, kw_only=True):
    """A package, a set of features, or a package with features added."""

    package_id: Id | IdDigits | None = None
    agent_count: Annotated[int, Meta(ge=1, le=MOST_SEATS)] = 1
    features: Annotated[list[FeatureKey], Meta(max_length=100)] = []
    interval: Annotated[int, Meta(ge=1, le=LONGEST_INTERVAL)] = 1
    currency: Currency = Currency.GEL

    def selection(self) -> Selection:
        """The choice, checked by the domain."""
        return Selection(
            package_id=None if self.package_id is None else int(self.package_id),
            features=tuple(self.features),
            seats=self.agent_count,
            interval=self.interval,
        )


class OptionalChoice(Struct, frozen=True, kw_only=True):
    """A package or a set of features; where neither is given, what the tenant has."""

    package_id: Id | None = None
    features: Annotated[list[str], Meta(max_length=100)] = []
    agent_count: Annotated[int, Meta(ge=1, le=MOST_SEATS)] = 1
    interval: Annotated[int, Meta(ge=1, le=LONGEST_INTERVAL)] = 1

    def selection(self) -> Selection | None:
        """The choice, checked by the domain; None where nothing was chosen."""
        return chosen(self.package_id, self.features, self.agent_count, self.interval)


class Done(Struct, frozen=True, kw_only=True):
    """The operation succeeded; `message` says so to the customer."""

    status: Literal["success"] = "success"
    success: bool = True
    message: str


def in_gel(prices: Mapping[Currency, Money]) -> Decimal | None:
    """A price in GEL, or None."""
    return prices[Currency.GEL].amount if Currency.GEL in prices else None


def as_text(amount: Decimal | None) -> str | None:
    """An amount as text, or None."""
    return None if amount is None else str(amount)
