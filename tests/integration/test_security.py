"""The security table of docs/threat-model.md, row by row, where no other test has it."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from echodesk_billing.entrypoints.http.routes import ROUTES
from echodesk_billing.ports.access import Scope
from tests.integration.conftest import Service
from tests.integration.parts import Bank, Client
from tests.integration.test_contract import registration

PAYLOAD_SECRET = "s3cr3t-of-the-crm"


async def dump(service: Service) -> str:
    """All that the service's database holds, as text."""
    url = service.environment["DATABASE_URL"]
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        files = [file, file.with_name(file.name + "-wal")]
        return "".join(one.read_bytes().decode("latin-1") for one in files if one.exists())
    connection = await asyncpg.connect(url)
    try:
        names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'billing'")
        rows = [await connection.fetch(f'SELECT * FROM billing."{name[0]}"') for name in names]  # noqa: S608
    finally:
        await connection.close()
    return repr(rows)


@pytest.mark.server
async def test_a_stolen_database_gives_away_no_token_no_payload_and_no_secret(
    service: Service, client: Client, bank: Bank
) -> None:
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    public = service.stranger()
    made = await public.post("/api/register-with-payment/", registration(f"new-{secrets.token_hex(4)}"))
    assert made.status == 201
    stored, log = await dump(service), service.process.printed
    metrics = (await public.get("/metrics")).raw.decode()
    (callback,) = await bank.callbacks(payment["bank_order_id"])
    assert payment["order_id"] in stored
    for secret in (
        client.token,
        PAYLOAD_SECRET,
        callback["signature"],
        service.environment["BILLING_ENCRYPTION_KEYS"],
        "4000000000000001",
    ):
        for name, where in (("database", stored), ("log", log), ("metrics", metrics)):
            shown = re.search(rf"(?<![\d.]){re.escape(secret)}", where)  # a metric may be 1.4000000000000001 seconds
            assert not shown, f"{name} shows {secret[:6]}…"


async def test_ids_of_another_tenant_are_not_found(service: Service, client: Client, bank: Bank) -> None:
    """Every route that takes an id, with the ids of another tenant."""
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    (invoice,) = (await client.get("/api/payments/invoices/")).body["invoices"]
    (card,) = (await client.get("/api/payments/saved-card/")).body
    stranger = await service.client()
    for route in ROUTES:
        if "{" in route.path:
            path = route.path.format(
                order_id=payment["order_id"],
                invoice_id=invoice["id"],
                credit_note_id=1,
                proforma_number="PF-2026-999999",
                endpoint_id="we-0",
                code="NOTHING",
                tenant_id="other",
                link="x",
            )
            body: Any = {"apple_pay_token": "x", "since": "2026-01-01T00:00:00Z"} if route.method == "POST" else None
            answer = await stranger.call(route.method, path, body)
            # Operators name a tenant, a proforma or a coupon; others learn nothing of any name.
            is_named = "{tenant_id}" in route.path or route.path.endswith(("/record/", "{code}/disable/"))
            assert answer.status == (403 if is_named else 404), f"{route.method} {route.path}: {answer.status}"
        elif "saved-card" in route.path and route.takes is not None and "add" not in route.path:
            answer = await stranger.call(route.method, route.path, {"card_id": card["id"]})
            assert answer.status == 404, f"{route.method} {route.path}: {answer.status}"
    assert (await stranger.get(f"/api/events/?after={payment['order_id']}")).body["events"] == []
    assert len((await client.get("/api/payments/saved-card/")).body) == 1


@pytest.mark.parametrize("route", [one for one in ROUTES if one.scope], ids=lambda one: f"{one.method} {one.path}")
async def test_a_token_without_the_scope_is_refused(service: Service, route: Any) -> None:
    weaker = {Scope.READ: None, Scope.WRITE: Scope.READ, Scope.OPERATOR: Scope.WRITE}[route.scope]
    if weaker is None:
        return
    user = await service.client(weaker)
    answer = await user.call(
        route.method,
        route.path.format(
            order_id="SUB-000000000000",
            invoice_id=1,
            credit_note_id=1,
            proforma_number="PF-2026-999999",
            endpoint_id="we-0",
            code="NOTHING",
            tenant_id="other",
            link="x",
        ),
    )
    assert answer.status in (403, 404)


@pytest.mark.standalone
async def test_no_answer_is_cached_sniffed_or_framed(client: Client) -> None:
    for path in ("/api/packages/", "/api/nothing/", "/docs", "/openapi.json"):
        headers = (await client.get(path)).headers
        assert (headers["Cache-Control"], headers["X-Frame-Options"]) == ("no-store", "DENY")
        assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.mark.server
async def test_addresses_in_a_request_are_not_used(client: Client, bank: Bank) -> None:
    """The bank is given the callback and return addresses of the settings, whatever a request says."""
    evil = "https://evil.example/"
    body = {"package_id": 1, "callback_url": evil, "success_url": evil, "redirect_urls": {"success": evil}}
    payment = (await client.post("/api/payments/create/", body, Host="evil.example")).body
    calls = await bank.control("GET", "calls")
    (sent,) = [call["body"] for call in calls if (call["body"] or {}).get("external_order_id") == payment["order_id"]]
    assert "evil.example" not in str(sent)
