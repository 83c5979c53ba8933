"""Tenants: a schema each."""

from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Tenant(TenantMixin):
    """A customer of the CRM. Its `schema_name` is its id in billing."""

    name = models.CharField(max_length=200)
    is_suspended = models.BooleanField(default=False)
    auto_create_schema = True


class Domain(DomainMixin):
    """A host of a tenant."""
