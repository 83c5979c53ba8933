"""Things tests are about, made with one call each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from attrs import evolve

from echodesk_billing.domain.catalogue.catalogue import Catalogue, Feature, Package, PricingModel
from echodesk_billing.domain.catalogue.limits import Limits
from echodesk_billing.domain.catalogue.pricing import Plan, Selection, plan
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.contested import REFUNDED_OUTSIDE
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import Capture, PaymentRequest
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.report import BankRefund, BankReport, BankStatus, Source
from echodesk_billing.domain.subscriptions.payments import take_payment
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term
from echodesk_billing.domain.subscriptions.trials import start_trial
from echodesk_billing.ports.access import Principal, Scope

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
BANK_ID = "7d1c2f4e-0000-4000-8000-000000000001"
ORDER_ID = "SUB-9F2C7A1B04DE"


def gel(amount: str) -> Money:
    return Money(Decimal(amount), Currency.GEL)


def catalogue(version: int = 1) -> Catalogue:
    return Catalogue(
        version=version,
        packages=(
            Package(
                id=1,
                name="team",
                display_name="Team",
                pricing_model=PricingModel.AGENT,
                prices={Currency.GEL: gel("50.00"), Currency.EUR: Money(Decimal("17.00"), Currency.EUR)},
                limits=Limits(max_users=10, max_whatsapp_messages=1000, max_storage_gb=5),
                features=("tickets",),
            ),
            Package(
                id=2,
                name="company",
                display_name="Company",
                pricing_model=PricingModel.CRM,
                prices={Currency.GEL: gel("145.00")},
            ),
        ),
        features=(
            Feature(
                id=1,
                key="tickets",
                name="Tickets",
                category="service",
                prices_per_seat={Currency.GEL: gel("12.00")},
                prices_flat={Currency.GEL: gel("100.00")},
            ),
            Feature(id=2, key="calls", name="Calls", category="channels", prices_per_seat={Currency.GEL: gel("15.00")}),
        ),
    )


def with_intervals() -> Catalogue:
    """The catalogue with prices for 3 and 12 months: two and ten times those of a month."""
    sold = catalogue()

    def times(prices: Mapping[Currency, Money], months: int) -> dict[Currency, Money]:
        return {currency: price * months for currency, price in prices.items()}

    packages = tuple(
        evolve(one, longer_prices={3: times(one.prices, 2), 12: times(one.prices, 10)}) for one in sold.packages
    )
    features = tuple(
        evolve(one, longer_prices_per_seat={3: times(one.prices_per_seat, 2), 12: times(one.prices_per_seat, 10)})
        for one in sold.features
    )
    return evolve(sold, packages=packages, features=features)


def a_plan(package_id: int = 2, seats: int = 1, currency: Currency = Currency.GEL) -> Plan:
    return plan(catalogue(), Selection(package_id=package_id, seats=seats), currency)


def a_request(**changes: Any) -> PaymentRequest:
    request = PaymentRequest(
        product_id="subscription",
        description="EchoDesk Company - Acme",
        callback_url="https://billing.example/api/payments/webhook/",
        success_url="https://acme.example/settings/subscription/success",
        fail_url="https://acme.example/settings/subscription/failed",
        buyer_name="N*** B******",
        buyer_email="n***@acme.example",
    )
    return evolve(request, **changes)


def an_order(*, order_id: str = ORDER_ID, tenant_id: str = "acme", **changes: Any) -> Order:
    plan = changes.pop("plan", a_plan())
    order, _ = Order.create(
        order_id=order_id,
        idempotency_key=f"00000000-0000-4000-8000-{order_id[-12:].lower()}",
        tenant_id=tenant_id,
        purpose=changes.pop("purpose", Purpose.SUBSCRIPTION),
        amount=changes.pop("amount", plan.price),
        plan=plan,
        period=changes.pop("period", 0),
        request=changes.pop("request", a_request()),
        at=changes.pop("at", NOW),
    )
    for name, value in changes.items():
        setattr(order, name, value)
    return order


def a_manual_order() -> Order:
    return an_order(request=a_request(capture=Capture.MANUAL))


def paid(**changes: Any) -> Order:
    """An order that the bank says was paid."""
    order = an_order(**changes)
    order.observe(report(BankStatus.COMPLETED, external_order_id=order.id, transferred=order.amount), NOW)
    return order


def running(*, periods: int = 1) -> Subscription:
    """A subscription at 145.00 GEL, paid for some periods from `NOW` on."""
    subscription = Subscription(tenant_id="acme", term=Term(time_zone="Asia/Tbilisi"))
    for period in range(periods):
        take_payment(subscription, an_order(order_id=f"SUB-00000000000{period}", period=period), NOW)
    return subscription


def trial() -> Subscription:
    """A trial of two weeks from `NOW` on."""
    subscription = Subscription(tenant_id="acme", term=Term(time_zone="Asia/Tbilisi"))
    start_trial(subscription, a_plan(), RenewalPolicy(trial=timedelta(days=14)), NOW)
    return subscription


def report(status: BankStatus | str, **changes: Any) -> BankReport:
    """A report of a payment of 145.00 GEL, complete in what such a report has."""
    paid = isinstance(status, BankStatus) and status in {
        BankStatus.COMPLETED,
        BankStatus.PARTIAL_COMPLETED,
        BankStatus.REFUND_REQUESTED,
        BankStatus.REFUNDED,
        BankStatus.REFUNDED_PARTIALLY,
        BankStatus.BLOCKED,
    }
    code = {BankStatus.BLOCKED: "200", BankStatus.REJECTED: "107"}.get(status, "100" if paid else None)  # type: ignore[call-overload]
    values: dict[str, Any] = {
        "source": Source.CALLBACK,
        "bank_order_id": BANK_ID,
        "external_order_id": ORDER_ID,
        "status": status,
        "code": code,
        "transferred": gel("145.00") if paid else None,
    }
    return BankReport(**{**values, **changes})


def refund(action_id: str, amount: str, *, completed: bool = True, failed: str = "") -> BankRefund:
    done = completed and not failed
    return BankRefund(action_id=action_id, amount=gel(amount), completed=done, failed=bool(failed), code=failed or None)


def misfits(order: Order) -> tuple[str, ...]:
    """Why an order needs attention, apart from refunds that nobody here asked for."""
    return tuple(reason for reason in order.attention if not reason.startswith(REFUNDED_OUTSIDE))


def principal(tenant_id: str = "acme", *scopes: Scope) -> Principal:
    return Principal(
        tenant_id=tenant_id,
        tenant_name=tenant_id.title(),
        user_id="admin",
        scopes=frozenset(scopes or (Scope.READ, Scope.WRITE)),
        full_name="Nino Beridze",
        email="nino@acme.example",
    )
