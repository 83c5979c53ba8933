"""`manage.py create_demo`: the public host and two tenants, with an administrator and a member each."""

from django.core.management.base import BaseCommand
from django_tenants.utils import schema_context

from tenants.models import Domain, Tenant
from tenants.provisioning import DOMAIN, create_tenant, create_user


class Command(BaseCommand):
    """Prints the hosts and tokens."""

    help = "Create two tenants with users, and print their tokens."

    def handle(self, *_args: object, **_options: object) -> None:
        """Run the command; what is there is kept."""
        with schema_context("public"):
            public, _ = Tenant.objects.get_or_create(schema_name="public", defaults={"name": "CRM"})
            for host in (DOMAIN, "127.0.0.1"):
                Domain.objects.get_or_create(domain=host, defaults={"tenant": public, "is_primary": host == DOMAIN})
        for schema, name in (("acme", "Acme LLC"), ("tea_house", "Tea House LLC")):
            subdomain = schema.replace("_", "-")
            create_tenant(schema, name, subdomain)
            for user, is_staff in (("admin", True), ("member", False)):
                token = create_user(schema, f"{user}@{subdomain}.example", is_staff=is_staff)
                self.stdout.write(f"{subdomain}.{DOMAIN} {user} {token}")
