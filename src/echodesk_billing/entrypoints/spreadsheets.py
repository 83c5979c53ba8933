"""Rows as CSV, JSON or a workbook. Text that a spreadsheet would run as a formula is defused."""

from __future__ import annotations

import csv
import enum
import io
import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from attrs import asdict, fields

from echodesk_billing.domain.errors import BillingError

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_DAY = "yyyy-mm-dd hh:mm"


class Format(enum.StrEnum):
    """The formats of an export."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


class FormatUnavailable(BillingError):
    """A format needs an extra that is not installed."""


def written(rows: Sequence[Any], kind: type, form: Format, time_zone: str) -> bytes:
    """Rows of one attrs class, with its fields as columns.

    Args:
        time_zone: of the moments; an IANA name.

    Raises:
        FormatUnavailable: workbooks need the extra [xlsx].
    """
    zone, columns = ZoneInfo(time_zone), [one.name for one in fields(kind)]
    values = [[_local(value, zone) for value in asdict(row).values()] for row in rows]
    match form:
        case Format.JSON:
            listed = [dict(zip(columns, map(_plain, one), strict=True)) for one in values]
            return json.dumps(listed, ensure_ascii=False).encode()
        case Format.CSV:
            return _csv(columns, values)
        case Format.XLSX:
            return _xlsx(columns, values)


def _local(value: Any, zone: ZoneInfo) -> Any:
    return value.astimezone(zone) if isinstance(value, datetime) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """With a mark of its encoding, so that spreadsheets read Georgian."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue().encode("utf-8-sig")


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return "" if value is None else str(value)


def _xlsx(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    try:
        import xlsxwriter  # noqa: PLC0415 - the extra [xlsx] is optional
    except ImportError:
        raise FormatUnavailable("Workbooks need the extra: pip install echodesk-billing[xlsx]") from None
    made = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "remove_timezone": True}
    with xlsxwriter.Workbook(made, options) as book:
        sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
        day, money = book.add_format({"num_format": _DAY}), book.add_format({"num_format": "0.00"})
        sheet.write_row(0, 0, columns, bold)
        sheet.freeze_panes(1, 0)
        for number, row in enumerate(rows, 1):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(number, column, value)
                elif isinstance(value, datetime):
                    sheet.write_datetime(number, column, value, day)
                elif value is not None:
                    sheet.write_number(number, column, value, money)
        sheet.autofit()
    return made.getvalue()
