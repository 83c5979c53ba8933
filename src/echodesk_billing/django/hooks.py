"""How the app finds tenants and administrators by default: as django-tenants and django-tenant-schemas have them."""

from __future__ import annotations

from typing import Any

PUBLIC = "public"


def tenant_of_request(request: Any) -> str | None:
    """The schema name of the request's tenant; None in the public schema, and where there are no tenants."""
    name = getattr(getattr(request, "tenant", None), "schema_name", None)
    return None if name in (None, PUBLIC) else str(name)


def is_administrator(user: Any, _request: Any) -> bool:
    """Whether a user may buy and change: staff may."""
    return bool(user.is_staff or user.is_superuser)


def names_of_tenant(request: Any) -> tuple[str, str, str]:
    """Display name, subdomain and language of the request's tenant.

    The subdomain is the first label of its domain or host, the language its `preferred_language`.
    """
    tenant = getattr(request, "tenant", None)
    host = getattr(tenant, "domain_url", "") or request.get_host().partition(":")[0]
    label, _, rest = host.partition(".")
    subdomain = label if rest and not label.isdigit() else ""
    return str(getattr(tenant, "name", "") or ""), subdomain, str(getattr(tenant, "preferred_language", "") or "")
