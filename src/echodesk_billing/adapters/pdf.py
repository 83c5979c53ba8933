"""Invoices as PDF, in Georgian and English, with a font that covers both."""

from __future__ import annotations

import importlib.util
import unicodedata
from collections.abc import Container, Sequence
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from echodesk_billing.domain.accounting.invoice import Invoice

_FONTS = Path(__file__).parent.parent / "data" / "fonts"
_WORDS = {
    "en": {
        "title": "Invoice",
        "date": "Date",
        "seller": "Seller",
        "buyer": "Bill to",
        "what": "Description",
        "seats": "Seats",
        "amount": "Amount",
        "total": "Total, paid",
        "order": "Payment",
        "paid": "Paid by card through the Bank of Georgia on {date}.",
    },
    "ka": {
        "title": "ინვოისი",
        "date": "თარიღი",
        "seller": "გამყიდველი",
        "buyer": "მყიდველი",
        "what": "აღწერა",
        "seats": "რაოდენობა",
        "amount": "თანხა",
        "total": "სულ, გადახდილია",
        "order": "გადახდა",
        "paid": "გადახდილია ბარათით, საქართველოს ბანკის მეშვეობით, {date}.",
    },
}


class PdfPrinter:
    """Prints with fpdf2, the extra `[pdf]`.

    Args:
        seller: lines of the seller's details: name, address, number.
        time_zone: IANA name of the time zone of the dates.
    """

    def __init__(self, seller: Sequence[str], time_zone: str) -> None:
        self._seller = seller
        self._zone = ZoneInfo(time_zone)

    @property
    def is_available(self) -> bool:
        """Whether the extra is installed."""
        return importlib.util.find_spec("fpdf") is not None

    def print(self, invoice: Invoice, buyer: str, language: str) -> bytes:
        """One page, A4."""
        from fpdf import FPDF  # noqa: PLC0415 - the extra [pdf] is optional
        from fpdf.fonts import TTFFont  # noqa: PLC0415

        words = _WORDS["ka" if language == "ka" else "en"]
        day = f"{invoice.issued_at.astimezone(self._zone):%Y-%m-%d}"
        amount = f"{_grouped(invoice.amount.amount)} {invoice.amount.currency}"
        pdf = FPDF(format="A4")
        pdf.set_creation_date(invoice.issued_at)
        pdf.set_title(f"{words['title']} {invoice.number}")
        pdf.set_lang("ka" if language == "ka" else "en")
        pdf.add_font("body", "", _FONTS / "DejaVuSans.ttf")
        pdf.add_font("body", "B", _FONTS / "DejaVuSans-Bold.ttf")
        pdf.set_margins(20, 20)
        pdf.add_page()

        pdf.set_font("body", "B", 20)
        pdf.cell(0, 12, f"{words['title']} {invoice.number}", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("body", "", 10)
        pdf.cell(0, 6, f"{words['date']}: {day}", new_x="LMARGIN", new_y="NEXT")
        pdf.cell(0, 6, f"{words['order']}: {invoice.order_id}", new_x="LMARGIN", new_y="NEXT")
        pdf.ln(8)

        font = pdf.fonts["body"]
        printable = _Printable(font.cmap if isinstance(font, TTFFont) else {})
        top = bottom = pdf.get_y()
        for left, title, lines in ((20, words["seller"], self._seller), (110, words["buyer"], [buyer])):
            pdf.set_xy(left, top)
            pdf.set_font("body", "B", 10)
            pdf.cell(80, 6, title, new_x="LEFT", new_y="NEXT")
            pdf.set_font("body", "", 10)
            pdf.multi_cell(80, 6, printable("\n".join(lines)), align="L", new_x="LEFT", new_y="NEXT")
            bottom = max(bottom, pdf.get_y())
        pdf.set_y(bottom)
        pdf.ln(8)

        with pdf.table(
            col_widths=(100, 30, 40),
            text_align=("LEFT", "RIGHT", "RIGHT"),
            line_height=8,
            borders_layout="HORIZONTAL_LINES",
        ) as table:
            table.row((words["what"], words["seats"], words["amount"]))
            table.row((printable(invoice.description), str(invoice.seats or ""), amount))
            table.row((words["total"], "", amount))
        pdf.ln(8)
        pdf.multi_cell(0, 6, words["paid"].format(date=day))
        return bytes(pdf.output())


class _Printable:
    """Text that the font can print: a missing glyph becomes a question mark."""

    def __init__(self, letters: Container[int]) -> None:
        self._letters = letters

    def __call__(self, text: str) -> str:
        composed = unicodedata.normalize("NFC", text.replace("₾", "GEL"))
        return "".join(self._letter(letter) for letter in composed)

    def _letter(self, letter: str) -> str:
        if letter == "\n" or ord(letter) in self._letters:
            return letter
        lower = letter.lower()  # the font has no Georgian capitals
        return lower if len(lower) == 1 and ord(lower) in self._letters else "?"


def _grouped(amount: Decimal) -> str:
    return f"{amount:,.2f}".replace(",", " ")
