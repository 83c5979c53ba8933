"""The plan of an import as data and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from echodesk_billing.application.importing import Written
from echodesk_billing.domain.importing.findings import Finding
from echodesk_billing.domain.importing.plan import ImportPlan, RegistrationPlan
from echodesk_billing.domain.importing.subscriptions import NextCharge
from echodesk_billing.domain.importing.tenants import TenantPlan
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState


class TenantReport(Struct, frozen=True, kw_only=True):
    """What one tenant will be, or has become."""

    tenant: str
    name: str
    subdomain: str
    state: str
    paid_until: datetime | None
    because: Sequence[str]
    features: Sequence[str]
    seats: int
    price: str | None
    listed_price: str | None
    card: str
    mandate: str | None
    mandate_source: str | None
    cards: int
    orders: int
    invoices: int
    next_charge: NextCharge | None
    outcome: str | None
    findings: Sequence[Finding]


class RegistrationReport(Struct, frozen=True, kw_only=True):
    """The payment of a registration whose tenant does not exist."""

    tenant: str
    order: str
    state: str
    amount: str
    admin_email: str
    outcome: str | None


class ImportReport(Struct, frozen=True, kw_only=True):
    """The whole import."""

    tenants: Sequence[TenantReport]
    registrations: Sequence[RegistrationReport]
    findings: Sequence[Finding]
    needs_a_person: int


def report(plan: ImportPlan, written: Sequence[Written] = ()) -> ImportReport:
    """The plan as data, with what was written of it."""
    outcomes = {one.tenant: str(one.outcome) for one in written}
    return ImportReport(
        tenants=[_tenant(one, outcomes) for one in plan.tenants],
        registrations=[_registration(one, outcomes) for one in plan.registrations],
        findings=plan.findings,
        needs_a_person=sum(one.needs_a_person for one in plan.all_findings),
    )


def _tenant(plan: TenantPlan, outcomes: Mapping[str, str]) -> TenantReport:
    subscription, has = plan.subscription, plan.subscription.plan
    mandate = plan.mandate
    return TenantReport(
        tenant=plan.tenant_id,
        name=plan.customer.name,
        subdomain=plan.customer.host_label,
        state=subscription.state,
        paid_until=plan.paid_until.moment,
        because=plan.paid_until.because,
        features=has.features if has else (),
        seats=has.selection.seats if has else 0,
        price=str(has.price) if has else None,
        listed_price=str(plan.listed_price) if plan.listed_price else None,
        card=next((card.masked_number for card in plan.cards if card.is_default), ""),
        mandate=str(mandate.amount) if mandate and mandate.amount is not None else None,
        mandate_source=mandate.source if mandate else None,
        cards=len(plan.cards),
        orders=len(plan.orders),
        invoices=len(plan.invoices),
        next_charge=plan.next_charge,
        outcome=outcomes.get(plan.tenant_id),
        findings=plan.findings,
    )


def _registration(plan: RegistrationPlan, outcomes: Mapping[str, str]) -> RegistrationReport:
    return RegistrationReport(
        tenant=plan.order.tenant_id,
        order=plan.order.id,
        state=plan.order.state,
        amount=str(plan.order.amount),
        admin_email=plan.registration.applicant.admin_email if plan.registration else "",
        outcome=outcomes.get(plan.order.tenant_id),
    )


def lines(found: ImportReport, time_zone: str) -> Iterator[str]:
    """The report as lines of text: a paragraph per tenant, then what concerns none, then the total."""
    zone = ZoneInfo(time_zone)
    for tenant in found.tenants:
        yield from _paragraph(tenant, zone)
        yield ""
    for one in found.registrations:
        yield (
            f"{one.tenant}: registration of {one.admin_email or 'nobody known'}, {one.order}, {one.amount}, {one.state}"
            + _done(one.outcome)
        )
    yield from (_finding(one, one.tenant) for one in found.findings)
    yield f"{len(found.tenants)} tenants, {len(found.registrations)} registrations; {_people(found.needs_a_person)}"


def _people(number: int) -> str:
    return {0: "nothing needs a person", 1: "1 line needs a person"}.get(number, f"{number} lines need a person")


def _paragraph(one: TenantReport, zone: ZoneInfo) -> Iterator[str]:
    yield f"{one.tenant}: {one.name}, at {one.subdomain}{_done(one.outcome)}"
    until = _moment(one.paid_until, zone)
    because = f" ({', '.join(one.because)})" if one.because else ""
    yield f"    state        {one.state}"
    yield f"    paid until   {until}{because}"
    listed = f"; the features cost {one.listed_price}" if one.listed_price not in (None, one.price) else ""
    yield f"    plan         {len(one.features)} features, {one.seats} seats, {one.price or 'no price'}{listed}"
    yield f"    card         {_card(one)}"
    yield f"    next charge  {_charge(one, zone)}"
    yield f"    brings       {one.orders} orders, {one.invoices} invoices, {one.cards} cards"
    yield from (f"    {_finding(finding)}" for finding in one.findings)


def _card(one: TenantReport) -> str:
    if one.mandate_source is None:
        return "none"
    return f"{one.card or 'of unknown number'}, repeats {one.mandate or 'an unknown amount'} ({one.mandate_source})"


def _charge(one: TenantReport, zone: ZoneInfo) -> str:
    charge = one.next_charge
    if charge is None:
        return "none"
    how = "from the card"
    if charge.obstacle is not None:
        what = (
            "it ends unless the customer pays" if one.state == SubscriptionState.TRIALING else "the customer is asked"
        )
        how = f"{what}, because {charge.obstacle}"
    return f"{_moment(charge.at, zone)}, {charge.amount}, {how}"


def _finding(one: Finding, tenant: str = "") -> str:
    mark = "NEEDS A PERSON" if one.needs_a_person else "note"
    where = " ".join(part for part in (tenant, one.subject) if part)
    return f"{mark}: {one.kind}: {f'{where}: ' if where else ''}{one.message}"


def _moment(moment: datetime | None, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else "not known"


def _done(outcome: str | None) -> str:
    return f" [{outcome}]" if outcome else ""
