"""Names and addresses as the bank may see them: recognisable to their owner, useless to others."""

from __future__ import annotations


def mask_name(name: str) -> str:
    """`Nino Beridze` becomes `N*** B******`."""
    return " ".join(part[0] + "*" * (len(part) - 1) for part in name.split())


def mask_email(email: str) -> str:
    """`nino@echodesk.ge` becomes `n***@echodesk.ge`; what is no address is masked whole."""
    local, _, domain = email.rpartition("@")
    if not local:
        return "*" * len(email)
    return f"{local[0]}{'*' * (len(local) - 1)}@{domain}"
