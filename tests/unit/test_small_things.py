"""Masking, response codes, imports, generated docs."""

import subprocess
import sys
from pathlib import Path

import pytest
from docs import generate

from echodesk_billing.domain import events
from echodesk_billing.domain.masking import mask_email, mask_name
from echodesk_billing.domain.orders.response_codes import RESPONSE_CODES, RetryAdvice, response_code

PAYMENTS = ["100", "200", *map(str, range(101, 113)), "122", "199"]
REFUNDS = [*map(str, range(161, 170)), "179"]


def test_names_are_masked_but_recognisable() -> None:
    assert mask_name("Nino Beridze") == "N*** B******"
    assert mask_name("") == ""
    assert mask_email("nino@echodesk.ge") == "n***@echodesk.ge"
    assert (mask_email("nonsense"), mask_email("@home")) == ("********", "*****")
    assert mask_email('"nino@home"@echodesk.ge') == '"**********@echodesk.ge'


def test_every_documented_code_has_a_message_in_both_languages() -> None:
    assert {*PAYMENTS, *REFUNDS} == set(RESPONSE_CODES)
    for code in RESPONSE_CODES.values():
        assert code.message("en").isascii()
        assert any("ა" <= letter <= "ჰ" for letter in code.message("ka"))


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("107", RetryAdvice.LATER),
        ("105", RetryAdvice.NEW_CARD),
        ("109", RetryAdvice.SOON),
        ("108", RetryAdvice.CUSTOMER_PRESENT),
        ("162", RetryAdvice.NEVER),
    ],
)
def test_codes_have_a_retry_advice(code: str, advice: RetryAdvice) -> None:
    assert response_code(code).advice is advice


def test_an_unknown_code_survives() -> None:
    code = response_code("777")
    assert (code.code, code.meaning) == ("777", "not in the bank's published table")
    assert code.message("en") == "The payment did not go through (code 777). Use another card, or contact us."
    assert code.message("ka").startswith("გადახდა ვერ შესრულდა (კოდი 777).")
    assert code.advice is RetryAdvice.CUSTOMER_PRESENT


@pytest.mark.parametrize("module", ["echodesk_billing.domain", "echodesk_billing.domain.orders.order"])
def test_the_domain_loads_no_adapter(module: str) -> None:
    code = f"import sys, {module}; print(*[m for m in sys.argv[1:] if m in sys.modules])"
    unwanted = ["aiohttp", "sqlalchemy", "dependency_injector", "msgspec", "structlog"]
    run = subprocess.run([sys.executable, "-c", code, *unwanted], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_every_event_can_be_read_back_and_is_described() -> None:
    kinds = {one for one in vars(events).values() if isinstance(one, type) and issubclass(one, events.Event)}
    emitted = {one.__name__ for one in kinds if not one.__subclasses__()}
    assert emitted == set(events.EVENT_TYPES)
    page = Path("docs/embedding.md").read_text(encoding="utf-8")
    assert [name for name in sorted(emitted) if f"`{name}`" not in page] == []


def test_generated_parts_of_the_docs_are_current() -> None:
    assert generate.stale() == []
