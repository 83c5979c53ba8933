"""Exports for accounting: every document once, totals that agree with the journal, and no formula in any cell."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from echodesk_billing import InvalidSelection
from echodesk_billing.application import exports as module
from echodesk_billing.application.exports import DocumentRow, EntryRow, Exports
from echodesk_billing.domain.accounting.invoice import Party, Seller
from echodesk_billing.entrypoints.spreadsheets import Format, written
from echodesk_billing.ports.access import Scope
from tests.builders import catalogue, principal
from tests.unit.conftest import World

OPERATOR = principal("echodesk", Scope.OPERATOR)
ZONE = "Asia/Tbilisi"


@pytest.fixture
async def sold(monkeypatch: pytest.MonkeyPatch) -> World:
    """Five tenants that bought, of whom two got something back, read two rows at a time."""
    monkeypatch.setattr(module, "BATCH", 2)
    world = World(seller=Seller(party=Party(name="EchoDesk"), vat_percent=Decimal(18)))
    await world.load_catalogue.load(catalogue())
    for number in range(5):
        order = await world.buy_and_pay(f"tenant-{number}")
        if number % 2:
            order, _ = await world.refunds.refund(OPERATOR, order.id, Decimal("10.00"), "asked for")
            world.bank.give_back(order)
            await world.hear(order)
        world.clock.advance(days=10)
    return world


async def documents(world: World, first: date, last: date) -> list[DocumentRow]:
    exports = Exports(world.storage, ZONE)
    return [row async for row in exports.documents(exports.days(first, last))]


async def test_every_document_of_the_days_is_there_once(sold: World) -> None:
    rows = await documents(sold, date(2026, 1, 1), date(2026, 12, 31))
    assert [row.number for row in rows] == [
        *(f"INV-2026-{number:06}" for number in range(1, 6)),
        *(f"CN-2026-{number:06}" for number in range(1, 3)),
    ]
    february = await documents(sold, date(2026, 2, 1), date(2026, 2, 28))
    assert [row.number for row in february] == ["INV-2026-000002", "INV-2026-000003", "CN-2026-000001"]
    assert await documents(sold, date(2027, 1, 1), date(2027, 1, 1)) == []


async def test_days_are_those_of_the_time_zone() -> None:
    exports = Exports(World().storage, ZONE)
    span = exports.days(date(2026, 1, 1), date(2026, 1, 31))
    assert span.start == datetime(2025, 12, 31, 20, tzinfo=UTC)
    assert span.end - span.start == timedelta(days=31)
    with pytest.raises(InvalidSelection, match="2026-01-01 is before 2026-01-02"):
        exports.days(date(2026, 1, 2), date(2026, 1, 1))


async def test_totals_agree_with_the_journal(sold: World) -> None:
    rows = await documents(sold, date(2026, 1, 1), date(2026, 12, 31))
    exports = Exports(sold.storage, ZONE)
    span = exports.days(date(2026, 1, 1), date(2026, 12, 31))
    entries = [row async for row in exports.entries(span)]
    assert len(entries) == 5 * 3 + 2 * 3
    for account, total in (
        ("revenue", sum(row.net for row in rows)),
        ("vat", sum(row.vat for row in rows)),
        ("bank", -sum(row.amount for row in rows)),
    ):
        credited = sum(row.amount for row in entries if row.credit == account)
        debited = sum(row.amount for row in entries if row.debit == account)
        assert credited - debited == total, account
    assert sum(row.net + row.vat - row.amount for row in rows) == 0


def a_row(**changes: Any) -> EntryRow:
    values = {
        "at": datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
        "kind": "payment",
        "tenant_id": "acme",
        "order_id": "SUB-1",
        "debit": "bank",
        "credit": "tenant:acme",
        "amount": Decimal("-5.00"),
        "currency": "GEL",
    }
    return EntryRow(**{**values, **changes})


def cells(rows: Sequence[EntryRow]) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written(rows, EntryRow, Format.CSV, ZONE).decode("utf-8-sig"))))


def workbook(row: EntryRow) -> tuple[str, str]:
    """The sheet and the strings of a workbook, as it is stored."""
    made = zipfile.ZipFile(io.BytesIO(written([row], EntryRow, Format.XLSX, ZONE)))
    return made.read("xl/worksheets/sheet1.xml").decode(), made.read("xl/sharedStrings.xml").decode()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=x", '=HYPERLINK("http://x")'])
def test_text_is_never_a_formula(text: str) -> None:
    assert cells([a_row(order_id=text)])[1][3] == f"'{text}"
    sheet, strings = workbook(a_row(order_id=text))
    assert "<f>" not in sheet
    assert re.search(r'<c r="D2" t="s">', sheet)
    assert html.escape(text.strip(), quote=False) in strings


def test_amounts_stay_numbers_and_moments_are_local() -> None:
    header, row = cells([a_row()])
    assert (header[0], row[0], row[6]) == ("at", "2026-01-31 13:30", "-5.00")
    sheet, _ = workbook(a_row())
    days = (datetime(2026, 1, 31, tzinfo=UTC) - datetime(1899, 12, 30, tzinfo=UTC)).days
    assert re.findall(r'<c r="(?:A2|G2)"[^>]*><v>([^<]+)</v>', sheet) == [str(days + 13.5 / 24), "-5.00"]
    (read,) = json.loads(written([a_row()], EntryRow, Format.JSON, ZONE))
    assert (read["amount"], read["at"]) == ("-5.00", "2026-01-31T13:30:00+04:00")


def test_georgian_survives_and_an_empty_export_has_its_columns() -> None:
    assert cells([a_row(tenant_id="შპს")])[1][2] == "შპს"
    assert cells([]) == [["at", "kind", "tenant_id", "order_id", "debit", "credit", "amount", "currency"]]
    assert json.loads(written([], EntryRow, Format.JSON, ZONE)) == []
