"""Who signed a callback."""

import base64
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from echodesk_billing.adapters.bog.signature import BANK_PUBLIC_KEY, load_keys, verify
from echodesk_billing.ports.gateway import Verdict

KEY, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))
BODY = b'{"event": "order_payment",  "body": {}}'


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def sign(body: bytes = BODY, key: rsa.RSAPrivateKey = KEY, algorithm: HashAlgorithm | None = None) -> str:
    return base64.b64encode(key.sign(body, PKCS1v15(), algorithm or SHA256())).decode()


KEYS = load_keys(pem(KEY))


def test_a_signature_is_verified_over_the_exact_bytes() -> None:
    assert verify(KEYS, BODY, sign()) is Verdict.VALID
    assert verify(KEYS, BODY, quote(sign(), safe="")) is Verdict.VALID
    assert verify(KEYS, BODY, f" {sign()}\n") is Verdict.VALID


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (BODY.replace(b"  ", b" "), sign()),
        (BODY + b" ", sign()),
        (BODY, sign(key=OTHER)),
        (BODY, sign(algorithm=SHA1())),  # noqa: S303 - to see it refused
        (BODY, base64.b64encode(KEY.sign(BODY, PSS(MGF1(SHA256()), 32), SHA256())).decode()),
        (BODY, "not base64!"),
        (BODY, base64.b64encode(b"short").decode()),
        (BODY, "%%%"),
        (BODY, "ü"),
    ],
)
def test_anything_else_is_invalid(body: bytes, signature: str) -> None:
    assert verify(KEYS, body, signature) is Verdict.INVALID


@pytest.mark.parametrize("signature", [None, "", "  "])
def test_a_missing_signature_is_not_an_invalid_one(signature: str | None) -> None:
    assert verify(KEYS, BODY, signature) is Verdict.UNSIGNED


def test_several_keys_are_a_rotation() -> None:
    both = load_keys(pem(OTHER) + pem(KEY))
    assert verify(both, BODY, sign()) is verify(both, BODY, sign(key=OTHER)) is Verdict.VALID


def test_the_banks_published_key_is_built_in() -> None:
    (key,) = load_keys(BANK_PUBLIC_KEY)
    assert key.key_size == 2048


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        pem(ec.generate_private_key(ec.SECP256R1())),
    ],
)
def test_a_key_other_than_rsa_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="PEM block"):
        load_keys(text)
