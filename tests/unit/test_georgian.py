"""Error messages in Georgian: every sentence that a customer can cause has one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

import echodesk_billing
from echodesk_billing.domain.errors import FeatureRequired, IllegalTransition, NameTaken
from echodesk_billing.entrypoints.http import georgian
from echodesk_billing.entrypoints.http.message import Request
from echodesk_billing.entrypoints.http.problems import from_error, problem

SOURCES = Path(echodesk_billing.__file__).parent
FOLDERS = (
    "domain/subscriptions",
    "domain/catalogue",
    "domain/customers",
    "domain/notifications",
    "adapters/webhooks",
    "application",
    "entrypoints/http",
)
SHOWN = ("InvalidSelection", "ChangeRefused", "TrialRefused", "InvalidTenant", "FeatureRequired")
OPERATORS = ("for up to", "cannot be reported on", "is text, not", "is not a UUID")
OPERATORS += (
    "X is before X",
    "days cannot be given",
    "Say why the",
    "A coupon of",
    "periods, not",
    "uses, not",
    "its end is after its beginning",
    "There is no package X",
    "Give the bank's reference",
    "long before the proforma",
    "was paid before, by",
    "is for X, not for",
    "is not the number of a proforma",
    "There is no account to transfer to",
    "to pause",
    "can be paused",
    "cannot be chosen: give a day",
    "resume the subscription instead",
    "without naming another",
    "Nothing is owed",
    "The card cannot be charged",
    "then erase",
    "reason of the erasure",
)


def raised() -> Iterator[str]:
    """Each sentence of an error that is raised for what a customer asked, with X for its values."""
    for folder in FOLDERS:
        for path in (SOURCES / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                    name = getattr(node.exc.func, "id", "")
                    if name in SHOWN and node.exc.args:
                        yield written(node.exc.args[-1])


def written(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(written(part) for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "X"


def test_every_sentence_that_a_customer_can_cause_has_a_translation() -> None:
    sentences = {one for one in raised() if one.strip("X ") and not any(part in one for part in OPERATORS)}
    assert len(sentences) > 20
    assert {one for one in sentences if georgian.sentence(one) is None} == set()


def test_values_are_kept() -> None:
    assert "145.00" in (georgian.sentence("order SUB-1 has 10.00 GEL to refund, not 145.00 GEL") or "")
    assert "„acme“" not in (georgian.sentence(str(NameTaken("acme"))) or "acme")


def test_the_more_specific_sentence_wins() -> None:
    assert georgian.sentence("A set of features has at least 5 seats, not 2") == "აირჩიეთ სულ ცოტა 5 აგენტი და არა 2"
    said = georgian.sentence(str(IllegalTransition("order SUB-1", "refund", "rejected")))
    assert said is not None
    assert "SUB-1" in said


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ka", "ka"),
        ("ka-GE,ka;q=0.9,en;q=0.8", "ka"),
        ("en-US,en;q=0.9,ka;q=0.8", "en"),
        ("en;q=0.5, KA;q=0.6", "ka"),
        ("ka;q=0, en", "en"),
        ("ru, ka;q=0.5", "en"),
        ("ka;q=x", "en"),
        ("", "en"),
        ("kab", "en"),
        (",".join(["xx"] * 100) + ",ka", "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_prefers(header: str, language: str) -> None:
    assert Request(method="GET", path="/", headers={"Accept-Language": header}).language == language


def test_a_problem_is_georgian_where_georgian_is_preferred() -> None:
    refused = from_error(FeatureRequired("Tickets"))
    assert refused.status is HTTPStatus.BAD_REQUEST
    body = problem(Request(method="POST", path="/x", headers={"Accept-Language": "ka"}), refused).body.decode()
    assert body.count("„Tickets“ ყველა გამოწერის ნაწილია და ვერ მოიხსნება") == 3
    assert "every subscription" in problem(Request(method="POST", path="/x"), refused).body.decode()


def test_a_sentence_without_translation_says_what_its_status_means() -> None:
    assert georgian.translated("Something new", HTTPStatus.NOT_FOUND) == "ვერ მოიძებნა"
