"""The subscription of a tenant: its state, its periods, what it owes, and what is charged next."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import evolve, frozen

from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.customers import card as saved_cards
from echodesk_billing.domain.importing import agreed
from echodesk_billing.domain.importing.cards import Cards
from echodesk_billing.domain.importing.findings import Decision, Finding, Kind
from echodesk_billing.domain.importing.records import OldOrder, OldSubscription
from echodesk_billing.domain.importing.rows import TenantRows
from echodesk_billing.domain.importing.rules import ImportRules
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions import renewals
from echodesk_billing.domain.subscriptions.dunning import Dunning
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.plans import Plans
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term

_S = SubscriptionState
UNDER_WAY = timedelta(days=1)
"""How long the bank takes at most to answer an automatic charge."""
YEARS_AHEAD = timedelta(days=366)
"""No payment reaches so far: such a date was set by hand."""


def subscription(
    rows: TenantRows, until: datetime | None, plan: Plan | None, rules: ImportRules, decision: Decision
) -> tuple[Subscription, list[Finding]]:
    """The subscription of a tenant; incomplete where its date or its plan is not known.

    Args:
        until: the end of its paid time.
    """
    old, tenant_id = rows.subscription, rows.tenant_id
    term = Term(time_zone=rules.time_zone)
    made = Subscription(tenant_id=tenant_id, term=term, grace=rules.policy.grace)
    if old is None or until is None:
        return made, []
    found = []
    if plan is None or not plan.price:
        message = "nothing with a price is selected, and no card says what was agreed: nothing will be charged"
        found.append(Finding(kind=Kind.INCOMPLETE, tenant=tenant_id, message=message))
    if plan is None:
        return made, found
    made.plans, made.started_at = Plans(plan=plan), old.starts_at
    made.state = _state(rows, old, until, rules)
    made.term = evolve(term, anchor=until, anchor_period=1, next_period=1)
    if made.state is _S.TRIALING:
        made.term, made.trial_ends_at = term.anchored(until, 0), until
    if made.state in (_S.ACTIVE, _S.TRIALING) and _ends(plan, until, rules, decision):
        made.state = _S.CANCELLED
        message = f"paid until {until:%Y-%m-%d}, which no payment reaches: nothing is charged then without a person"
        found += [Finding(kind=Kind.COMPLIMENTARY, tenant=tenant_id, message=message)] if plan.price else []
    if made.state is _S.PAST_DUE:
        made.dunning = Dunning(first_failed_at=max(rules.grace_begins, until), retry_at=rules.quiet_until)
        days = (rules.now - until).days
        message = f"its paid time ended {days} days ago; its grace begins {rules.grace_begins:%Y-%m-%d}"
        found.append(Finding(kind=Kind.OVERDUE, tenant=tenant_id, message=message))
    _open_orders(rows, made, rules)
    renewals.plan_next(made, rules.now, rules.policy)
    if made.due_at is not None:
        made.due_at = max(made.due_at, rules.quiet_until)
    return made, found


def _state(rows: TenantRows, old: OldSubscription, until: datetime, rules: ImportRules) -> SubscriptionState:
    if old.is_active:
        has_bought = any(one.is_paid and one.prefix not in ("CARD", "ECARD") for one in rows.payments)
        running = _S.TRIALING if old.is_trial and not has_bought else _S.ACTIVE
        return running if rules.now < until else _S.PAST_DUE
    last_payment = max((one.paid_at for one in rows.payments if one.is_paid), default=None)
    if rows.suspended_at is not None and (last_payment is None or rows.suspended_at > last_payment):
        return _S.SUSPENDED
    return _S.CANCELLED if rules.now < until else _S.ENDED


def _ends(plan: Plan, until: datetime, rules: ImportRules, decision: Decision) -> bool:
    """Whether nothing is charged when the paid time ends: a plan for nothing, or a date set by hand."""
    if decision.complimentary is not None:
        return decision.complimentary
    return not plan.price or until > rules.now + YEARS_AHEAD


def _open_orders(rows: TenantRows, made: Subscription, rules: ImportRules) -> None:
    """Give orders that can still be paid what they buy: the next period, at their own amount, of what they name.

    An automatic charge that is under way is the charge of the next period, so that there is no second one. One that
    has had no answer for long holds up nothing: the bank is asked about it, and its payment would need a person.
    """
    plan, period = made.plan_of(made.next_period), made.first_unpaid(rules.now)
    for payment in rows.payments:
        order = payment.order
        if order is None or not order.is_open or order.purpose in (Purpose.CARD, Purpose.UPGRADE):
            continue
        if order.purpose is Purpose.RENEWAL:
            if made.dunning.charged_period is not None or rules.now - order.created_at > UNDER_WAY:
                continue
            renewals.start_charge(made, period)
        old, seats = payment.old, plan.selection.seats
        other = agreed.bought(old, rows.features, seats, plan.catalogue_version) if isinstance(old, OldOrder) else None
        order.plan = evolve(plan, price=order.amount) if other is None else agreed.fitted(other, order.amount)
        order.period = period


@frozen(kw_only=True)
class NextCharge:
    """What is charged next.

    Args:
        obstacle: why the customer is asked instead; None where the card is charged.
    """

    at: datetime
    amount: Money
    obstacle: str | None = None


def next_charge(made: Subscription, saved: Cards, rules: ImportRules) -> NextCharge | None:
    """What is charged next; None where nothing is charged any more."""
    upcoming, plan = made.upcoming, made.plan
    if upcoming is None or plan is None:
        return None
    card, end = saved.charged[0] if saved.charged else None, made.term.end
    obstacle = saved_cards.obstacle(card, plan.price, max(end, rules.quiet_until))
    is_trial = made.state is _S.TRIALING
    begins = end if is_trial else rules.policy.begins(end, chargeable=obstacle is None)
    return NextCharge(at=max(begins, rules.quiet_until), amount=plan.price, obstacle=obstacle)
