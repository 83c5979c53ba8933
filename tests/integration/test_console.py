"""The operators' console: who gets in, what a form must carry, what a browser lets others do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Literal

import aiohttp
import pytest
from attrs import define
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

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
    for path in (f"orders/{order_id}", "orders", f"search?q={order_id}"):
        status, text, _ = await operator.get(path)
        assert (status, LOCKED in text, order_id in text) == (401, True, False)
    assert (await operator.post(f"orders/{order_id}/acts/refund", amount="1.00", reason="x"))[0] == 401
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
    assert "unsafe" not in policy
    assert "<script" not in text


async def test_a_form_without_csrf_token_changes_nothing(
    service: Service, client: Client, bank: Bank, operator: Operator
) -> None:
    order_id, proof = await paid(client, bank), await operator.log_in()
    for wrong in ({}, {"proof": ""}, {"proof": "0" * 64}, {"proof": proof.upper()}, {"proof": "\u10d0"}):
        status, text, _ = await operator.post(f"orders/{order_id}/acts/refund", amount="1.00", reason="x", **wrong)
        assert (status, "reload the page" in text) == (403, True)
        assert (await operator.post("logout", **wrong))[0] == 403
    assert await refunds(service, order_id) == []
    assert "Needs attention" in (await operator.get())[1]


async def test_a_refund_sent_twice_is_one(service: Service, client: Client, bank: Bank, operator: Operator) -> None:
    order_id, proof = await paid(client, bank), await operator.log_in()
    form = {"proof": proof, "amount": "10.00", "reason": "asked by phone"}
    page = (await operator.post(f"orders/{order_id}/acts/refund/preview", **form))[1]
    assert "10.00 GEL" in page
    assert await refunds(service, order_id) == []
    named = re.search('name="key" value="([0-9a-f-]{36})"', page)
    assert named is not None
    form["key"] = named[1]
    answers = await asyncio.gather(*(operator.post(f"orders/{order_id}/acts/refund", **form) for _ in range(3)))
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
    for step in ("/preview", ""):
        path = f"orders/{order_id}/acts/refund{step}"
        found, text, _ = await operator.post(path, proof=proof, amount=amount, reason="x")
        assert (found, words in text) == (status, True), text
    assert await refunds(service, order_id) == []


async def test_outside_text_is_escaped(client: Client, bank: Bank, operator: Operator) -> None:
    order_id, proof = await paid(client, bank), await operator.log_in()
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    assert (await operator.post(f"orders/{order_id}/acts/refund", proof=proof, amount="1.00", reason=evil))[0] == 303
    text = (await operator.get(f"orders/{order_id}"))[1]
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert "<img" not in text
    for odd in ("%3Cscript%3E", "%F0%9F%92%B3", "..%2F..%2Fetc", "x" * 2000):
        status, text, _ = await operator.get(f"orders/{odd}")
        assert (status, "<script" in text) == (404, False), odd
    nul = await operator.post(f"orders/{order_id}/acts/refund", proof=proof, amount="1.00", reason="a\0b")
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
    assert (await operator.post(f"orders/{order_id}/acts/resolve", proof=proof, note=" "))[0] == 422
    assert (await operator.post(f"orders/{order_id}/acts/resolve", proof=proof, note="I looked"))[0] == 303
    page = (await operator.get(f"orders/{order_id}"))[1]
    assert ("I looked" in page, "acts/resolve" in page) == (True, False)


async def test_every_act_of_a_customer_shows_its_effect_before_it_is_done(
    service: Service, client: Client, bank: Bank, operator: Operator
) -> None:
    order_id, proof = await paid(client, bank), await operator.log_in()
    tenant = (await client.get("/api/events/")).body["events"][0]["data"]["tenant_id"]
    before = (await client.subscription())["subscription"]["expires_at"]
    page = f"customers/{tenant}"
    assert order_id in (await operator.get(page))[1]

    async def act(name: str, told: str, **form: str) -> None:
        sent = {"proof": proof, "reason": "a test", **form}
        assert (await operator.get(f"{page}/acts/{name}"))[0] == 200
        status, text, _ = await operator.post(f"{page}/acts/{name}/preview", **sent)
        assert (status, told in text) == (200, True), text
        key = re.search('name="key" value="([0-9a-f-]{36})"', text)
        assert key is not None
        answers = [await operator.post(f"{page}/acts/{name}", key=key[1], **sent) for _ in range(2)]  # a double click
        assert answers[0][0] == 303, answers[0][1]
        assert answers[1][0] in (303, 404, 409)  # what is done cannot be done again

    await act("give-days", "Paid until", days="7")
    given = (await client.subscription())["subscription"]["expires_at"]
    days = datetime.fromisoformat(given) - datetime.fromisoformat(before)
    assert days == timedelta(days=7)
    await act("pause", "Pause", until="")
    await act("resume", "Pause")
    await act("complimentary", "Complimentary", until="")
    await act(
        "profile", "404404404", identification_code="404404404", legal_name="Persona", address="", emails="a@b.ge"
    )
    await act("cancel", "ended", immediately="yes")
    assert (await client.subscription())["subscription"]["is_active"] is False
    status, text, _ = await operator.post(f"{page}/acts/retry/preview", proof=proof, reason="x")
    assert (status in (404, 409), "Traceback" in text) == (True, False)
    told = (await operator.get(f"acts?by=admin%40{tenant}"))[1] + (await operator.get("acts"))[1]
    for name in ("Days given", "Subscription cancelled", "Billing profile changed", "Plan made complimentary"):
        assert name in told, name
    assert await service.container.storage().read(lambda uow: uow.books.of_order(order_id))


async def test_lists_are_paged_filtered_and_searched(client: Client, bank: Bank, operator: Operator) -> None:
    order_id = await paid(client, bank)
    await operator.log_in()
    tenant = (await client.get("/api/events/")).body["events"][0]["data"]["tenant_id"]
    (invoice,) = (await client.get("/api/payments/invoices/")).body["invoices"]
    for found in (order_id, invoice["invoice_number"].lower(), str(invoice["invoice_number"])):
        status, _, headers = await operator.get(f"search?q={found}")
        assert (status, headers["Location"].rpartition("/")[2]) == (303, order_id)
    status, _, headers = await operator.get(f"search?q={tenant}")
    assert (status, headers["Location"]) == (303, f"/console/customers/{tenant}")
    assert tenant in (await operator.get(f"customers?q={tenant[:-1]}"))[1]
    for path, is_there in (
        (f"orders?tenant={tenant}", True),
        (f"orders?tenant={tenant}&state=completed", True),
        (f"orders?tenant={tenant}&state=rejected", False),
        (f"orders?tenant={tenant}&state=attention", False),
        (f"invoices?tenant={tenant}", True),
        (f"acts?by=admin%40{tenant}", True),
    ):
        status, text, _ = await operator.get(path)
        assert (status, order_id in text) == (200, is_there), path
    for path in (
        "orders?state=lost",
        "orders?tenant=A%20b",
        "invoices?cursor=x",
        "mails?state=x",
        "subscriptions?state=x",
    ):
        status, text, _ = await operator.get(path)
        assert (status in (400, 422), "Traceback" in text) == (True, False), path
    for path in (
        "callbacks?cursor=x",
        "orders?cursor=nobody",
        "webhooks/nothing",
        "customers?q=%27%22%3C",
        "search?q=%25",
    ):
        assert (await operator.get(path))[0] == 200, path
    assert (await operator.get("customers/nobody-here"))[0] == 404
    more, seen = "orders", set()
    for _ in range(40):
        text = (await operator.get(more))[1]
        ids = set(re.findall(r"/console/orders/([A-Z]{3,4}-[0-9A-F]{12})", text))
        assert not ids & seen
        seen |= ids
        following = re.search(r'href="/console/(orders\?[^"]+)" rel="next"', text)
        if following is None:
            break
        more = following[1].replace("&amp;", "&")
    assert order_id in seen


async def test_a_token_for_reading_sees_everything_and_changes_nothing(
    service: Service, client: Client, bank: Bank
) -> None:
    order_id = await paid(client, bank)
    reader = await service.client(Scope.OPERATOR_READ)
    assert (await reader.get("/api/payments/status/" + order_id + "/")).status == 403
    assert (await reader.post(f"/api/payments/{order_id}/refund/", {})).status in (403, 404)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        operator = Operator(service.url, http, reader.token)
        proof = await operator.log_in()
        text = (await operator.get(f"orders/{order_id}"))[1]
        assert (order_id in text, "Read only" in text, "acts/refund" in text) == (True, True, False)
        for act in ("refund/preview", "refund", "resolve"):
            status, text, _ = await operator.post(f"orders/{order_id}/acts/{act}", proof=proof, reason="x", note="x")
            assert (status, "may only look" in text) == (403, True)
        assert (await operator.post("logout", proof=proof))[0] == 303
    assert await refunds(service, order_id) == []


PAGES = (
    "", "customers", "subscriptions", "orders", "invoices", "mails", "webhooks", "callbacks", "workers", "acts",
    "customers/{tenant}", "orders/{order}", "orders/{order}/acts/refund", "customers/{tenant}/acts/give-days",
    "search?q={tenant}x",
)  # fmt: skip


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("width", "scheme", "language"), [(390, "dark", "ka"), (1280, "light", "en")])
async def test_every_page_fits_its_screen_and_has_no_accessibility_violation(
    service: Service,
    client: Client,
    bank: Bank,
    operator: Operator,
    browser: Browser,
    width: int,
    scheme: Literal["dark", "light"],
    language: str,
) -> None:
    order = await paid(client, bank)
    tenant = (await client.get("/api/events/")).body["events"][0]["data"]["tenant_id"]
    context = await browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = await context.new_page()
    await page.goto(f"{service.url}/console/?language={language}")
    assert (await Axe().run(page)).violations_count == 0
    await page.locator("input[name=token]").fill(operator.token)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    for path in PAGES:
        answer = await page.goto(f"{service.url}/console/{path.format(order=order, tenant=tenant)}")
        assert answer is not None
        assert answer.status == 200, path
        assert await page.get_attribute("html", "lang") == language
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
        found = await Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
    await context.close()


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
    await page.get_by_label(LOCKED).fill(operator.token)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("link", name=order_id).click()
    assert await page.get_by_text("paid twice").first.is_visible()
    await page.get_by_role("link", name="Refund").click()
    await page.get_by_label("Amount").fill("45.00")
    await page.get_by_label("Reason").fill("paid twice")
    await page.get_by_role("button", name="Preview").click()
    assert await page.get_by_text("45.00 GEL").is_visible()
    await page.get_by_role("button", name="Confirm").click()
    assert await page.get_by_role("status").inner_text() == "Done."
    assert await page.get_by_text("The bank took the refund on.").is_visible()
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
        f"<form method=post action={service.url}/console/orders/{order_id}/acts/refund>"
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
