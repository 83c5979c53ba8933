"""Callback signatures: RSA, PKCS#1 v1.5, SHA-256, over the raw bytes of the body."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from echodesk_billing.ports.gateway import Verdict

BANK_PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu4RUyAw3+CdkS3ZNILQh
zHI9Hemo+vKB9U2BSabppkKjzjjkf+0Sm76hSMiu/HFtYhqWOESryoCDJoqffY0Q
1VNt25aTxbj068QNUtnxQ7KQVLA+pG0smf+EBWlS1vBEAFbIas9d8c9b9sSEkTrr
TYQ90WIM8bGB6S/KLVoT1a7SnzabjoLc5Qf/SLDG5fu8dH8zckyeYKdRKSBJKvhx
tcBuHV4f7qsynQT+f2UYbESX/TLHwT5qFWZDHZ0YUOUIvb8n7JujVSGZO9/+ll/g
4ZIWhC1MlJgPObDwRkRd8NFOopgxMcMsDIZIoLbWKhHVq67hdbwpAq9K9WMmEhPn
PwIDAQAB
-----END PUBLIC KEY-----
"""

# Of the bank's test environment, as a public project took it from the bank's page of test cards.
TEST_PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqczfAuhtxw2iF68kS0Hy
bGSv0ZlDAjsXh6VC8avDl3Vxa9qCn6Pzl37Tl2Z21WodiISLeXdhCtOMTeLNUBeb
CYD31y2/MwnhLYqlCk2bOh29fyPc1iT5Eu/k/1IaNRrK9/UVZaTkhOMeEm+aL4y8
5XsE4UjqftEmwrAdbO2G4cCpuoMC9ZXG9gAdr2BFN6i2Vt9eCen5Poj7E1ik7s8T
GyzploVV0NflhwBGeWnvQANUQGr87gsP5k2JG1z5EwnMybJQ7i3XT726rJMaV6QW
sY5hP72Mtv1I1zL2d9FXm9FWOzbpcXCyxuEBXvqqOHzogri8C7KRRYKyk97Ri7D6
8wIDAQAB
-----END PUBLIC KEY-----
"""
TEST_ENVIRONMENT_HOSTS = ("api-sandbox.bog.ge", "api.sandbox.bog.ge")  # public projects name both

_PEM_BLOCK = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


def is_test_environment(api_base_url: str) -> bool:
    """Whether an API URL belongs to the bank's test environment."""
    return urlsplit(api_base_url).hostname in TEST_ENVIRONMENT_HOSTS


def built_in_key(api_base_url: str) -> str:
    """The PEM of the key that signs callbacks of an API URL.

    The test environment's key is accepted only there: anyone able to sign there could otherwise forge payments.
    """
    return TEST_PUBLIC_KEY if is_test_environment(api_base_url) else BANK_PUBLIC_KEY


def load_keys(pem: str) -> tuple[RSAPublicKey, ...]:
    """The keys in a text of one or more PEM blocks; during a rotation, any of them may have signed.

    Raises:
        ValueError: it contains no RSA public key.
    """
    keys = []
    for block in _PEM_BLOCK.findall(pem):
        try:
            key = load_pem_public_key(block.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ValueError(f"a PEM block is not a readable public key: {error}") from error
        if not isinstance(key, RSAPublicKey):
            raise ValueError("a PEM block is not an RSA key")  # noqa: TRY004 - about the text, not a type
        keys.append(key)
    if not keys:
        raise ValueError("there is no PEM block '-----BEGIN PUBLIC KEY-----' in it")
    return tuple(keys)


def verify(keys: Sequence[RSAPublicKey], raw_body: bytes, signature: str | None) -> Verdict:
    """Verify `signature`, base64 and possibly URL-encoded, over `raw_body`."""
    if not signature or not signature.strip():
        return Verdict.UNSIGNED
    try:
        decoded = base64.b64decode(unquote(signature.strip()), validate=True)
    except (binascii.Error, ValueError):
        return Verdict.INVALID
    for key in keys:
        try:
            key.verify(decoded, raw_body, PKCS1v15(), SHA256())
        except InvalidSignature:
            continue
        return Verdict.VALID
    return Verdict.INVALID
