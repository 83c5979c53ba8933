"""The rows of the CRM's own billing tables, as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import frozen

from echodesk_billing.domain.orders.report import BankReport


@frozen(kw_only=True)
class OldTenant:
    """A row of `tenants_tenant`.

    Args:
        schema_name: becomes the tenant's id.
        domain_url: its first label is the subdomain.
        payment_provider: `bog` or another one, whose tenants are left alone.
    """

    id: int
    schema_name: str
    domain_url: str
    name: str
    admin_email: str
    payment_provider: str
    preferred_language: str


@frozen(kw_only=True)
class OldFeature:
    """A row of `tenants_feature`. Prices were changed in place; obligatory features cost 0.00."""

    id: int
    key: str
    name: str
    description: str
    category: str
    price_per_seat: Decimal
    icon: str
    sort_order: int
    is_active: bool


@frozen(kw_only=True)
class OldSubscription:
    """A row of `tenants_tenant_subscription`.

    Args:
        features: ids of the selected features.
        parent_order_id: the bank's id of the order whose card is charged; empty where there is none.
    """

    id: int
    tenant_id: int
    features: tuple[int, ...]
    agent_count: int
    is_active: bool
    starts_at: datetime | None
    expires_at: datetime | None
    next_billing_date: datetime | None
    last_billed_at: datetime | None
    is_trial: bool
    parent_order_id: str


@frozen(kw_only=True)
class OldCard:
    """A row of `tenants_saved_card`.

    Args:
        parent_order_id: the bank's id of the order that saved it.
        is_active: false where it was removed in the CRM; the bank was never told.
    """

    id: int
    tenant_id: int
    parent_order_id: str
    card_save_type: str
    brand: str
    masked_number: str
    expiry: str
    saved_at: datetime
    is_active: bool
    is_default: bool


@frozen(kw_only=True)
class OldOrder:
    """A row of `tenants_payment_order`.

    Args:
        id: the row's number.
        order_id: the CRM's id, which the bank knows as `external_order_id`.
        bank_order_id: empty where it is not known; several rows can have the same.
        tenant_id: None for registrations.
        paid_at: when the CRM processed the payment.
    """

    id: int
    order_id: str
    bank_order_id: str
    tenant_id: int | None
    amount: Decimal
    currency: str
    status: str
    payment_url: str
    metadata: Mapping[str, Any]
    created_at: datetime
    paid_at: datetime | None

    @property
    def prefix(self) -> str:
        """`SUB`, `REC`, `TRIAL-CONV` …; empty where the id has none."""
        return self.order_id.rpartition("-")[0] if len(self.order_id) < _LONGEST_OWN else ""


_LONGEST_OWN = 26  # longer ones are UUIDs, of another provider


@frozen(kw_only=True)
class OldAttempt:
    """A row of `tenants_payment_attempt`: a charge. A retry is one that no payment order has.

    Args:
        payment_order_id: the number of the row of the order that it belongs to.
        body: of the bank's callback, as the CRM kept it; empty where it kept none.
        response: the same, read; None where it cannot be read.
    """

    id: int
    payment_order_id: int | None
    tenant_id: int
    status: str
    bank_order_id: str
    amount: Decimal
    attempted_at: datetime
    body: bytes = b""
    response: BankReport | None = None


@frozen(kw_only=True)
class OldInvoice:
    """A row of `tenants_invoice`."""

    id: int
    number: str
    payment_order_id: int
    amount: Decimal
    currency: str
    description: str
    seats: int
    issued_at: datetime
    pdf_url: str


@frozen(kw_only=True)
class OldRegistration:
    """A row of `tenants_pending_registration`.

    Args:
        payload: what whoever creates the tenant needs: the hash of the password, features, seats.
    """

    schema_name: str
    order_id: str
    name: str
    admin_email: str
    admin_first_name: str
    admin_last_name: str
    preferred_language: str
    features: tuple[int, ...]
    agent_count: int
    is_processed: bool
    created_at: datetime
    expires_at: datetime
    payload: Mapping[str, Any]


@frozen(kw_only=True)
class OldEvent:
    """A row of `tenants_subscription_event`."""

    tenant_id: int
    event_type: str
    created_at: datetime


@frozen(kw_only=True)
class OldTables:
    """Everything that is read, at one moment."""

    tenants: tuple[OldTenant, ...] = ()
    features: tuple[OldFeature, ...] = ()
    subscriptions: tuple[OldSubscription, ...] = ()
    cards: tuple[OldCard, ...] = ()
    orders: tuple[OldOrder, ...] = ()
    attempts: tuple[OldAttempt, ...] = ()
    invoices: tuple[OldInvoice, ...] = ()
    registrations: tuple[OldRegistration, ...] = ()
    events: tuple[OldEvent, ...] = ()
