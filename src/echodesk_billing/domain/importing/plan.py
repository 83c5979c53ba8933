"""The whole plan of an import: every tenant, the registrations without a tenant, and what is left alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from attrs import evolve, frozen

from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.customers.customer import known_language
from echodesk_billing.domain.customers.registration import Applicant, Registration
from echodesk_billing.domain.customers.tenant import tenant_id as check_tenant_id
from echodesk_billing.domain.errors import InvalidSelection, InvalidTenant
from echodesk_billing.domain.importing import agreed, books
from echodesk_billing.domain.importing import orders as old_orders
from echodesk_billing.domain.importing.evidence import Evidence
from echodesk_billing.domain.importing.findings import UNDECIDED, Decision, Finding, Kind
from echodesk_billing.domain.importing.payment import Buyer, Payment
from echodesk_billing.domain.importing.records import OldOrder, OldRegistration, OldTables, OldTenant
from echodesk_billing.domain.importing.rows import registrations_of, rows_of
from echodesk_billing.domain.importing.rules import ImportRules, Receipts
from echodesk_billing.domain.importing.tenants import TenantPlan, plan_tenant
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.report import Source

PUBLIC = "public"
OURS = "bog"
_REGISTRATIONS = ("REG", "TRIAL")


@frozen(kw_only=True)
class RegistrationPlan:
    """The payment of a registration whose tenant does not exist.

    Args:
        registration: None where what it needs is gone, so that it can only be given back.
        payload: what whoever creates the tenant needs; it is stored encrypted.
        order: the order that pays for it.
    """

    registration: Registration | None
    payload: Mapping[str, object]
    order: Order
    entries: tuple[Entry, ...] = ()


@frozen(kw_only=True)
class ImportPlan:
    """What an import will do.

    Args:
        catalogue: to be put on sale where there is none yet.
        findings: what concerns no tenant that is imported.
    """

    catalogue: Catalogue
    tenants: tuple[TenantPlan, ...]
    registrations: tuple[RegistrationPlan, ...]
    findings: tuple[Finding, ...]

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Every finding, those of tenants first."""
        return (*(one for plan in self.tenants for one in plan.findings), *self.findings)


def plan_import(
    tables: OldTables,
    receipts: Receipts,
    rules: ImportRules,
    *,
    catalogue_version: int,
    only: Collection[str] = (),
    decisions: Mapping[str, Decision] | None = None,
    imported: Mapping[str, datetime] | None = None,
) -> ImportPlan:
    """Plan an import; pure.

    Args:
        receipts: what the bank said, where it was asked.
        catalogue_version: of the catalogue here; 0 where there is none.
        only: schema names of the only tenants to import; all where it is empty.
        decisions: of a person, by schema name.
        imported: when tenants were imported before; their plan is the one of that moment.
    """
    decisions, imported = decisions or {}, imported or {}
    version = catalogue_version or 1
    evidence = Evidence.of(tables.orders, tables.attempts, receipts)
    sold, found = agreed.catalogue(tables.features)
    chosen, more = _chosen(tables.tenants, only, decisions)
    found += more
    plans = []
    for tenant in chosen:
        then = rules.at(imported.get(tenant.schema_name))
        rows = rows_of(tenant, tables, evidence, then)
        plans.append(plan_tenant(rows, receipts, then, version, decisions.get(tenant.schema_name, UNDECIDED)))
    registered: list[RegistrationPlan] = []
    if not only:
        registered, more = _registrations(tables, evidence, rules, decisions, version)
        found += more
    known = {one.schema_name for one in tables.tenants} | {one.order.tenant_id for one in registered}
    message = "the CRM has no tenant of this name"
    found += [Finding(kind=Kind.CONFLICT, tenant=one, message=message) for one in sorted({*only, *decisions} - known)]
    return ImportPlan(catalogue=sold, tenants=tuple(plans), registrations=tuple(registered), findings=tuple(found))


def _chosen(
    tenants: Iterable[OldTenant], only: Collection[str], decisions: Mapping[str, Decision]
) -> tuple[list[OldTenant], list[Finding]]:
    """The tenants to import, by name, and why the others are left alone."""
    chosen, found = [], []
    for tenant in sorted(tenants, key=lambda one: one.schema_name):
        name = tenant.schema_name
        reason = _left_alone(tenant, decisions.get(name, UNDECIDED))
        if name == PUBLIC or (only and name not in only):
            continue
        if reason is None:
            chosen.append(tenant)
        else:
            found.append(Finding(kind=Kind.LEFT_ALONE, tenant=name, message=reason))
    return chosen, found


def _left_alone(tenant: OldTenant, decision: Decision) -> str | None:
    if tenant.payment_provider != OURS:
        return f"it pays through {tenant.payment_provider}"
    if decision.skip:
        return f"decided: {decision.note}" if decision.note else "decided"
    try:
        check_tenant_id(tenant.schema_name)
    except InvalidTenant as error:
        return str(error)
    return None


def _registrations(
    tables: OldTables,
    evidence: Evidence,
    rules: ImportRules,
    decisions: Mapping[str, Decision],
    version: int,
) -> tuple[list[RegistrationPlan], list[Finding]]:
    """Orders that no tenant has: registrations that were paid for nothing, or can still be paid."""
    taken = {order.order_id for tenant in tables.tenants for order in registrations_of(tenant, tables)}
    pending = {one.order_id: one for one in tables.registrations if one.order_id}
    plans: list[RegistrationPlan] = []
    found: list[Finding] = []
    for old in sorted(tables.orders, key=lambda one: one.id):
        if old.tenant_id is not None or old.order_id in taken:
            continue
        known = pending.get(old.order_id)
        name = known.schema_name if known else str(old.metadata.get("schema_name") or "")
        payments, more = old_orders.payments([old], [], evidence, rules, Buyer(tenant_id=name, name=name))
        found += more
        for payment in payments:
            plan, line = _of_nobody(payment, known, tables, rules, decisions.get(name, UNDECIDED), version)
            found += [line] if line else []
            plans += [plan] if plan else []
    return plans, found


def _of_nobody(
    payment: Payment,
    known: OldRegistration | None,
    tables: OldTables,
    rules: ImportRules,
    decision: Decision,
    version: int,
) -> tuple[RegistrationPlan | None, Finding | None]:
    """The payment of a registration without a tenant: it can be completed, only be given back, or is dropped."""
    order, name = payment.order, payment.order.tenant_id if payment.order else ""
    if order is None:
        return None, None
    registration = _registration(known, order, rules) if known is not None else None
    can_be_paid = order.is_open and registration is not None and rules.now < registration.expires_at
    if not (order.is_paid or can_be_paid):
        return None, payment.finding(Kind.LEFT_ALONE, name, f"{payment.stated}, for a registration: never paid")
    if not _is_tenant(name):
        kind = Kind.PAID_WITHOUT_EFFECT if order.is_paid else Kind.LEFT_ALONE
        return None, payment.finding(
            kind, name, f"paid {payment.paid} for a registration of no valid name: give it back"
        )
    line = None
    if registration is not None and known is not None:
        order.purpose, order.period = Purpose.REGISTRATION, 0
        plan = agreed.plan([one for one in tables.features if one.id in known.features], known.agent_count, version)
        if plan is None and isinstance(payment.old, OldOrder):
            features = {one.id: one for one in tables.features}
            plan = agreed.bought(payment.old, features, known.agent_count, version)
        order.plan = agreed.fitted(plan, order.amount) if plan is not None else None
    can_apply = registration is not None and order.plan is not None and order.bank_order_id is not None
    if order.is_paid and payment.order_id in decision.apply and can_apply:
        order = _reopened(order, rules)
    elif order.is_paid and payment.order_id not in decision.settled:
        what = "complete the registration by a decision (apply), or give it back" if can_apply else "give it back"
        line = payment.finding(Kind.PAID_WITHOUT_EFFECT, name, f"paid {payment.paid}, and no tenant was made: {what}")
        order.mark(line.message, Source.IMPORT, rules.now)
    entries = tuple(books.opening_entries(order, rules.now))
    payload = known.payload if known else {}
    return RegistrationPlan(registration=registration, payload=payload, order=order, entries=entries), line


def _is_tenant(name: str) -> bool:
    try:
        check_tenant_id(name)
    except InvalidTenant:
        return False
    return True


def _registration(old: OldRegistration, order: Order, rules: ImportRules) -> Registration | None:
    """The registration that an order pays; None where its tenant was made, or its name or address is not valid."""
    if old.is_processed:
        return None
    try:
        applicant = Applicant(
            schema_name=old.schema_name,
            name=old.name or old.schema_name,
            admin_email=old.admin_email,
            admin_first_name=old.admin_first_name,
            admin_last_name=old.admin_last_name,
            language=known_language(old.preferred_language) or "ka",
        )
    except (InvalidTenant, InvalidSelection):
        return None
    return Registration(
        order_id=order.id,
        applicant=applicant,
        sealed_payload=None,
        created_at=rules.now if order.is_paid else old.created_at,
        expires_at=max(old.expires_at, rules.quiet_until) if order.is_paid else old.expires_at,
    )


def _reopened(order: Order, rules: ImportRules) -> Order:
    """The order of a registration as the bank's page left it: the bank is asked again after the import."""
    made = evolve(
        order,
        state=OrderState.PROCESSING,
        captured=None,
        refunds=(),
        response_code=None,
        check_at=rules.now,
        steps=order.steps[:1],
    )
    made.note(
        "import", Source.IMPORT, rules.now, "decided: the bank is asked, and the payment completes it", by=rules.by
    )
    return made
