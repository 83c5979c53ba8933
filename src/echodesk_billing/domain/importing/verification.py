"""Whether what is here is what the plan says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import field, frozen

from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.domain.accounting.journal import Entry, EntryKind
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.importing.tenants import TenantPlan
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.subscriptions.subscription import Subscription


@frozen(kw_only=True)
class Difference:
    """One value that differs.

    Args:
        subject: the order, card or invoice; `subscription` or `customer`.
        planned: by the old tables, and the bank where it was asked.
        found: here.
    """

    tenant: str
    subject: str
    what: str
    planned: str
    found: str


@frozen(kw_only=True)
class Stored:
    """What is here of one tenant."""

    customer: Customer | None = None
    subscription: Subscription | None = None
    orders: Mapping[str, Order] = field(factory=dict)
    cards: Mapping[str, Card] = field(factory=dict)
    invoices: Sequence[Invoice] = ()
    entries: Sequence[Entry] = ()


def differences(plan: TenantPlan, stored: Stored) -> list[Difference]:
    """Where a tenant is not as it was planned."""
    if stored.customer is None or stored.subscription is None or stored.customer.imported_at is None:
        return [_difference(plan, "customer", "imported", "yes", "no")]
    pairs = [
        *_subscription(plan.subscription, stored.subscription),
        *(pair for order in plan.orders for pair in _order(order, stored.orders.get(order.id))),
        *(pair for card in plan.cards for pair in _card(card, stored.cards.get(card.order_id))),
        *_invoices(plan, stored),
        *_openings(plan, stored),
    ]
    return [
        _difference(plan, subject, what, planned, found) for subject, what, planned, found in pairs if planned != found
    ]


_Pair = tuple[str, str, object, object]


def _subscription(planned: Subscription, found: Subscription) -> Iterator[_Pair]:
    subject = "subscription"
    yield subject, "state", planned.state, found.state
    yield subject, "paid until", planned.paid_until, found.paid_until
    mine, here = planned.plan, found.plan
    yield subject, "price", mine and mine.price, here and here.price
    yield subject, "seats", mine and mine.selection.seats, here and here.selection.seats
    yield subject, "features", mine and mine.features, here and here.features


def _order(planned: Order, found: Order | None) -> Iterator[_Pair]:
    if found is None:
        yield planned.id, "order", planned.state, "missing"
        return
    yield planned.id, "state", planned.state, found.state
    yield planned.id, "amount", planned.amount, found.amount
    yield planned.id, "captured", planned.captured, found.captured
    yield planned.id, "refunded", planned.refunded, found.refunded
    yield planned.id, "bank's id", planned.bank_order_id, found.bank_order_id


def _card(planned: Card, found: Card | None) -> Iterator[_Pair]:
    subject = f"card of {planned.order_id}"
    if found is None:
        yield subject, "card", planned.state, "missing"
        return
    yield subject, "id", planned.id or found.id, found.id
    yield subject, "state", planned.state, found.state
    yield subject, "mandate", planned.mandate, found.mandate
    yield subject, "default", planned.is_default, found.is_default


def _invoices(plan: TenantPlan, stored: Stored) -> Iterator[_Pair]:
    here = {one.number: one.amount for one in stored.invoices}
    for planned in plan.invoices:
        yield planned.number, "invoice", planned.amount, here.get(planned.number, "missing")


def _openings(plan: TenantPlan, stored: Stored) -> Iterator[_Pair]:
    here = {one.order_id: one.amount for one in stored.entries if one.kind is EntryKind.OPENING}
    for planned in plan.entries:
        yield planned.order_id, "opening entry", planned.amount, here.get(planned.order_id, "missing")


def _difference(plan: TenantPlan, subject: str, what: str, planned: object, found: object) -> Difference:
    return Difference(tenant=plan.tenant_id, subject=subject, what=what, planned=str(planned), found=str(found))
