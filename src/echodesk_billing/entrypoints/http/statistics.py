"""Figures of the business, for operators."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from echodesk_billing.domain.accounting.statistics import Business, Collection, Month
from echodesk_billing.domain.orders.response_codes import response_code
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Nothing
from echodesk_billing.ports.access import Scope


class MonthView(Struct, frozen=True, kw_only=True):
    """The figures of one month. Revenue is what customers pay a month, without one-off payments."""

    month: str
    mrr: Decimal
    arr: Decimal
    customers: int
    new: Decimal
    imported: Decimal
    reactivation: Decimal
    expansion: Decimal
    contraction: Decimal
    churn: Decimal
    new_customers: int
    imported_customers: int
    reactivated_customers: int
    churned_customers: int
    captured: Decimal
    refunded: Decimal
    failed_payments: int
    recovered_payments: int

    @classmethod
    def of(cls, month: Month) -> MonthView:
        """From a month."""
        return cls(
            month=month.month,
            mrr=month.recurring.amount,
            arr=(month.recurring * 12).amount,
            customers=month.customers,
            new=month.movements["new"].amount,
            imported=month.movements["imported"].amount,
            reactivation=month.movements["reactivation"].amount,
            expansion=month.movements["expansion"].amount,
            contraction=month.movements["contraction"].amount,
            churn=month.movements["churn"].amount,
            new_customers=month.joined["new_customers"],
            imported_customers=month.joined["imported_customers"],
            reactivated_customers=month.joined["reactivated_customers"],
            churned_customers=month.left,
            captured=month.captured.amount,
            refunded=month.refunded.amount,
            failed_payments=month.failed,
            recovered_payments=month.recovered,
        )


class CollectionView(Struct, frozen=True, kw_only=True):
    """How many renewals that were declined with a code were paid after all."""

    code: str
    meaning: str
    declined: int
    recovered: int
    collection_rate: float

    @classmethod
    def of(cls, one: Collection) -> CollectionView:
        """From a collection."""
        return cls(
            code=one.code,
            meaning=response_code(one.code).meaning,
            declined=one.declined,
            recovered=one.recovered,
            collection_rate=round(one.rate, 4),
        )


class BusinessView(Struct, frozen=True, kw_only=True):
    """The figures of the business in one currency."""

    currency: str
    mrr: Decimal
    arr: Decimal
    customers: int
    months: list[MonthView]
    collections: list[CollectionView]

    @classmethod
    def of(cls, business: Business) -> BusinessView:
        """From the figures of a currency."""
        return cls(
            currency=business.currency,
            mrr=business.recurring.amount,
            arr=business.yearly.amount,
            customers=business.customers,
            months=[MonthView.of(one) for one in business.months],
            collections=[CollectionView.of(one) for one in business.collections],
        )


class Stats(Struct, frozen=True, kw_only=True):
    """The figures of the business, a currency at a time."""

    currencies: list[BusinessView]


async def stats(call: Call[Nothing]) -> Stats:
    """`GET /api/stats/`."""
    await call.uses.figures.count()
    return Stats(currencies=[BusinessView.of(one) for one in await call.uses.figures.read()])


ROUTES = (
    Route(
        method="GET",
        path="/api/stats/",
        handler=stats,
        operation="getStats",
        summary="Recurring revenue, customers, money and collection per month",
        gives=Stats,
        scope=Scope.OPERATOR,
    ),
)
