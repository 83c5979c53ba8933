"""Pages on other origins call the API: preflights, answers, and a real browser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Browser

from echodesk_billing import InvalidSettings, load_settings
from tests.integration.conftest import Service
from tests.integration.parts import Client, page_of_the_crm

CRM = "https://acme.crm.example"
ASKS = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization,idempotency-key"}
STRANGERS = (
    "https://crm.example",
    "https://a.b.crm.example",
    "https://acme.crm.example.evil.example",
    "https://acmeXcrm.example",
    "http://acme.crm.example",
    "https://acme.crm.example:8443",
    "null",
    "",
)


async def test_a_preflight_of_an_allowed_origin_is_204(service: Service) -> None:
    answer = await service.stranger().call("OPTIONS", "/api/payments/create/", Origin=CRM, **ASKS)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, CRM)
    assert "Origin" in answer.headers["Vary"].split(", ")
    methods = answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} == set(methods)
    headers = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"authorization", "content-type", "idempotency-key", "x-request-id"} == set(headers)
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", STRANGERS)
async def test_other_origins_get_no_permission(service: Service, origin: str) -> None:
    preflight = await service.stranger().call("OPTIONS", "/api/payments/create/", Origin=origin, **ASKS)
    answer = await service.stranger().call("GET", "/api/packages/", Origin=origin)
    assert (preflight.status, answer.status) == (405, 200)
    assert "Origin" in answer.headers["Vary"].split(", ")
    assert "Access-Control-Allow-Origin" not in {**preflight.headers, **answer.headers}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/packages/", 200), ("GET", "/api/subscription/me/", 401), ("GET", "/api/payments/status/x/", 401)],
)
async def test_answers_and_errors_can_be_read(service: Service, method: str, path: str, status: int) -> None:
    answer = await service.stranger().call(method, path, Origin=CRM)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, CRM)


@pytest.mark.standalone
@pytest.mark.parametrize("path", ["/api/payments/webhook/", "/console/", "/metrics", "/healthz"])
async def test_webhook_console_and_metrics_have_no_cors(service: Service, path: str) -> None:
    answer = await service.stranger().call("GET", path, Origin=CRM)
    preflight = await service.stranger().call("OPTIONS", path, Origin=CRM, **ASKS)
    assert preflight.status == 405
    assert "Access-Control-Allow-Origin" not in {**preflight.headers, **answer.headers}


async def test_without_an_origin_nothing_changes(service: Service) -> None:
    answer = await service.stranger().call("OPTIONS", "/api/packages/")
    assert (answer.status, "Access-Control-Allow-Origin" in answer.headers) == (405, False)


@pytest.mark.server
async def test_a_page_on_another_origin_pays_in_a_browser(service: Service, client: Client, browser: Browser) -> None:
    allowed = service.environment["BILLING_CORS_ORIGINS"].split(", ")[1]
    for origin, works in ((allowed, True), (allowed.replace("localhost", "127.0.0.1"), False)):
        answer = await _bought_from(origin, client, browser)
        assert ("payment_url" in answer.get("body", {}), "failed" in answer) == (works, not works)


async def _bought_from(origin: str, client: Client, browser: Browser) -> dict[str, Any]:
    """What a page at `origin` gets when it buys a package and then asks for something that is not there."""
    script = """async ([url, token]) => {
      const headers = {Authorization: 'Token ' + token, 'Content-Type': 'application/json',
                       'Idempotency-Key': 'page-' + location.hostname};
      try {
        const answer = await fetch(url + '/api/payments/create/',
                                   {method: 'POST', headers, body: JSON.stringify({package_id: 1})});
        const missing = await fetch(url + '/api/payments/status/none/', {headers});
        return JSON.stringify({status: answer.status, missing: missing.status, body: await answer.json(),
                               error: (await missing.json()).error});
      } catch (problem) { return JSON.stringify({failed: String(problem)}) }
    }"""

    async with page_of_the_crm(browser, origin, "<!doctype html><title>CRM</title>") as page:
        answer: dict[str, Any] = json.loads(await page.evaluate(script, [client.url, client.token]))
        if "failed" not in answer:
            assert (answer["status"], answer["missing"], bool(answer["error"])) == (200, 404, True)
        return answer


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "https://*",
        "https://*.example",
        "https://a.*.example.ge",
        "http://crm.example.ge",
        "https://crm.example.ge/",
        "crm.example.ge",
        "https://crm.example.ge, null",
    ],
)
def test_an_invalid_origin_is_an_invalid_setting(origins: str) -> None:
    with pytest.raises(InvalidSettings, match=r"BILLING_CORS_ORIGINS has .* give origins such as https://crm"):
        load_settings({"BILLING_CORS_ORIGINS": origins})


def test_a_default_port_is_none() -> None:
    (pattern,) = load_settings({"BILLING_CORS_ORIGINS": "https://CRM.example.ge:443"}).cors_origins()
    assert pattern.fullmatch("https://crm.example.ge")
    assert load_settings({}).cors_origins() == ()
