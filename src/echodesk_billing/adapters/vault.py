"""Encryption with Fernet. With several keys (a rotation) the first encrypts and all decrypt."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from echodesk_billing.ports.vault import VaultClosed


class FernetVault:
    """A vault whose keys come from the settings.

    Args:
        keys: from `Fernet.generate_key`, newest first; without one nothing can be encrypted.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys]) if keys else None

    @property
    def is_open(self) -> bool:
        """Whether there is a key."""
        return self._fernet is not None

    def seal(self, plain: bytes) -> bytes:
        """Encrypt with the first key."""
        if self._fernet is None:
            raise VaultClosed("Secrets are stored only encrypted: set BILLING_ENCRYPTION_KEYS")
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt with the matching key."""
        if self._fernet is None:
            raise VaultClosed("BILLING_ENCRYPTION_KEYS is not set: encrypted data cannot be read")
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise VaultClosed("No key in BILLING_ENCRYPTION_KEYS can decrypt this: append the older key") from None
