"""Invoices on paper: every name is printed, and nothing over anything else."""

from __future__ import annotations

import base64
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pypdfium2
import pytest
from attrs import evolve

from echodesk_billing.adapters.pdf import PdfPrinter
from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice, Party, Seller
from echodesk_billing.domain.calendar import Period
from tests.builders import NOW, a_plan, an_order, gel

BUYER = Party(name="Acme LLC", identification_code="404123456", address="Rustaveli 1")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

SELLER = Party(
    name="EchoDesk LLC",
    identification_code="405 123 456",
    address="Rustaveli 1, 0108 Tbilisi, a building with a long name on its second floor",
    bank_account="GE00BG0000000000000000",
)
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


def page_of(name: str, seller: Party = SELLER, **changes: object) -> pypdfium2.PdfTextPage:
    printed = PdfPrinter(seller, "Asia/Tbilisi").print(an_invoice(**changes), name, "en")
    return pypdfium2.PdfDocument(printed)[0].get_textpage()


def taxed(features: int, language: str = "en", buyer: Party = BUYER) -> tuple[Invoice, list[str]]:
    """An invoice of many features, and the text of its pages."""
    team = a_plan(1, 3)
    items = [
        evolve(team.items[0], id=number, key=f"k{number}", name=f"Feature {number} / ფუნქცია", unit_price=gel("1.50"))
        for number in range(1, features + 1)
    ]
    price = gel("4.50") * features
    order = an_order(plan=evolve(team, items=tuple(items), price=price), amount=price)
    seller = Seller(party=SELLER, vat_percent=Decimal(18))
    whole = {"series": "INV-2026", "serial": 7, "buyer": buyer, "seller": seller}
    period = Period(number=0, start=NOW, end=NOW + timedelta(days=28))
    invoice = Invoice.of(order, price, NOW, period=period, **whole)  # type: ignore[arg-type]
    return invoice, pages(invoice, language)


def pages(document: Invoice | CreditNote, language: str) -> list[str]:
    printed = pypdfium2.PdfDocument(PdfPrinter(Party(), "Asia/Tbilisi").print(document, document.buyer, language))
    return [words(printed[number].get_textpage().get_text_bounded()) for number in range(len(printed))]


@pytest.mark.parametrize("name", NAMES)
def test_everything_an_accountant_needs_is_printed(name: str) -> None:
    buyer = Party(name=name, identification_code="404123456", address="Chavchavadze 5, Batumi")
    _, (page,) = taxed(3, buyer=buyer)
    for part in (
        words(name),
        "404123456",
        "Chavchavadze 5, Batumi",
        "405 123 456",
        "Bank account: GE00BG0000000000000000",
        "2026-01-31 – 2026-02-28",
    ):
        assert part in page
    for part in ("Feature 2 / ფუნქცია 3 1.50 4.50 GEL", "Without VAT 11.44 GEL", "VAT 18 % 2.06 GEL"):
        assert part in page
    assert "Total, paid 13.50 GEL Paid by card through the Bank of Georgia on 2026-01-31." in page


def test_ten_features_fit_and_forty_break_to_pages_with_headings_and_sums_together() -> None:
    _, ten = taxed(10)
    assert len(ten) == 1
    _, forty = taxed(40)
    assert len(forty) > 1
    assert all("Description Quantity Unit price Amount" in page for page in forty)
    assert ["Without VAT" in page for page in forty] == ["Total, paid" in page for page in forty]
    assert [f"Page {number} / {len(forty)}" in page for number, page in enumerate(forty, 1)] == [True] * len(forty)


def test_it_is_printed_in_georgian() -> None:
    _, (page,) = taxed(1, "ka")
    for part in ("ინვოისი INV-2026-000007", "საიდენტიფიკაციო კოდი", "მომსახურების პერიოდი", "დღგ 18 % 0.69 GEL"):
        assert part in page


def test_a_credit_note_names_its_invoice_and_why() -> None:
    invoice, _ = taxed(3)
    note = CreditNote.of(invoice, gel("5.00"), gel("5.00"), NOW, series="CN-2026", serial=2, reason="an outage")
    (page,) = pages(note, "en")
    for part in ("Credit note CN-2026-000002", "To invoice: INV-2026-000007", "Refund of INV-2026-000007: an outage"):
        assert part in page
    assert "VAT 18 % 0.76 GEL Total, refunded 5.00 GEL" in page


def test_a_logo_is_printed_and_a_missing_one_is_not(tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(base64.b64decode(PIXEL))
    with_logo, without = (
        PdfPrinter(SELLER, "Asia/Tbilisi", file).print(an_invoice(), "Acme", "en") for file in (logo, tmp_path / "none")
    )
    assert b"/Image" in with_logo
    assert b"/Subtype /Image" not in without


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


@pytest.mark.parametrize("seller", [SELLER, evolve(SELLER, address=SELLER.address * 3), Party()])
@pytest.mark.parametrize("name", ["Acme", GEORGIAN, "a" * 200])
def test_no_line_is_printed_over_another(name: str, seller: Party) -> None:
    page = page_of(name, seller)
    boxes = [page.get_rect(number) for number in range(page.count_rects())]
    for number, (left, bottom, right, top) in enumerate(boxes):
        for left_, bottom_, right_, top_ in boxes[number + 1 :]:
            wide = min(right, right_) - max(left, left_)
            high = min(top, top_) - max(bottom, bottom_)
            assert wide <= 1 or high <= 1, "two lines stand at one place"
