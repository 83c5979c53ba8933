"""What the CRM does when billing tells it something. Each may be called again with the same event."""

import json

from django.dispatch import receiver
from django_tenants.utils import schema_context

from echodesk_billing import SubscriptionActivated, SubscriptionRenewed, SubscriptionSuspended, TenantRegistered
from echodesk_billing.django import billing
from echodesk_billing.django.signals import billing_event
from tenants.models import Tenant
from tenants.provisioning import create_tenant, create_user


@receiver(billing_event, sender=TenantRegistered)
def provision(event: TenantRegistered, **_more: object) -> None:
    """Create the tenant that has paid, and its administrator with the password of the form, which arrives hashed."""
    create_tenant(event.tenant_id, event.tenant_name, event.subdomain or event.tenant_id.replace("_", "-"))
    form = json.loads(billing().registration_payload(event.order_id) or "{}")
    create_user(event.tenant_id, event.admin_email, is_staff=True, password_hash=form.get("admin_password", ""))


@receiver(billing_event, sender=SubscriptionSuspended)
def suspend(event: SubscriptionSuspended, **_more: object) -> None:
    """Nobody paid until the end of the grace period."""
    _set_suspended(event.tenant_id, is_suspended=True)


@receiver(billing_event, sender=SubscriptionActivated)
@receiver(billing_event, sender=SubscriptionRenewed)
def restore(event: SubscriptionActivated | SubscriptionRenewed, **_more: object) -> None:
    """The tenant has paid."""
    _set_suspended(event.tenant_id, is_suspended=False)


def _set_suspended(tenant_id: str, *, is_suspended: bool) -> None:
    with schema_context("public"):
        Tenant.objects.filter(schema_name=tenant_id).update(is_suspended=is_suspended)
