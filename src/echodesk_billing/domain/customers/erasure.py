"""Erasure of a customer's personal data. Invoices, credit notes and the journal stay: the law wants them kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from echodesk_billing.domain.accounting.proforma import Proforma
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.customers.customer import BillingProfile, Customer
from echodesk_billing.domain.customers.registration import Applicant, Registration
from echodesk_billing.domain.errors import ChangeRefused
from echodesk_billing.domain.events import (
    CardForgotten,
    CardSaved,
    CustomerErased,
    DefaultCardChosen,
    Event,
    TenantRegistered,
)
from echodesk_billing.domain.orders.attention import unknown_outcome
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription

ERASED_EMAIL = "erased@example.invalid"
PERSONAL_EVENTS = (TenantRegistered, CardSaved, CardForgotten, DefaultCardChosen)
_WITHOUT_FUTURE = (SubscriptionState.INCOMPLETE, SubscriptionState.ENDED)


def require_erasable(subscription: Subscription | None, orders: Sequence[Order]) -> None:
    """Check that nothing is left to be paid, refunded or decided.

    Args:
        orders: all of the customer's orders.

    Raises:
        ChangeRefused: the subscription has not ended, or an order is not settled; the message says which.
    """
    if subscription is not None and subscription.state not in _WITHOUT_FUTURE:
        raise ChangeRefused(f"The subscription is {subscription.state}: cancel it at once first, then erase")
    for order in orders:
        if not order.is_settled or unknown_outcome(order) is not None:
            raise ChangeRefused(f"Order {order.id} is not settled: wait until it is, then erase")
        if order.attention:
            raise ChangeRefused(f"Order {order.id} needs attention: resolve it first, then erase")


def erase_customer(customer: Customer, reason: str, at: datetime) -> list[CustomerErased]:
    """Blank its names and billing profile; the id stays, because the books are kept by it. Idempotent."""
    if customer.profile == BillingProfile() and customer.name == customer.tenant_id and not customer.subdomain:
        return []
    customer.name, customer.subdomain, customer.profile = customer.tenant_id, "", BillingProfile()
    return [CustomerErased(tenant_id=customer.tenant_id, at=at, reason=reason)]


def erase_order(order: Order) -> bool:
    """Blank the buyer in the request that was sent to the bank; returns whether anything was left of it."""
    blank = evolve(
        order.request,
        description="",
        buyer_name="",
        buyer_email="",
        tenant_name="",
        subdomain="",
    )
    changed = blank != order.request
    order.request = blank
    return changed


def erase_card(card: Card) -> bool:
    """Blank what is known of a card that was removed; returns whether anything was left of it."""
    changed = bool(card.masked_number or card.expiry)
    card.masked_number = card.brand = card.expiry = ""
    card.remind_at = None
    return changed


def erase_registration(registration: Registration) -> bool:
    """Blank the applicant and the CRM's payload; returns whether anything was left of them."""
    given = registration.applicant
    blank = Applicant(schema_name=given.schema_name, name="", admin_email=ERASED_EMAIL, language=given.language)
    changed = blank != given or registration.sealed_payload is not None
    registration.applicant, registration.sealed_payload = blank, None
    return changed


def erase_event(event: Event) -> Event:
    """One of `PERSONAL_EVENTS` without the applicant, or without the card's number."""
    if isinstance(event, TenantRegistered):
        return evolve(
            event, tenant_name="", admin_email=ERASED_EMAIL, admin_first_name="", admin_last_name="", subdomain=""
        )
    if isinstance(event, CardSaved | CardForgotten | DefaultCardChosen):
        return evolve(event, masked_number="")
    return event


def erase_proforma(proforma: Proforma) -> Proforma:
    """The proforma without its buyer: it is not part of the books."""
    details = evolve(proforma.details, identification_code="", address="")
    return evolve(proforma, buyer=proforma.tenant_id, description="", details=details)
