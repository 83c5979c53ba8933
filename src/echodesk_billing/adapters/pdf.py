"""Invoices, credit notes and proforma invoices as PDF, in Georgian and English, with a font that covers both."""

from __future__ import annotations

import importlib.util
import unicodedata
from collections.abc import Container, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from echodesk_billing.adapters.pdf_words import WORDS
from echodesk_billing.domain.accounting.invoice import CreditNote, InvoiceLine, Party
from echodesk_billing.domain.accounting.proforma import Proforma
from echodesk_billing.domain.money import Money
from echodesk_billing.ports.printer import Document

_FONTS = Path(__file__).parent.parent / "data" / "fonts"
_MARGIN, _COLUMN, _SECOND = 20, 80, 110
_LOGO_HEIGHT, _LOGO_WIDTH = 16, 60
_SUMS, _SUM_HEIGHT = 130, 7
_GREY, _LINE, _BLACK = (110, 110, 110), (200, 200, 200), (0, 0, 0)


class PdfPrinter:
    """Prints with fpdf2, the extra `[pdf]`.

    Args:
        seller: for invoices of older versions, which do not keep their own.
        time_zone: IANA name of the time zone of the dates.
        logo: an image file, printed at the top; none where it is None.
    """

    def __init__(self, seller: Party, time_zone: str, logo: Path | None = None) -> None:
        self._seller = seller
        self._zone = ZoneInfo(time_zone)
        self._logo = logo

    @property
    def is_available(self) -> bool:
        """Whether the extra is installed."""
        return importlib.util.find_spec("fpdf") is not None

    def print(self, document: Document, buyer: str, language: str) -> bytes:
        """Pages of A4."""
        page = _Page("ka" if language == "ka" else "en", document, self._zone)
        page.head(self._logo)
        details = document.details
        bought = Party(name=buyer, identification_code=details.identification_code, address=details.address)
        page.parties(details.seller if details.seller.name else self._seller, bought)
        page.period()
        page.lines()
        page.foot()
        return page.finished()


class _Page:
    """One document while it is printed."""

    def __init__(self, language: str, document: Document, zone: ZoneInfo) -> None:
        from fpdf import FPDF  # noqa: PLC0415 - the extra [pdf] is optional
        from fpdf.fonts import TTFFont  # noqa: PLC0415

        self._words, self._document, self._zone = WORDS[language], document, zone
        page_word = self._words["page"]

        class Numbered(FPDF):
            """With the number of the page below it."""

            def footer(self) -> None:
                """The number of the page, where there are several."""
                self.set_y(-15)
                self.set_font("body", "", 8)
                self.set_text_color(*_GREY)
                self.cell(0, 6, f"{page_word} {self.page_no()} / {{nb}}", align="R")
                self.set_text_color(*_BLACK)

        self._pdf: Any = Numbered(format="A4")
        self._pdf.set_creation_date(document.issued_at)
        self._pdf.set_title(self._title)
        self._pdf.set_lang(language)
        self._pdf.add_font("body", "", _FONTS / "DejaVuSans.ttf")
        self._pdf.add_font("body", "B", _FONTS / "DejaVuSans-Bold.ttf")
        self._pdf.set_margins(_MARGIN, _MARGIN)
        self._pdf.set_auto_page_break(auto=True, margin=22)
        self._pdf.add_page()
        font = self._pdf.fonts["body"]
        self._printable = _Printable(font.cmap if isinstance(font, TTFFont) else {})

    @property
    def _kind(self) -> str:
        match self._document:
            case CreditNote():
                return "credit_note"
            case Proforma():
                return "proforma"
        return "invoice"

    @property
    def _title(self) -> str:
        return f"{self._words[self._kind]} {self._document.number}"

    def head(self, logo: Path | None) -> None:
        """Logo, title, date, and what it is about."""
        if logo is not None and logo.is_file():
            self._pdf.image(logo, x=_MARGIN, y=12, h=_LOGO_HEIGHT, w=_LOGO_WIDTH, keep_aspect_ratio=True)
            self._pdf.set_y(12 + _LOGO_HEIGHT + 6)
        self._write(self._title, size=18, height=11, bold=True)
        self._write(f"{self._words['date']}: {self._day(self._document.issued_at)}")
        if isinstance(self._document, CreditNote):
            self._write(f"{self._words['of_invoice']}: {self._document.invoice_number}")
        if isinstance(self._document, Proforma):
            self._write(f"{self._words['valid_until']}: {self._day(self._document.valid_until)}")
        else:
            self._write(f"{self._words['order']}: {self._document.order_id}")
        self._pdf.ln(7)

    def parties(self, seller: Party, buyer: Party) -> None:
        """Seller and buyer beside each other."""
        top = bottom = self._pdf.get_y()
        for left, title, lines in (
            (_MARGIN, self._words["seller"], self._told(seller)),
            (_SECOND, self._words["buyer"], self._told(buyer)),
        ):
            self._pdf.set_xy(left, top)
            self._pdf.set_font("body", "", 8)
            self._pdf.set_text_color(*_GREY)
            self._pdf.cell(_COLUMN, 5, title.upper() if title.isascii() else title, new_x="LEFT", new_y="NEXT")
            self._pdf.set_text_color(*_BLACK)
            for number, line in enumerate(lines):
                self._pdf.set_x(left)
                self._pdf.set_font("body", "" if number else "B", 10)
                self._pdf.multi_cell(
                    _COLUMN, 5.5, self._printable(line), align="L", new_x="LEFT", new_y="NEXT", wrapmode="WORD"
                )
            bottom = max(bottom, self._pdf.get_y())
        self._pdf.set_y(bottom)
        self._pdf.ln(7)

    def _told(self, party: Party) -> list[str]:
        code, account = party.identification_code, party.bank_account
        lines = [
            party.name,
            f"{self._words['code']}: {code}" if code else "",
            *party.address.split("\n"),
            f"{self._words['account']}: {account}" if account else "",
        ]
        return [line for line in lines if line]

    def period(self) -> None:
        """The period of service, where it is known; of a proforma invoice until when it would pay."""
        details = self._document.details
        if isinstance(self._document, Proforma) and details.ends is not None:
            self._write(f"{self._words['pays_until']}: {self._day(details.ends)}")
            self._pdf.ln(3)
        if details.begins is not None and details.ends is not None:
            self._write(f"{self._words['period']}: {self._day(details.begins)} – {self._day(details.ends)}")
            self._pdf.ln(3)

    def lines(self) -> None:
        """What was bought or given back, and the sums."""
        self._pdf.set_font("body", "", 10)
        self._pdf.set_draw_color(*_LINE)
        with self._pdf.table(
            col_widths=(82, 28, 30, 30),
            text_align=("LEFT", "RIGHT", "RIGHT", "RIGHT"),
            line_height=6,
            padding=(1.2, 1),
            borders_layout="HORIZONTAL_LINES",
        ) as table:
            table.row([self._words[name] for name in ("what", "quantity", "unit_price", "amount")])
            for line in self._rows():
                name = self._printable(line.description)
                if line.is_discount:
                    name = f"{self._words['discount']} {name}".rstrip()
                table.row((name, str(line.quantity), _number(line.unit_price), _money(line.amount)))
        self._pdf.set_draw_color(*_BLACK)
        sums = self._sums()
        if self._pdf.will_page_break(_SUM_HEIGHT * (len(sums) + 1)):  # they stay together
            self._pdf.add_page()
        self._pdf.ln(2)
        for number, (name, amount) in enumerate(sums, 1):
            self._pdf.set_font("body", "B" if number == len(sums) else "", 10)
            self._pdf.cell(_SUMS, _SUM_HEIGHT, name, align="R")
            self._pdf.cell(0, _SUM_HEIGHT, _money(amount), align="R", new_x="LMARGIN", new_y="NEXT")
        self._pdf.ln(6)

    def _rows(self) -> Sequence[InvoiceLine]:
        document = self._document
        if isinstance(document, CreditNote):
            about = f"{self._words['refund_of']} {document.invoice_number}"
            reason = f": {document.reason}" if document.reason else ""
            return [InvoiceLine(description=about + reason, unit_price=document.amount, amount=document.amount)]
        if document.details.lines:
            return document.details.lines
        return [InvoiceLine(description=document.description, unit_price=document.amount, amount=document.amount)]

    def _sums(self) -> Sequence[tuple[str, Money]]:
        document = self._document
        vat = document.vat if isinstance(document, CreditNote) else document.details.vat
        total = (self._words[f"total_{self._kind}"], document.amount)
        if vat is None:
            return [total]
        percent = document.details.vat_percent or Decimal(0)
        return [
            (self._words["without_vat"], document.amount - vat),
            (f"{self._words['vat']} {percent.normalize():f} %", vat),
            total,
        ]

    def foot(self) -> None:
        """How it was paid or given back, or where to transfer it to."""
        self._pdf.set_font("body", "", 9)
        if isinstance(self._document, Proforma):
            self._transfer(self._document)
            return
        details = self._document.details
        method = self._words.get(f"by_{details.method}") or self._words["by_card"]
        words, day = "refunded" if self._kind == "credit_note" else "paid", self._day(self._document.issued_at)
        if details.method == "bank_transfer":
            words += "_by_transfer"
            day = f"{details.paid_on}" if words.startswith("paid") and details.paid_on else day
        self._pdf.multi_cell(0, 5.5, self._words[words].format(date=day, method=method, proforma=details.proforma))

    def _transfer(self, proforma: Proforma) -> None:
        """The account, and the reference by which the transfer is recognised."""
        seller = proforma.details.seller
        for name, told in (
            ("pay_to", seller.name),
            ("account", seller.bank_account),
            ("reference", proforma.number),
        ):
            self._pdf.set_font("body", "", 9)
            self._pdf.cell(55, 6, self._words[name])
            self._pdf.set_font("body", "B", 9)
            self._pdf.multi_cell(0, 6, self._printable(told), align="L", new_x="LMARGIN", new_y="NEXT")
        self._pdf.ln(2)
        self._pdf.set_font("body", "", 9)
        self._pdf.multi_cell(0, 5.5, self._words["not_an_invoice"])

    def finished(self) -> bytes:
        """The document."""
        return bytes(self._pdf.output())

    def _write(self, text: str, *, size: int = 10, height: float = 6, bold: bool = False) -> None:
        self._pdf.set_font("body", "B" if bold else "", size)
        self._pdf.cell(0, height, text, new_x="LMARGIN", new_y="NEXT")

    def _day(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._zone):%Y-%m-%d}"


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


def _number(amount: Money) -> str:
    return f"{amount.amount:,.2f}".replace(",", " ")


def _money(amount: Money) -> str:
    return f"{_number(amount)} {amount.currency}"
