"""Files of decisions: what a person has decided about the tenants of an import. TOML or JSON, a table per tenant."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.importing.findings import Decision


class _Decision(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    skip: bool = False
    paid_until: datetime | None = None
    complimentary: bool | None = None
    apply: list[str] = []
    settled: list[str] = []
    note: str = ""


def read_decisions(path: Path) -> dict[str, Decision]:
    """Read a file of decisions, by schema name.

    Raises:
        InvalidSelection: it cannot be read; the message says where.
    """
    try:
        raw = path.read_bytes()
        decode = msgspec.json.decode if path.suffix == ".json" else msgspec.toml.decode
        given = decode(raw, type=dict[str, _Decision])
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise InvalidSelection("decisions", f"{path}: {error}") from None
    return {name: _decision(path, name, one) for name, one in given.items()}


def _decision(path: Path, name: str, given: _Decision) -> Decision:
    if given.paid_until is not None and given.paid_until.tzinfo is None:
        raise InvalidSelection(
            "decisions", f"{path}: paid_until of {name} has no time zone: write 2026-12-20T00:00:00+04:00"
        )
    return Decision(
        skip=given.skip,
        paid_until=given.paid_until.astimezone(UTC) if given.paid_until else None,
        complimentary=given.complimentary,
        apply=tuple(given.apply),
        settled=tuple(given.settled),
        note=given.note,
    )
