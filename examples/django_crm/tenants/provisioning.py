"""Create tenants with their first users."""

from django.contrib.auth import get_user_model
from django_tenants.utils import schema_context
from rest_framework.authtoken.models import Token

from tenants.models import Domain, Tenant

DOMAIN = "crm.localhost"


def create_tenant(schema_name: str, name: str, subdomain: str) -> None:
    """Create a tenant, its schema and its host. Safe to repeat: what is there is kept."""
    with schema_context("public"):
        tenant, _ = Tenant.objects.get_or_create(schema_name=schema_name, defaults={"name": name})
        Domain.objects.get_or_create(domain=f"{subdomain}.{DOMAIN}", defaults={"tenant": tenant, "is_primary": True})


def create_user(schema_name: str, email: str, *, is_staff: bool, password_hash: str = "") -> str:
    """Create a user of a tenant; gives the token. Safe to repeat."""
    with schema_context(schema_name):
        user, _ = get_user_model().objects.get_or_create(
            username=email, defaults={"email": email, "is_staff": is_staff, "password": password_hash or "!"}
        )
        return Token.objects.get_or_create(user=user)[0].key
