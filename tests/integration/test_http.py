"""The HTTP surface, over real HTTP, on both databases."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

import msgspec
import pytest

from echodesk_billing.entrypoints.http.problems import Problem
from echodesk_billing.entrypoints.http.routes import ROUTES
from echodesk_billing.ports.access import Scope
from tests.integration.conftest import Service
from tests.integration.parts import Bank, Client

CREATE = "/api/payments/create/"
ORDER_ROUTES = [route for route in ROUTES if "{order_id}" in route.path]


async def test_a_payment_from_click_to_subscription(client: Client, bank: Bank) -> None:
    payment = await client.buy()
    assert (payment["amount"], payment["currency"], payment["status"]) == (147.0, "GEL", "pending")
    assert payment["payment_id"] == payment["order_id"]
    assert (await client.status(payment["order_id"]))["status"] == "pending"
    assert (await client.subscription())["has_subscription"] is False

    await bank.pay(payment["bank_order_id"])
    assert await bank.answered(payment["bank_order_id"]) == [200]

    status = await client.status(payment["bank_order_id"])
    assert (status["status"], status["state"], status["paid"], status["captured"]) == ("paid", "completed", True, 147.0)
    assert (status["response_code"], status["message"]) == ("100", "The payment was successful.")
    mine = await client.subscription()
    assert (mine["has_subscription"], mine["package"]["id"]) == (True, 2)
    assert (mine["subscription"]["is_active"], mine["subscription"]["agent_count"]) == (True, 3)
    assert {key for key, is_on in mine["features"].items() if is_on} == {"users", "tickets", "telephony", "whatsapp"}


async def test_a_declined_payment_says_why_and_activates_nothing(client: Client, bank: Bank) -> None:
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"], "4000000000000002")
    await bank.answered(payment["bank_order_id"])
    status = await client.status(payment["order_id"])
    assert (status["status"], status["response_code"], status["paid"]) == ("failed", "107", False)
    assert "not enough money" in status["message"]
    answer = await client.get(f"/api/payments/status/{payment['order_id']}/", Accept_Language="ka-GE")
    assert "საკმარისი თანხა" in answer.body["message"]
    assert (await client.subscription())["has_subscription"] is False


async def test_features_in_another_currency(client: Client) -> None:
    answer = await client.post(CREATE, {"features": ["tickets", "whatsapp"], "agent_count": 2, "currency": "EUR"})
    assert (answer.body["amount"], answer.body["currency"]) == (15.0, "EUR")


async def test_cancelling_keeps_access_until_the_paid_period_ends(client: Client, bank: Bank) -> None:
    answer = await client.post("/api/payments/cancel/")
    assert (answer.status, answer.body["error"]) == (404, "No active subscription found")
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    paid_until = (await client.subscription())["subscription"]["expires_at"]
    answer = await client.post("/api/payments/cancel/")
    assert (answer.status, answer.body["status"], answer.body["access_until"]) == (200, "cancelled", paid_until)
    mine = (await client.subscription())["subscription"]
    assert (mine["cancel_at_period_end"], mine["is_active"], mine["next_billing_date"]) == (True, True, None)
    answer = await client.post("/api/payments/cancel/", {"immediately": True})
    assert answer.status == 200
    mine = await client.subscription()
    assert (mine["has_subscription"], mine["subscription"]["is_active"]) == (True, False)


async def test_packages_are_public(service: Service) -> None:
    answer = await service.stranger().get("/api/packages/")
    assert answer.status == 200
    package = answer.body[1]
    assert (package["price_gel"], package["prices"]["USD"]) == ("49.00", "18.00")
    assert set(package) == {
        "id", "name", "display_name", "description", "pricing_model", "price_gel", "prices", "max_users",
        "max_whatsapp_messages", "max_storage_gb", "is_highlighted", "features_list", "prices_by_interval",
        "pricing_suffix",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "package_id"),
        ({"package_id": 99}, 422, "package_id"),
        ({"package_id": 1, "features": ["tickets"]}, 422, "features"),
        ({"package_id": 1, "interval": 5}, 422, "interval"),
        ({"features": ["users"]}, 422, "features"),
        ({"package_id": 4, "agent_count": 5}, 422, "agent_count"),
        ({"package_id": 4, "agent_count": 12}, 422, "agent_count"),
        ({"features": ["tickets"], "agent_count": 501}, 422, "agent_count"),
        ({"features": ["fax"]}, 422, "features"),
        ({"package_id": "two"}, 400, "package_id"),
        ({"package_id": 0}, 400, "package_id"),
        ({"package_id": 1, "agent_count": 0}, 400, "agent_count"),
        ({"package_id": 1, "agent_count": 10**9}, 400, "agent_count"),
        ({"package_id": 1, "agent_count": 1.5}, 400, "agent_count"),
        ({"package_id": 1, "currency": "RUB"}, 400, "currency"),
        ({"package_id": 1, "language": "de"}, 400, "language"),
        ({"features": [1]}, 400, "features"),
        ([], 400, "body"),
        ("text", 400, "body"),
    ],
)
async def test_bad_input_names_its_field_and_makes_no_order(
    service: Service, client: Client, body: Any, status: int, field: str
) -> None:
    answer = await client.post(CREATE, body)
    assert (answer.status, answer.body["errors"][0]["field"]) == (status, field)
    tenant = (await service.container.tokens().authenticate(client.token)).tenant_id
    assert await service.container.storage().read(lambda uow: uow.orders.listed(tenant, None, 1)) == []


@pytest.mark.parametrize(
    ("raw", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"package_id": NaN}', "application/json", 400),
        (b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "application/json", 400),
        (b"package_id=1", "application/x-www-form-urlencoded", 415),
        (b" " * (64 * 1024 + 1), "application/json", 413),
    ],
)
async def test_bodies_other_than_json_are_rejected(client: Client, raw: bytes, content_type: str, status: int) -> None:
    answer = await client.call("POST", CREATE, raw=raw, Content_Type=content_type)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")


async def test_problems_are_problems(client: Client) -> None:
    answer = await client.get("/api/payments/status/SUB-000000000000/", X_Request_ID="abc-1")
    problem = msgspec.json.decode(answer.raw, type=Problem)
    assert (problem.status, problem.title, problem.detail) == (404, "Not Found", "Payment not found")
    assert problem.error == problem.detail
    assert problem.instance == "/api/payments/status/SUB-000000000000/"
    assert answer.headers["X-Request-ID"] == "abc-1"
    for name, value in (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")):
        assert answer.headers[name] == value


async def test_addresses_and_methods_that_are_not_there(client: Client) -> None:
    assert (await client.get("/api/nothing/")).status == 404
    answer = await client.get(CREATE)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_without_a_valid_token_every_route_is_401(service: Service) -> None:
    for token in ("", "wrong", "Ünïcode"):
        stranger = service.stranger(token)
        for route in ROUTES:
            if route.scope is not None:
                answer = await stranger.call(
                    route.method,
                    route.path.format(
                        order_id="SUB-1",
                        invoice_id=1,
                        credit_note_id=1,
                        proforma_number="PF-2026-999999",
                        endpoint_id="we-0",
                        code="NOTHING",
                        tenant_id="a",
                    ),
                )
                assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Token"), route.path


async def test_bearer_is_as_good_as_token(client: Client) -> None:
    answer = await Client(client.url, client.http).get("/api/subscription/me/", Authorization=f"Bearer {client.token}")
    assert answer.status == 200


async def test_a_read_only_token_cannot_buy(service: Service) -> None:
    reader = await service.client(Scope.READ)
    answer = await reader.post(CREATE, {"package_id": 1})
    assert (answer.status, "billing:write" in answer.body["detail"]) == (403, True)
    assert (await reader.get("/api/subscription/me/")).status == 200


@pytest.mark.parametrize("route", ORDER_ROUTES, ids=lambda route: route.path)
async def test_another_tenants_order_looks_like_none(service: Service, client: Client, route: Any) -> None:
    payment = await client.buy()
    stranger = await service.client()
    body = {"apple_pay_token": "x"} if route.method == "POST" else None
    unknown = await stranger.call(route.method, route.path.format(order_id="SUB-000000000000"), body)
    for order_id in (payment["order_id"], payment["bank_order_id"]):
        answer = await stranger.call(route.method, route.path.format(order_id=order_id), body)
        assert answer.status == unknown.status == 404
        assert {**answer.body, "instance": ""} == {**unknown.body, "instance": ""}


async def test_operators_see_all_tenants_orders(service: Service, client: Client) -> None:
    payment = await client.buy()
    operator = await service.client(Scope.OPERATOR)
    assert (await operator.status(payment["order_id"]))["payment_id"] == payment["order_id"]


async def test_a_double_click_makes_one_order(client: Client) -> None:
    first, second = await asyncio.gather(client.buy(), client.buy())
    assert first == second


async def test_the_same_key_gives_the_same_answer_byte_for_byte(client: Client, bank: Bank) -> None:
    key = secrets.token_hex(8)
    answers = [await client.post(CREATE, {"package_id": 1}, Idempotency_Key=key) for _ in range(3)]
    assert {answer.raw for answer in answers} == {answers[0].raw}
    assert "Idempotent-Replayed" in answers[1].headers
    assert len(await bank.orders(answers[0].body["order_id"])) == 1
    other = await client.post(CREATE, {"package_id": 2}, Idempotency_Key=key)
    assert (other.status, "another request" in other.body["detail"]) == (422, True)


async def test_refusals_are_stored_under_their_key_too(client: Client) -> None:
    key = secrets.token_hex(8)
    first, second = [await client.post(CREATE, {"package_id": 99}, Idempotency_Key=key) for _ in range(2)]
    assert (first.status, first.raw) == (second.status, second.raw)


async def test_a_key_in_flight_is_a_conflict(client: Client, bank: Bank) -> None:
    await bank.fault("/ecommerce/orders", "delay", seconds=0.5)
    key = secrets.token_hex(8)
    answers = await asyncio.gather(*(client.post(CREATE, {"package_id": 1}, Idempotency_Key=key) for _ in range(2)))
    assert sorted(answer.status for answer in answers) == [200, 409]


async def test_a_double_click_with_two_keys_makes_one_order_all_the_same(client: Client, bank: Bank) -> None:
    async def buy(key: str) -> str:
        return str((await client.post(CREATE, {"package_id": 1}, Idempotency_Key=key)).body["order_id"])

    first, second = await buy("a"), await buy("b")
    await bank.control("POST", "clock", {"advance": 61})
    third = await buy("c")
    assert (first == second, first == third) == (True, False)


async def test_keys_of_different_owners_do_not_collide(service: Service, client: Client) -> None:
    stranger = await service.client()
    one = await client.post(CREATE, {"package_id": 1}, Idempotency_Key="shared")
    other = await stranger.post(CREATE, {"package_id": 1}, Idempotency_Key="shared")
    assert one.body["order_id"] != other.body["order_id"]


@pytest.mark.standalone
async def test_health_and_readiness(service: Service) -> None:
    stranger = service.stranger()
    assert (await stranger.get("/healthz")).body == {"status": "ok"}
    ready = await stranger.get("/readyz")
    assert (ready.status, ready.body["status"]) == (200, "ready")
    assert ready.body["database"] == ready.body["gateway"] == {"ok": True, "problem": None}
    metrics = await stranger.get("/metrics")
    assert "billing_http_requests_total" in metrics.body


@pytest.mark.standalone
async def test_it_describes_itself(service: Service) -> None:
    stranger = service.stranger()
    document = (await stranger.get("/openapi.json")).body
    assert set(document["paths"]) == {route.path for route in ROUTES}
    created = document["components"]["schemas"]["PaymentCreated"]
    promised = {"payment_id", "order_id", "payment_url", "amount", "currency", "status"}
    assert promised <= set(created["required"])
    assert "/api/payments/create/" in (await stranger.get("/docs")).body


@pytest.mark.server
async def test_no_answer_and_no_log_shows_a_secret(service: Service, client: Client, bank: Bank) -> None:
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    (callback,) = await bank.callbacks(payment["bank_order_id"])
    log = service.process.printed
    assert payment["order_id"] in log
    for secret in (client.token, callback["signature"], "nino@acme.example", "Nino Beridze"):
        assert secret not in log


@pytest.mark.parametrize(
    ("method", "path", "raw"),
    [
        ("GET", "/api/payments/status/%00/", None),
        ("GET", "/api/payments/status/SUB-1%00/", None),
        ("GET", "/api/events/?after=%00", None),
        ("POST", "/api/payments/create/", rb'{"package_id": 2, "google_pay_token": "a\u0000b"}'),
    ],
)
async def test_a_nul_character_is_refused_and_reaches_no_database(
    client: Client, method: str, path: str, raw: bytes | None
) -> None:
    answer = await client.call(method, path, raw=raw)
    assert (answer.status, "NUL" in answer.body["detail"]) == (400, True)


HUGE = 10**25


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("POST", "/api/payments/saved-card/set-default/", {"card_id": HUGE}, 400, "card_id"),
        ("DELETE", "/api/payments/saved-card/remove/", {"card_id": HUGE}, 400, "card_id"),
        ("DELETE", f"/api/payments/saved-card/remove/?card_id={HUGE}", None, 400, "card_id"),
        ("DELETE", "/api/payments/saved-card/remove/?card_id=%C2%B2", None, 400, "card_id"),
        ("POST", "/api/payments/create/", {"package_id": 2, "card_id": HUGE}, 400, "card_id"),
        ("POST", "/api/payments/create/", {"package_id": HUGE}, 400, "package_id"),
        ("GET", f"/api/upgrade/preview/?package_id={HUGE}", None, 400, "package_id"),
        ("GET", "/api/upgrade/preview/?agent_count=%C2%B2", None, 400, "agent_count"),
        ("GET", f"/api/events/?wait={HUGE}", None, 400, "wait"),
        ("GET", "/api/events/?wait=%C2%B2", None, 400, "wait"),
        ("GET", f"/api/payments/invoices/{HUGE}/pdf/", None, 404, "Invoice"),
        ("GET", "/api/payments/invoices/%C2%B2/pdf/", None, 404, "Invoice"),
        ("POST", "/api/subscription/features/add/", {"feature_id": HUGE}, 400, "feature_id"),
        ("POST", "/api/subscription/features/remove/", {"feature_id": HUGE}, 400, "feature_id"),
    ],
)
async def test_a_number_that_no_database_holds_or_no_number_at_all_is_refused(
    client: Client, method: str, path: str, body: Any, status: int, told: str
) -> None:
    answer = await client.call(method, path, body)
    assert (answer.status, told in str(answer.body)) == (status, True), answer.body


@pytest.mark.server
@pytest.mark.parametrize("path", [CREATE, "/api/payments/webhook/", "/console/login"])
@pytest.mark.parametrize("key", [[], ["Idempotency-Key: k"]])
async def test_a_client_that_disconnects_mid_request_is_not_logged_as_a_failure(
    service: Service, client: Client, path: str, key: list[str]
) -> None:
    host, _, port = service.url.removeprefix("http://").partition(":")
    name = secrets.token_hex(16)
    kind = "application/x-www-form-urlencoded" if "console" in path else "application/json"
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Token {client.token}", f"Content-Type: {kind}"]
    lines += [f"X-Request-ID: {name}", *key, "Content-Length: 100", "", "{"]
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write("\r\n".join(lines).encode())
    await writer.drain()
    writer.close()
    async with asyncio.timeout(10):
        while not (told := [line for line in service.process.printed.splitlines() if name in line]):
            await asyncio.sleep(0.02)
    assert [(one["event"], one["status"]) for one in map(json.loads, told)] == [("http.answered", 400)]


@pytest.mark.server
@pytest.mark.parametrize(
    "spoiled", [b"\0", b"\x7f", b"\r\nContent-Length: ten", b"z" * 9000], ids=["nul", "delete", "length", "too long"]
)
async def test_malformed_http_is_logged_without_its_content(service: Service, client: Client, spoiled: bytes) -> None:
    host, _, port = service.url.removeprefix("http://").partition(":")
    before = len(service.process.printed)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"GET /api/payments/ HTTP/1.1\r\nAuthorization: Token " + client.token.encode() + spoiled + b"\r\n\r\n"
    )
    assert b" 400 " in await reader.readline()
    writer.close()
    async with asyncio.timeout(10):
        while "http.malformed" not in (printed := service.process.printed[before:]):
            await asyncio.sleep(0.02)
    assert client.token not in printed
    assert "Traceback" not in printed


@pytest.mark.standalone
@pytest.mark.parametrize("path", ["/console/orders/%00", "/console/orders?order_id=%00"])
async def test_a_nul_character_is_refused_by_the_console_too(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status, "NUL" in answer.body["detail"]) == (400, True)
