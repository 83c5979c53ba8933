"""`make run` as a person meets it: what it prints, a payment in a real browser, a clean stop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.integration.parts import ROOT, Demo, running_demo


@pytest.fixture(scope="module")
async def demo(workspace: Path) -> AsyncIterator[Demo]:
    async with running_demo(workspace / "demo", token="demo-token-for-tests") as demo:
        yield demo


async def buy(demo: Demo, **more: Any) -> dict[str, Any]:
    answer = await demo.client.post("/api/payments/create/", {"package_id": 2, "agent_count": 3, **more})
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.body
    return body


async def pay(page: Page, url: str, card: str, answer: str = "Confirm") -> None:
    """Fill in the card and answer the issuer."""
    await page.goto(url)
    await page.get_by_label("Card number").fill(card)
    await page.get_by_role("button", name="GEL").click()
    await page.get_by_role("button", name=answer).click()


async def settled(demo: Demo, order_id: str) -> dict[str, Any]:
    """The payment's status once it is no longer pending."""
    async with asyncio.timeout(10):
        while (status := await demo.client.status(order_id))["status"] == "pending":
            await asyncio.sleep(0.02)
    return status


def test_it_prints_what_scripts_rely_on(demo: Demo) -> None:
    assert demo.printed("service") == [demo.client.url]
    assert demo.printed("bank") == [demo.bank]
    assert demo.printed("token") == ["demo-token-for-tests"]
    assert len(demo.printed("operator-token")[0]) == 64
    assert demo.printed("package") == ["1 Start", "2 Business", "3 Whole company", "4 Contact centre"]


async def test_a_declined_card_in_the_browser(demo: Demo, page: Page) -> None:
    payment = await buy(demo, language="en")
    await pay(page, payment["payment_url"], "4000 0000 0000 0002")
    assert page.url == f"{demo.client.url}/settings/subscription?payment=failed"
    status = await settled(demo, payment["order_id"])
    assert (status["status"], status["response_code"]) == ("failed", "107")
    assert "not enough money" in status["message"]
    assert (await demo.client.subscription())["has_subscription"] is False


async def test_a_customer_who_does_not_confirm(demo: Demo, page: Page) -> None:
    payment = await buy(demo, language="en")
    await pay(page, payment["payment_url"], "4000000000000001", "Decline")
    assert (await settled(demo, payment["order_id"]))["response_code"] == "108"


async def test_a_payment_in_the_browser_activates_the_subscription(demo: Demo, page: Page, workspace: Path) -> None:
    payment = await buy(demo, language="en")
    await page.goto(payment["payment_url"])
    await page.screenshot(path=workspace / "payment-page.png")
    assert "147.00 GEL" in await page.inner_text("main")
    assert "EchoDesk Business - Demo LLC" in await page.inner_text("main")
    await pay(page, payment["payment_url"], "4000 0000 0000 0001")
    assert page.url == f"{demo.client.url}/settings/subscription?payment=success"
    assert (await settled(demo, payment["order_id"]))["status"] == "paid"
    assert (await demo.client.subscription())["subscription"]["is_active"] is True
    await page.goto(payment["payment_url"])
    assert "The payment was successful." in await page.inner_text("main")
    (mailbox,) = demo.printed("mailbox")
    receipt = page.get_by_role("link", name="147.00 GEL")
    async with asyncio.timeout(20):
        while await receipt.count() == 0:
            await page.goto(mailbox)
    await receipt.first.click()
    assert await page.get_by_role("link", name=".pdf").count() == 1


async def test_a_wallet_on_the_banks_page(demo: Demo, page: Page, workspace: Path) -> None:
    payment = await buy(demo, language="en", payment_method=["card", "google_pay"])
    await page.goto(payment["payment_url"])
    await page.screenshot(path=workspace / "wallets.png")
    assert await page.get_by_role("button", name="Apple Pay").count() == 0
    await page.get_by_role("button", name="Google Pay").click()
    assert page.url == f"{demo.client.url}/settings/subscription?payment=success"
    assert (await settled(demo, payment["order_id"]))["status"] == "paid"


RETURN_PAGES = {
    "/settings/subscription": ("გამოწერა", "Subscription", "Подписка"),
    "/settings/subscription?payment=success": ("გმადლობთ!", "Thank you!", "Спасибо!"),
    "/settings/subscription?payment=failed": ("ვერ შესრულდა", "was not made", "не прошла"),
    "/settings/subscription?feature_added=success": ("დაემატა", "was added", "добавлена"),
    "/settings/subscription?feature_added=failed": ("ვერ დაემატა", "was not added", "не добавлена"),
    "/settings/subscription?card_added=success": ("ბარათი დაემატა", "The card was added", "Карта добавлена"),
    "/settings/subscription?card_added=failed": ("ვერ დაემატა", "The card was not added", "Карта не добавлена"),
    "/registration/success": ("მობრძანება", "Welcome!", "Добро пожаловать"),
    "/registration": ("ვერ დასრულდა", "is not complete", "не завершена"),
}


@pytest.mark.parametrize("path", RETURN_PAGES)
async def test_a_friendly_page_is_at_each_return_address(demo: Demo, browser: Browser, path: str) -> None:
    page = await browser.new_page(viewport={"width": 390, "height": 844}, locale="ka-GE")
    for language, title in zip(("ka", "en", "ru"), RETURN_PAGES[path], strict=True):
        mark = "&" if "?" in path else "?"
        await page.goto(f"{demo.client.url}{path}{mark}language={language}")
        assert title in await page.inner_text("h1")
        assert await page.get_attribute("html", "lang") == language
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        ways = await page.eval_on_selector_all("main a", "links => links.map(link => link.href)")
        assert ways
        for way in ways:
            async with demo.client.http.get(way) as answer:
                assert answer.status == 200
    await page.close()


async def test_the_return_pages_speak_the_customers_language_and_lead_on(demo: Demo, browser: Browser) -> None:
    page = await browser.new_page(locale="en-GB")
    await page.goto(f"{demo.client.url}/settings/subscription?payment=failed")
    await page.get_by_role("button").click()  # pays again, at the bank
    assert page.url.startswith(demo.bank)
    await demo.client.call("PATCH", "/api/billing-profile/", {"language": "ru"})
    await page.goto(f"{demo.client.url}/settings/subscription?card_added=success")
    assert await page.get_attribute("html", "lang") == "ru"
    await demo.client.call("PATCH", "/api/billing-profile/", {"language": "ka"})
    await page.close()


async def test_the_api_reference_renders_offline_under_its_policy(demo: Demo, browser: Browser) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(f"{message.text} {message.location}") if message.type == "error" else None,
    )
    await page.goto(f"{demo.client.url}/docs")
    await page.wait_for_selector("[data-section-id^='tag/payments']")
    assert complaints == []
    assert [url for url in asked if not url.startswith((demo.client.url, "data:", "blob:"))] == []
    await context.close()


async def test_root_and_console_urls_redirect_to_pages(demo: Demo, page: Page) -> None:
    for path, ends in (("/", "/docs"), ("/console", "/console/")):
        answer = await page.goto(demo.client.url + path)
        assert answer is not None
        assert (answer.status < 400 or ends == "/console/", page.url) == (True, demo.client.url + ends)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "first_payment.py TOKEN"),
        (("--help",), 0, "first_payment.py TOKEN"),
        (("token", "http://127.0.0.1:1"), 1, "cannot be reached"),
        (("token", "nowhere"), 1, "is no address"),
        (("wrong", "{service}"), 1, "answered 401"),
    ],
)
async def test_the_first_payment_says_what_is_wrong(
    demo: Demo, arguments: tuple[str, ...], code: int, told: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "examples/first_payment.py",
        *(one.format(service=demo.client.url) for one in arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed = (await process.communicate())[0].decode()
    assert (process.returncode, told in printed, "Traceback" in printed) == (code, True, False), printed


async def test_the_page_speaks_georgian_by_default(demo: Demo, page: Page) -> None:
    payment = await buy(demo)
    await page.goto(payment["payment_url"])
    assert "ბარათის ნომერი" in await page.inner_text("main")


async def test_two_months_pass_for_bank_and_service_alike_and_the_subscription_renews_itself(demo: Demo) -> None:
    before = (await demo.client.subscription())["subscription"]["expires_at"]
    async with demo.client.http.post(f"{demo.bank}/sandbox/clock", json={"advance": 64 * 86400}) as response:
        assert response.status == 200
    async with asyncio.timeout(10):
        while (mine := (await demo.client.subscription())["subscription"])["expires_at"] == before:
            await asyncio.sleep(0.05)
    assert mine["is_active"] is True
