"""Tenant ids and subdomains: valid characters and reserved names."""

from __future__ import annotations

import re
from collections.abc import Collection

from echodesk_billing.domain.errors import InvalidTenant

LONGEST_ID = 63
_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")
RESERVED = frozenset({"public", "www", "api", "admin", "information_schema"})
_RESERVED_PREFIX = "pg_"
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


def tenant_id(value: object, reserved: Collection[str] = ()) -> str:
    """Validate a tenant id: it becomes part of URLs and the name of a database schema.

    Args:
        value: the input.
        reserved: names reserved besides the built-in ones.

    Raises:
        InvalidTenant: it has other characters than lower-case letters, digits, `_` and `-`, is too long, or reserved.
    """
    if not isinstance(value, str):
        raise InvalidTenant(f"A tenant's id is text, not {type(value).__name__}")
    if not _ID.fullmatch(value) or len(value) > LONGEST_ID:
        raise InvalidTenant(
            f"{value[:LONGEST_ID]!r} is not a tenant's id: give 1 to {LONGEST_ID} lower-case letters, digits, _ and -, "
            "starting with a letter or digit"
        )
    if value in RESERVED or value in reserved or value.startswith(_RESERVED_PREFIX):
        raise InvalidTenant(f"{value!r} is a reserved name, not a tenant's id")
    return value


def subdomain(value: object, reserved: Collection[str] = ()) -> str:
    """Validate a subdomain: one label of a host name.

    Args:
        value: the input.
        reserved: names reserved besides the built-in ones.

    Raises:
        InvalidTenant: it has other characters than lower-case letters, digits and inner hyphens, is too long, or
            reserved.
    """
    if not isinstance(value, str):
        raise InvalidTenant(f"A subdomain is text, not {type(value).__name__}")
    if not _SUBDOMAIN.fullmatch(value) or len(value) > LONGEST_ID:
        raise InvalidTenant(
            f"{value[:LONGEST_ID]!r} is not a subdomain: give 1 to {LONGEST_ID} lower-case letters, digits and "
            "hyphens, starting and ending with a letter or digit"
        )
    if value in RESERVED or value in reserved:
        raise InvalidTenant(f"{value!r} is a reserved name, not a subdomain")
    return value


def default_subdomain(tenant: str) -> str:
    """The subdomain of a tenant that has not told its own: its id as a host name."""
    return tenant.replace("_", "-").strip("-")


def id_of_subdomain(name: str) -> str:
    """The id of a new tenant that gave only its subdomain: the name of a database schema has no hyphens."""
    return name.replace("-", "_")
