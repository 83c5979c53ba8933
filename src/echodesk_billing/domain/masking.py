"""Masked names and e-mail addresses for the bank: recognisable to their owner, useless to others."""

from __future__ import annotations


def mask_name(name: str) -> str:
    """`Nino Beridze` becomes `N*** B******`."""
    return " ".join(part[0] + "*" * (len(part) - 1) for part in name.split())


def mask_email(email: str) -> str:
    """`nino@echodesk.ge` becomes `n***@echodesk.ge`; anything else is masked entirely."""
    local, _, domain = email.rpartition("@")
    if not local:
        return "*" * len(email)
    return f"{local[0]}{'*' * (len(local) - 1)}@{domain}"
