"""`make fuzz`: random callbacks, guided by what they reach in the parser, until stopped or `-runs=N`.

Whatever comes in is read or refused as malformed, and no signature of chance is good.
"""

from __future__ import annotations

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["echodesk_billing.adapters.bog", "echodesk_billing.domain"]):
    from echodesk_billing.adapters.bog.client import BogGateway
    from echodesk_billing.adapters.bog.signature import BANK_PUBLIC_KEY, load_keys, verify
    from echodesk_billing.ports.gateway import MalformedCallback, Verdict

READER = BogGateway.__new__(BogGateway)
KEYS = load_keys(BANK_PUBLIC_KEY)


def one(data: bytes) -> None:
    """One input: a body, and the same bytes as a signature."""
    with contextlib.suppress(MalformedCallback):
        BogGateway.read_callback(READER, data)
    if verify(KEYS, data, data.decode("latin-1")) is Verdict.VALID:
        raise AssertionError("a signature of chance is good")


def main() -> None:
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
