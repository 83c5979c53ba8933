"""Random input everywhere: nothing answers 500, nothing hangs, nothing that was rejected changed anything."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echodesk_billing.adapters.bog.client import BogGateway
from echodesk_billing.adapters.bog.signature import BANK_PUBLIC_KEY, load_keys, verify
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.ports.access import Scope
from echodesk_billing.ports.gateway import MalformedCallback, Verdict
from tests.builders import catalogue, gel
from tests.integration.conftest import Service
from tests.integration.parts import ROOT, Client
from tests.unit.conftest import World, well_formed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis

FUZZED = settings(
    max_examples=25,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
READER = BogGateway.__new__(BogGateway)  # reading needs nothing that a client has
BANKS_BUSINESS = (502, 503, 504)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["completed", "GEL", "100"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
MEMBERS = (
    "order_id", "external_order_id", "order_status", "key", "code", "transfer_amount", "currency", "purchase_units",
    "payment_detail", "actions", "body", "event", "refund_amount", "currency_code", "discount", "amount", "status",
)  # fmt: skip
callback_like = st.recursive(
    json_values,
    lambda inner: st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=8),
    max_leaves=40,
)


@pytest.mark.strictest
async def test_every_route_withstands_what_its_description_allows_and_more(service: Service) -> None:
    document = (await Client(service.url, service.http).get("/openapi.json")).body
    clients = [await service.client(), await service.client(Scope.OPERATOR)]

    def fuzz() -> list[str]:
        failures: list[str] = []
        schema = schemathesis.openapi.from_dict(document)
        for found in schema.get_all_operations():
            operation = found.ok()

            @FUZZED
            @given(case=operation.as_strategy(), who=st.sampled_from([*clients, None]))
            def one(case: Any, who: Client | None) -> None:
                headers = {"Authorization": f"Token {who.token}"} if who else {}
                answer = case.call(base_url=service.url, headers=headers, timeout=15)
                if answer.status_code >= 500 and answer.status_code not in BANKS_BUSINESS:
                    failures.append(f"{case.method} {case.path}: {answer.status_code} for {case.body!r}")

            one()
        return failures

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert await asyncio.to_thread(fuzz) == []
    assert "http.failed" not in service.process.printed


@settings(max_examples=400, deadline=None, print_blob=True)
@given(raw=callback_like.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=400))
def test_any_callback_is_parsed_or_rejected(raw: bytes) -> None:
    with contextlib.suppress(MalformedCallback):
        BogGateway.read_callback(READER, raw)


@settings(max_examples=300, deadline=None, print_blob=True)
@given(raw=st.binary(max_size=100), signature=st.text(max_size=400) | st.binary(max_size=300).map(bytes.hex))
def test_any_signature_is_checked_and_no_random_one_is_valid(raw: bytes, signature: str) -> None:
    assert verify(load_keys(BANK_PUBLIC_KEY), raw, signature) is not Verdict.VALID


ODD_VALUES = st.sampled_from(
    [None, "", "0", "-1", -1, 0, "145.00", "144.99", "145.001", "1e400", "92233720368547758.07", "9" * 400, 10**30, "²",
     "NaN", "\0", "12/99999", "00/00", "completed", "rejected", "blocked", "refunded", "refunded_partially",
     "refund_requested", "partial_completed", "100", "200", "107", "161", "USD", "XYZ", [], {}, [{}], True]
)  # fmt: skip
PLACES = (
    ("order_status", "key"), ("purchase_units", "transfer_amount"), ("purchase_units", "refund_amount"),
    ("purchase_units", "currency_code"), ("payment_detail", "code"), ("payment_detail", "card_expiry_date"),
    ("payment_detail", "payer_identifier"), ("payment_detail", "card_type"), ("payment_detail", "saved_card_type"),
    ("discount", "bank_discount_amount"), ("discount", "system_discount_amount"), ("reject_reason",), ("discount",),
    ("actions",), ("actions", 0, "amount"), ("actions", 1, "amount"), ("actions", 0, "status"), ("actions", 0, "code"),
    ("actions", 0, "action_id"), ("actions", 1, "action_id"), ("payment_detail",), ("purchase_units",),
)  # fmt: skip


def put(document: Any, place: tuple[str | int, ...], value: Any) -> None:
    """Set what stands at a place, where there is such a place left."""
    *way, last = place
    for step in way:
        try:
            document = document[step]
        except (LookupError, TypeError):
            return
    with contextlib.suppress(LookupError, TypeError):
        document[last] = copy.deepcopy(value)  # what is sampled is shared


@settings(max_examples=300, deadline=None, print_blob=True)
@given(odd=st.lists(st.lists(st.tuples(st.sampled_from(PLACES), ODD_VALUES | json_values), max_size=4), max_size=3))
async def test_any_signed_callback_is_merged_marked_or_rejected(odd: list[Any]) -> None:
    world = World()
    await world.load_catalogue.load(catalogue())
    order = await world.buy(terms=Terms(save_card=SaveCard.AUTOMATIC))
    for changes in odd:
        body = {
            "order_id": order.bank_order_id,
            "external_order_id": order.id,
            "order_status": {"key": "completed"},
            "purchase_units": {"transfer_amount": "145.00", "refund_amount": "0", "currency_code": "GEL"},
            "payment_detail": {
                "code": "100", "saved_card_type": "subscription", "payer_identifier": "400000***0001",
                "card_type": "visa", "card_expiry_date": "12/30",
            },
            "discount": {"bank_discount_amount": "0", "system_discount_amount": "0"},
            "actions": [
                {"action": "refund", "action_id": f"a{number}", "status": "completed", "amount": "10.00"}
                for number in range(2)
            ],
        }  # fmt: skip
        for place, value in changes:
            put(body, place, value)
        with contextlib.suppress(MalformedCallback):
            await world.settlement.apply(BogGateway.read_callback(READER, json.dumps({"body": body}).encode()))
        order = await world.order(order.id)
        assert order.captured in (None, order.amount) or order.captured < order.amount
        assert order.refunded <= (order.captured or gel("0.00"))
    well_formed(world.storage)


if sys.version_info < (3, 14):  # for which atheris is made

    async def test_callbacks_guided_by_coverage_break_nothing(tmp_path: Path) -> None:
        for file in (ROOT / "tests/fuzz/corpus").iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.fuzz.callback", "-runs=15000", "-seed=1", str(tmp_path),
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        printed, _ = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, printed.decode()[-2000:]
        assert b"Done 15000 runs" in printed


REGRESSIONS = [
    b"", b"null", b"[]", b"{}", b'{"body": null}', b'{"body": []}', b'{"body": {"order_status": {"key": {}}}}',
    b'{"body": {"order_id": 1e999}}', b'{"body": ' * 5000, b"[" * 100_000, b'"\\ud800"', b"\xff\xfe\x00", b"NaN",
    b'{"body": {"order_id": "x", "order_status": {"key": "completed"}, "transfer_amount": "1e400"}}',
    b'{"body": {"order_id": "x", "order_status": {"key": "completed"}, "transfer_amount": -0.0}}',
    b'{"body": {"order_id": "x", "order_status": {"key": "completed"}, "actions": [{"action": "refund"}]}}',
    b'{"a": 1, "a": 2, "body": {"order_id": "x", "order_id": "y", "order_status": {"key": "created"}}}',
]  # fmt: skip


@pytest.mark.parametrize("raw", REGRESSIONS, ids=range(len(REGRESSIONS)))
async def test_input_that_broke_parsers_is_rejected_and_changes_nothing(service: Service, raw: bytes) -> None:
    stranger = Client(service.url, service.http)
    for headers in ({}, {"Callback_Signature": "bm90IGEgc2lnbmF0dXJl"}):
        answer = await stranger.call("POST", "/api/payments/webhook/", raw=raw, **headers)
        assert answer.status in (400, 401, 404, 413), answer.body
