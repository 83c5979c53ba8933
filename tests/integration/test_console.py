"""The operators' console: who gets in, what a form must carry, what a browser lets others do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from attrs import define
from playwright.async_api import Page

from echodesk_billing.domain.orders.report import Source
from echodesk_billing.ports.access import Scope
from echodesk_billing.ports.storage import UnitOfWork
from tests.integration.conftest import Service
from tests.integration.parts import Bank, Client

LOCKED = "Token of an operator"


@define
class Operator:
    """Somebody with a browser, as seen from the wire."""

    url: str
    http: aiohttp.ClientSession
    token: str

    async def get(self, path: str = "") -> tuple[int, str, Any]:
        """A page: status, text, headers."""
        async with self.http.get(f"{self.url}/console/{path}", allow_redirects=False) as response:
            return response.status, await response.text(), response.headers

    async def post(self, path: str, **form: str) -> tuple[int, str, Any]:
        """A form."""
        async with self.http.post(f"{self.url}/console/{path}", data=form, allow_redirects=False) as response:
            return response.status, await response.text(), response.headers

    async def log_in(self) -> str:
        """Gives the proof that forms carry."""
        assert (await self.post("login", token=self.token))[0] == 303
        found = re.search('name="proof" value="([0-9a-f]{64})"', (await self.get())[1])
        assert found is not None
        return found[1]


@pytest.fixture
async def operator(service: Service) -> AsyncIterator[Operator]:
    token = (await service.client(Scope.OPERATOR)).token
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield Operator(service.url, http, token)


async def paid(client: Client, bank: Bank) -> str:
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    return str(payment["order_id"])


async def refunds(service: Service, order_id: str) -> list[str]:
    order = await service.container.storage().read(lambda uow: uow.orders.get(order_id, None))
    assert order is not None
    return [str(one.amount) for one in order.refunds]


async def test_only_operators_can_log_in(service: Service, client: Client, bank: Bank, operator: Operator) -> None:
    order_id = await paid(client, bank)
    for path in (f"orders/{order_id}", "orders?order_id=x"):
        status, text, _ = await operator.get(path)
        assert (status, LOCKED in text, order_id in text) == (401, True, False)
    assert (await operator.post(f"orders/{order_id}/refund", amount="1.00", reason="x"))[0] == 401
    for wrong in (client.token, "", "x" * 64):
        status, _, headers = await operator.post("login", token=wrong)
        assert (status, "Set-Cookie" in headers) == (403, False)
    assert LOCKED in (await operator.get())[1]
    assert await refunds(service, order_id) == []


async def test_a_users_token_in_the_cookie_opens_nothing(client: Client, operator: Operator) -> None:
    async with operator.http.get(f"{operator.url}/console/", cookies={"billing_console": client.token}) as response:
        assert LOCKED in await response.text()


async def test_a_session_is_a_cookie_that_no_script_and_no_other_site_can_use(operator: Operator) -> None:
    _, _, headers = await operator.post("login", token=operator.token)
    cookie = headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/console/", "Max-Age=28800"} <= set(cookie.split("; "))
    assert operator.token not in cookie
    _, text, headers = await operator.get()
    assert "Needs attention" in text
    policy = headers["Content-Security-Policy"]
    assert {"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert "script" not in policy
    assert "<script" not in text


async def test_a_form_without_csrf_token_changes_nothing(
    service: Service, client: Client, bank: Bank, operator: Operator
) -> None:
    order_id, proof = await paid(client, bank), await operator.log_in()
    for wrong in ({}, {"proof": ""}, {"proof": "0" * 64}, {"proof": proof.upper()}, {"proof": "\u10d0"}):
        status, text, _ = await operator.post(f"orders/{order_id}/refund", amount="1.00", reason="x", **wrong)
        assert (status, "reload the page" in text) == (403, True)
        assert (await operator.post("logout", **wrong))[0] == 403
    assert await refunds(service, order_id) == []
    assert "Needs attention" in (await operator.get())[1]


async def test_a_refund_sent_twice_is_one(service: Service, client: Client, bank: Bank, operator: Operator) -> None:
    order_id, proof = await paid(client, bank), await operator.log_in()
    page = (await operator.get(f"orders/{order_id}"))[1]
    named = re.search('name="refund_id" value="([0-9a-f-]{36})"', page)
    assert named is not None
    form = {"proof": proof, "refund_id": named[1], "amount": "10.00", "reason": "asked by phone"}
    answers = await asyncio.gather(*(operator.post(f"orders/{order_id}/refund", **form) for _ in range(3)))
    assert {status for status, *_ in answers} == {303}
    assert await refunds(service, order_id) == ["10.00 GEL"]
    assert "asked by phone" in (await operator.get(f"orders/{order_id}"))[1]


@pytest.mark.parametrize(
    ("amount", "status", "words"),
    [
        ("ten", 422, "is not an amount such as 10.50"),
        ("NaN", 422, "amount"),
        ("0.001", 422, "two decimals"),
        ("1e999999", 422, "out of range"),
        ("100000.00", 409, "to refund"),
        ("-1", 422, "amount"),
    ],
)
async def test_an_impossible_refund_is_explained_on_the_page(
    service: Service, client: Client, bank: Bank, operator: Operator, amount: str, status: int, words: str
) -> None:
    order_id, proof = await paid(client, bank), await operator.log_in()
    found, text, _ = await operator.post(f"orders/{order_id}/refund", proof=proof, amount=amount, reason="x")
    assert (found, words in text) == (status, True), text
    assert await refunds(service, order_id) == []


async def test_outside_text_is_escaped(client: Client, bank: Bank, operator: Operator) -> None:
    order_id, proof = await paid(client, bank), await operator.log_in()
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    assert (await operator.post(f"orders/{order_id}/refund", proof=proof, amount="1.00", reason=evil))[0] == 303
    text = (await operator.get(f"orders/{order_id}"))[1]
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert "<img" not in text
    for odd in ("%3Cscript%3E", "%F0%9F%92%B3", "..%2F..%2Fetc", "x" * 2000):
        status, text, _ = await operator.get(f"orders/{odd}")
        assert (status, "<script" in text) == (404, False), odd
    nul = await operator.post(f"orders/{order_id}/refund", proof=proof, amount="1.00", reason="a\0b")
    assert (nul[0], "NUL" in nul[1]) == (400, True)


async def test_a_session_ends(service: Service, operator: Operator) -> None:
    proof = await operator.log_in()
    (cookie,) = operator.http.cookie_jar
    assert (await operator.post("logout", proof=proof))[0] == 303
    async with operator.http.get(f"{operator.url}/console/", cookies={"billing_console": cookie.value}) as response:
        assert LOCKED in await response.text()
    assert await service.container.tokens().authenticate(cookie.value) is None
    assert await service.container.tokens().authenticate(operator.token) is not None


async def test_a_session_is_not_a_token_and_ends_with_the_token_that_opened_it(
    service: Service, client: Client, operator: Operator
) -> None:
    await operator.log_in()
    (cookie,) = operator.http.cookie_jar
    stolen = Client(client.url, client.http, cookie.value)
    assert (await stolen.get("/api/subscription/me/")).status == 401
    async with operator.http.post(f"{operator.url}/console/login", data={"token": cookie.value}) as again:
        assert again.status == 403
    await service.container.tokens().end(operator.token)
    assert LOCKED in (await operator.get())[1]


async def test_an_order_that_needs_attention_is_resolved_with_a_note(
    service: Service, client: Client, bank: Bank, operator: Operator
) -> None:
    order_id, proof = await paid(client, bank), await operator.log_in()

    def mark(uow: UnitOfWork) -> None:
        order = uow.orders.lock(order_id, "")
        assert order is not None
        order.mark("somebody should look", Source.CALLBACK, order.updated_at)
        uow.orders.save(order)

    await service.container.storage().transact(mark)
    assert "somebody should look" in (await operator.get(f"orders/{order_id}"))[1]
    assert (await operator.post(f"orders/{order_id}/resolve", proof=proof, note=" "))[0] == 422
    assert (await operator.post(f"orders/{order_id}/resolve", proof=proof, note="I looked"))[0] == 303
    page = (await operator.get(f"orders/{order_id}"))[1]
    assert ("I looked" in page, "<h2>Resolve" in page) == (True, False)


async def test_an_operator_in_a_browser(
    service: Service, client: Client, bank: Bank, operator: Operator, page: Page
) -> None:
    order_id = await paid(client, bank)

    def needs_somebody(uow: Any) -> None:
        order = uow.orders.lock(order_id, "")
        order.mark("paid twice", "callback", order.updated_at)
        uow.orders.save(order)

    await service.container.storage().transact(needs_somebody)
    await page.goto(f"{service.url}/console/")
    await page.get_by_label("Token of an operator").fill(operator.token)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("link", name=order_id).click()
    assert await page.get_by_text("paid twice").first.is_visible()
    await page.get_by_label("Amount").fill("45.00")
    await page.get_by_label("Why").fill("paid twice")
    await page.get_by_role("button", name="Refund").click()
    assert await page.get_by_text("refund_accepted").is_visible()
    assert await refunds(service, order_id) == ["45.00 GEL"]


async def test_a_form_on_another_site_reaches_no_session(
    service: Service, client: Client, bank: Bank, operator: Operator, page: Page
) -> None:
    """Even with the right proof: the browser keeps the cookie back."""
    order_id = await paid(client, bank)
    await page.goto(f"{service.url}/console/")
    await page.get_by_label("Token of an operator").fill(operator.token)
    await page.get_by_role("button", name="Log in").click()
    proof = await page.locator("input[name=proof]").first.get_attribute("value")
    await page.goto("about:blank")
    await page.set_content(
        f"<form method=post action={service.url}/console/orders/{order_id}/refund>"
        f"<input name=proof value={proof}><input name=reason value=x><button>Win a prize</button></form>"
    )
    await page.get_by_role("button", name="Win a prize").click()
    assert await page.get_by_label("Token of an operator").is_visible()
    assert await refunds(service, order_id) == []


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("multipart/form-data; boundary=x", b"token=x", 415),
        ("application/json", b'{"token": "x"}', 415),
        ("application/x-www-form-urlencoded", b"token=\xff", 400),
        ("application/x-www-form-urlencoded; charset=zz", b"token=x", 400),
    ],
)
async def test_an_invalid_form_is_rejected(operator: Operator, content_type: str, body: bytes, status: int) -> None:
    await operator.log_in()
    for path in ("login", "logout"):
        async with operator.http.post(
            f"{operator.url}/console/{path}", data=body, headers={"Content-Type": content_type}
        ) as response:
            assert response.status == status
    assert "Needs attention" in (await operator.get())[1]
