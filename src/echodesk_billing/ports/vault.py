"""Keeping what others entrust to us unreadable at rest."""

from __future__ import annotations

from typing import Protocol

from echodesk_billing.domain.errors import BillingError


class VaultClosed(BillingError):
    """Something cannot be sealed or opened; the message says which key is missing."""


class Vault(Protocol):
    """Seals and opens small secrets."""

    def seal(self, plain: bytes) -> bytes:
        """Encrypt.

        Raises:
            VaultClosed: there is no key.
        """
        ...

    def open(self, sealed: bytes) -> bytes:
        """Decrypt.

        Raises:
            VaultClosed: none of the keys opens it.
        """
        ...
