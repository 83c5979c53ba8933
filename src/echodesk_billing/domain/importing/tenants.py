"""The plan of one tenant: what it will be here."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.customers.customer import BillingProfile, Customer, known_language
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.importing import agreed, books, subscriptions
from echodesk_billing.domain.importing import cards as old_cards
from echodesk_billing.domain.importing.cards import Cards, Mandate
from echodesk_billing.domain.importing.findings import UNDECIDED, Decision, Finding, Kind
from echodesk_billing.domain.importing.records import OldOrder
from echodesk_billing.domain.importing.rows import TenantRows
from echodesk_billing.domain.importing.rules import ImportRules, Receipts
from echodesk_billing.domain.importing.subscriptions import NextCharge
from echodesk_billing.domain.importing.term import PaidUntil, paid_until
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.report import Source
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription


@frozen(kw_only=True)
class TenantPlan:
    """What one tenant will be.

    Args:
        paid_until: and why.
        listed_price: features times agents, at the prices of the old tables; None without features.
        mandate: what the charged card repeats; None without a card.
        next_charge: None where nothing is charged any more.
    """

    customer: Customer
    subscription: Subscription
    orders: tuple[Order, ...]
    cards: tuple[Card, ...]
    invoices: tuple[Invoice, ...]
    entries: tuple[Entry, ...]
    paid_until: PaidUntil
    listed_price: Money | None
    mandate: Mandate | None
    next_charge: NextCharge | None
    findings: tuple[Finding, ...] = ()

    @property
    def tenant_id(self) -> str:
        """The tenant's id."""
        return self.customer.tenant_id


def plan_tenant(
    rows: TenantRows,
    receipts: Receipts,
    rules: ImportRules,
    catalogue_version: int,
    decision: Decision = UNDECIDED,
) -> TenantPlan:
    """What a tenant will be here."""
    old, tenant_id, found = rows.subscription, rows.tenant_id, list(rows.found)
    until = PaidUntil(moment=None)
    if old is not None:
        until, more = paid_until(old, rows.payments, tenant_id, rules.time_zone, decision)
        found += more
    else:
        found.append(Finding(kind=Kind.INCOMPLETE, tenant=tenant_id, message="it has no subscription"))
    parent = old.parent_order_id if old else ""
    saved, of_cards = old_cards.cards(rows.cards, parent, rows.payments, receipts, rules, tenant_id)
    listed = _listed_plan(rows, catalogue_version)
    plan, of_price = _priced(listed, saved, tenant_id)
    subscription, of_state = subscriptions.subscription(rows, until.moment, plan, rules, decision)
    found += [*of_cards, *of_price, *_features(rows, decision), *of_state]
    charge = subscriptions.next_charge(subscription, saved, rules)
    if charge is not None and charge.obstacle is not None:
        is_trial = subscription.state is SubscriptionState.TRIALING
        then = "it ends unless the customer pays" if is_trial else "the customer is asked to pay"
        message = f"{charge.obstacle}: {then} {charge.amount}"
        found.append(Finding(kind=Kind.NO_MANDATE, tenant=tenant_id, message=message))
    found += _attention(rows, found, decision, rules)
    invoices, of_invoices = books.invoices(rows)
    orders = [one.order for one in rows.payments if one.order is not None]
    return TenantPlan(
        customer=_customer(rows, rules),
        subscription=subscription,
        orders=tuple(orders),
        cards=tuple(saved.cards),
        invoices=tuple(invoices),
        entries=tuple(entry for one in orders for entry in books.opening_entries(one, rules.now)),
        paid_until=until,
        listed_price=listed.price if listed else None,
        mandate=saved.charged[1] if saved.charged else None,
        next_charge=charge,
        findings=tuple(dict.fromkeys([*found, *of_invoices])),
    )


def _customer(rows: TenantRows, rules: ImportRules) -> Customer:
    tenant, buyer = rows.tenant, rows.buyer
    language = known_language(tenant.preferred_language) or "ka"
    try:
        profile = BillingProfile(language=language, emails=(tenant.admin_email,) if tenant.admin_email else ())
    except InvalidSelection:  # an address that is none
        profile = BillingProfile(language=language)
    return Customer(
        tenant_id=buyer.tenant_id,
        subdomain=buyer.subdomain,
        name=buyer.name,
        profile=profile,
        created_at=min((one.paid_at for one in rows.payments if one.is_paid), default=rules.now),
        imported_at=rules.now,
    )


def _listed_plan(rows: TenantRows, catalogue_version: int) -> Plan | None:
    """The selected features; where none are, the obligatory ones."""
    if rows.subscription is None:
        return None
    chosen = [rows.features[number] for number in rows.subscription.features if number in rows.features]
    obligatory = [one for one in rows.features.values() if one.is_active and not one.price_per_seat]
    return agreed.plan(chosen or obligatory, rows.subscription.agent_count, catalogue_version)


def _priced(listed: Plan | None, saved: Cards, tenant_id: str) -> tuple[Plan | None, list[Finding]]:
    """The plan at what its card repeats, where that is a month's price and differs."""
    if listed is None or saved.charged is None:
        return listed, []
    mandate = saved.charged[1]
    if not mandate.renews or mandate.amount is None or mandate.amount == listed.price:
        return listed, []
    if mandate.amount.currency is not listed.price.currency:
        return listed, []
    message = (
        f"the card repeats {mandate.amount} ({mandate.source}), and the features cost {listed.price} "
        f"for {listed.selection.seats} seats: {mandate.amount} is the agreed price"
    )
    return agreed.fitted(listed, mandate.amount), [Finding(kind=Kind.PRICE_FITTED, tenant=tenant_id, message=message)]


def _features(rows: TenantRows, decision: Decision) -> list[Finding]:
    """Features that are no longer sold, and single features that were paid and are not selected."""
    chosen = rows.subscription.features if rows.subscription else ()
    selected = [rows.features[number] for number in chosen if number in rows.features]
    message = "it is no longer sold; the tenant keeps it at its price"
    found = [
        Finding(kind=Kind.FEATURE, tenant=rows.tenant_id, subject=one.key, message=message)
        for one in selected
        if not one.is_active
    ]
    keys = {one.key for one in selected}
    for payment in rows.payments:
        bought = payment.old.metadata if isinstance(payment.old, OldOrder) else {}
        shows = bought.get("feature_key") in keys or bought.get("feature_id") in chosen
        if payment.prefix == "FEAT" and payment.is_paid and not shows and payment.order_id not in decision.settled:
            message = f"paid {payment.paid} for a feature that is not selected: give it back, or select the feature"
            found.append(payment.finding(Kind.PAID_WITHOUT_EFFECT, rows.tenant_id, message))
    return found


def _attention(rows: TenantRows, found: Sequence[Finding], decision: Decision, rules: ImportRules) -> list[Finding]:
    """Mark orders that were paid without effect, unless a person has decided about them."""
    unsolved = {one.subject: one.message for one in found if one.kind is Kind.PAID_WITHOUT_EFFECT}
    for payment in rows.payments:
        order, reason = payment.order, unsolved.get(payment.order_id)
        if order is not None and payment.order_id in decision.settled:
            order.clear(lambda _: True, decision.note or "settled before the import", rules.now)
        elif order is not None and reason is not None:
            order.mark(reason, Source.IMPORT, rules.now)
    unknown = {*decision.apply, *decision.settled} - {one.order_id for one in rows.payments}
    message = "a decision names it, and the tenant has no such order"
    return [Finding(kind=Kind.CONFLICT, tenant=rows.tenant_id, subject=one, message=message) for one in sorted(unknown)]
