"""Encryption of secrets at rest."""

from __future__ import annotations

from typing import Protocol

from echodesk_billing.domain.errors import BillingError


class VaultClosed(BillingError):
    """A secret cannot be encrypted or decrypted; the message says which key is missing."""


class Vault(Protocol):
    """Encrypts and decrypts small secrets."""

    @property
    def is_open(self) -> bool:
        """Whether there is a key."""
        ...

    def seal(self, plain: bytes) -> bytes:
        """Encrypt.

        Raises:
            VaultClosed: there is no key.
        """
        ...

    def open(self, sealed: bytes) -> bytes:
        """Decrypt.

        Raises:
            VaultClosed: no key decrypts it.
        """
        ...
