"""The rows of one tenant, with its payments settled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from echodesk_billing.domain.customers.tenant import default_subdomain
from echodesk_billing.domain.importing import orders
from echodesk_billing.domain.importing.evidence import Evidence
from echodesk_billing.domain.importing.findings import Finding
from echodesk_billing.domain.importing.payment import Buyer, Payment
from echodesk_billing.domain.importing.records import (
    OldCard,
    OldFeature,
    OldInvoice,
    OldOrder,
    OldSubscription,
    OldTables,
    OldTenant,
)
from echodesk_billing.domain.importing.rules import ImportRules


@frozen(kw_only=True)
class TenantRows:
    """The rows of one tenant.

    Args:
        payments: settled by the best evidence, oldest first.
        suspended_at: when it was suspended last; None where it never was.
        features: all features of the CRM, by id.
        found: what was found about the payments.
    """

    tenant: OldTenant
    subscription: OldSubscription | None
    cards: tuple[OldCard, ...]
    payments: tuple[Payment, ...]
    invoices: tuple[OldInvoice, ...]
    suspended_at: datetime | None
    features: Mapping[int, OldFeature] = field(factory=dict)
    found: tuple[Finding, ...] = ()

    @property
    def buyer(self) -> Buyer:
        """Whose payments they are."""
        return buyer_of(self.tenant)

    @property
    def tenant_id(self) -> str:
        """Its id here."""
        return self.tenant.schema_name


def buyer_of(tenant: OldTenant) -> Buyer:
    """A tenant as a buyer; its subdomain is the first label of its address."""
    subdomain = tenant.domain_url.partition(".")[0].lower()
    own = "" if subdomain == default_subdomain(tenant.schema_name) else subdomain
    return Buyer(tenant_id=tenant.schema_name, name=tenant.name or tenant.schema_name, subdomain=own)


def registrations_of(tenant: OldTenant, tables: OldTables) -> list[OldOrder]:
    """The orders that paid for its registration: they have no tenant, because there was none yet."""
    names = {one.order_id: one.schema_name for one in tables.registrations if one.order_id}
    parents = {one.parent_order_id for one in tables.cards if one.tenant_id == tenant.id}
    parents |= {one.parent_order_id for one in tables.subscriptions if one.tenant_id == tenant.id}
    return [
        one
        for one in tables.orders
        if one.tenant_id is None
        and (
            tenant.schema_name in (one.metadata.get("schema_name"), names.get(one.order_id))
            or (one.bank_order_id and one.bank_order_id in parents)
        )
    ]


def rows_of(tenant: OldTenant, tables: OldTables, evidence: Evidence, rules: ImportRules) -> TenantRows:
    """The rows of one tenant, its payments settled by the best evidence."""
    mine = [one for one in tables.orders if one.tenant_id == tenant.id or one in registrations_of(tenant, tables)]
    attempts = [one for one in tables.attempts if one.tenant_id == tenant.id]
    settled, found = orders.payments(mine, attempts, evidence, rules, buyer_of(tenant))
    numbers = {one.id for one in mine}
    suspensions = [
        one.created_at for one in tables.events if one.tenant_id == tenant.id and one.event_type == "suspended"
    ]
    return TenantRows(
        tenant=tenant,
        subscription=next((one for one in tables.subscriptions if one.tenant_id == tenant.id), None),
        cards=tuple(one for one in tables.cards if one.tenant_id == tenant.id),
        payments=tuple(settled),
        invoices=tuple(one for one in tables.invoices if one.payment_order_id in numbers),
        suspended_at=max(suspensions, default=None),
        features={one.id: one for one in tables.features},
        found=tuple(found),
    )
