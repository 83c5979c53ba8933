"""Ids of tenants: what they are made of, and which nobody may have."""

from __future__ import annotations

import re
from collections.abc import Collection

from echodesk_billing.domain.errors import InvalidTenant

LONGEST_ID = 63
_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")
RESERVED = frozenset({"public", "www", "api", "admin", "information_schema"})
_RESERVED_PREFIX = "pg_"


def tenant_id(value: object, reserved: Collection[str] = ()) -> str:
    """An id of a tenant, checked: it becomes part of web addresses and the name of a database schema.

    Args:
        value: as it came in.
        reserved: names that nobody may have, besides those that are never a tenant's.

    Raises:
        InvalidTenant: it is no text of lower-case letters, digits, `_` and `-`, too long, or reserved.
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
