"""Invoices on paper: every name is printed, and nothing over anything else."""

from __future__ import annotations

import pypdfium2
import pytest

from echodesk_billing.adapters.pdf import PdfPrinter
from echodesk_billing.domain.accounting.invoice import Invoice
from tests.builders import NOW, gel

SELLER = ("EchoDesk LLC", "Rustaveli 1, 0108 Tbilisi, a building with a long name on its second floor", "405 123 456")
GEORGIAN = "შეზღუდული პასუხისმგებლობის საზოგადოება " * 4
NAMES = [
    "Yağmur Işık Şirketi, İstanbul Ğ",
    "Əliyev və Ortaqları, Şəki",
    "Zażółć gęślą jaźń, Łódź",
    "Příliš žluťoučký kůň, ďábel",
    "Արարատ Ընկերություն և Որդիներ",
    "ООО «Ёлка»",
    GEORGIAN[:160].strip(),
]


def an_invoice(**changes: object) -> Invoice:
    facts = {
        "series": "ED",
        "serial": 7,
        "tenant_id": "acme",
        "order_id": "SUB-9F2C7A1B04DE",
        "amount": gel("1234.50"),
        "description": "EchoDesk Business",
        "package_name": "Business",
        "seats": 3,
        "issued_at": NOW,
    }
    return Invoice(**{**facts, **changes})  # type: ignore[arg-type]


def page_of(name: str, seller: tuple[str, ...] = SELLER, **changes: object) -> pypdfium2.PdfTextPage:
    printed = PdfPrinter(seller, "Asia/Tbilisi").print(an_invoice(**changes), name, "en")
    return pypdfium2.PdfDocument(printed)[0].get_textpage()


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", NAMES)
def test_every_character_of_a_name_is_printed(name: str) -> None:
    assert words(name) in words(page_of(name).get_text_bounded())


@pytest.mark.parametrize(
    ("name", "printed"), [("ᲐᲑᲒ", "აბგ"), ("5 ₾", "5 GEL"), ("北京 LLC", "?? LLC"), ("Cafe\u0301", "Café")]
)
def test_a_missing_glyph_is_printed_as_a_question_mark(name: str, printed: str) -> None:
    assert printed in words(page_of(name).get_text_bounded())
    assert printed in words(page_of("Acme", description=name).get_text_bounded())


@pytest.mark.parametrize("seller", [SELLER, SELLER * 3, ()])
@pytest.mark.parametrize("name", ["Acme", GEORGIAN, "a" * 200])
def test_no_line_is_printed_over_another(name: str, seller: tuple[str, ...]) -> None:
    page = page_of(name, seller)
    boxes = [page.get_rect(number) for number in range(page.count_rects())]
    for number, (left, bottom, right, top) in enumerate(boxes):
        for left_, bottom_, right_, top_ in boxes[number + 1 :]:
            wide = min(right, right_) - max(left, left_)
            high = min(top, top_) - max(bottom, bottom_)
            assert wide <= 1 or high <= 1, "two lines stand at one place"
