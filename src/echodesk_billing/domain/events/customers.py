"""Events of customers, and reminders to them."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from echodesk_billing.domain.events.base import Event, OrderEvent


@frozen(kw_only=True)
class ReminderDue(Event):
    """The customer should act before something expires.

    Args:
        what: `period` or `trial`, where nothing is charged automatically at its end; `card`; or `access`, where a
            payment is owed.
        days: days left, one of the configured values.
        expires_at: when it expires.
    """

    what: str
    days: int
    expires_at: datetime


@frozen(kw_only=True)
class TenantRegistered(OrderEvent):
    """A tenant's first order is paid: the CRM creates the tenant. `tenant_id` is the schema name.

    The CRM's payload is not in the event: it is stored encrypted and fetched by `order_id`.
    """

    tenant_name: str
    admin_email: str
    admin_first_name: str
    admin_last_name: str
    language: str
    subdomain: str = ""


@frozen(kw_only=True)
class BillingProfileChanged(Event):
    """A customer's billing profile was changed; `fields` names what."""

    fields: tuple[str, ...]


@frozen(kw_only=True)
class CustomerErased(Event):
    """A customer's personal data was erased; its invoices and the journal stay."""

    reason: str
