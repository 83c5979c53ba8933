"""The customer portal and pay links: over HTTP on every server, and by clicks in a real browser without scripts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from attrs import define
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from echodesk_billing.application.links import Links, debt_of
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.entrypoints.portal.words import LANGUAGES, words
from tests.integration.conftest import Service
from tests.integration.parts import Bank, Client

OVER = words("en")["link_over"]


@define
class Visitor:
    """Somebody with a browser, as seen from the wire."""

    url: str
    http: aiohttp.ClientSession
    proof: str = ""

    async def get(self, path: str) -> tuple[int, str, Any]:
        """A page: status, text, headers."""
        address = path if path.startswith("http") else f"{self.url}{path}"
        async with self.http.get(address, allow_redirects=False) as response:
            text = await response.text(errors="replace")
            if found := re.search('name="proof" value="([0-9a-f]{64})"', text):
                self.proof = found[1]
            return response.status, text, response.headers

    async def post(self, path: str, **form: str) -> tuple[int, str, Any]:
        """A form, with the proof of the page before."""
        sent = {"proof": self.proof, **form}
        async with self.http.post(f"{self.url}{path}", data=sent, allow_redirects=False) as response:
            return response.status, await response.text(), response.headers


@pytest.fixture
async def visitors(service: Service) -> AsyncIterator[Callable[[], Awaitable[Visitor]]]:
    """Makes visitors, each with cookies of their own."""
    made: list[aiohttp.ClientSession] = []

    async def make() -> Visitor:
        made.append(aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Accept-Language": "en"}))
        return Visitor(service.url, made[-1])

    yield make
    for http in made:
        await http.close()


async def subscribed(client: Client, bank: Bank) -> dict[str, Any]:
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    return payment


async def portal_url(client: Client) -> str:
    return str((await client.post("/api/portal/sessions/")).body["portal_url"])


async def tenant_of(client: Client) -> str:
    return str((await client.get("/api/events/")).body["events"][0]["data"]["tenant_id"])


Visitors = Callable[[], Awaitable[Visitor]]
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


async def test_a_link_opens_the_portal_of_its_customer_and_of_no_other(
    service: Service, client: Client, bank: Bank, visitors: Visitors
) -> None:
    await subscribed(client, bank)
    other = await service.client()
    await subscribed(other, bank)
    visitor = await visitors()
    assert (await visitor.get("/portal/"))[0] == 401
    status, _, headers = await visitor.get(await portal_url(client))
    assert (status, headers["Location"]) == (303, "/portal/")
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/portal/" in cookie
    status, page, headers = await visitor.get("/portal/")
    assert (status, words("ka")["state_active"] in page) == (200, True)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script" not in page
    foreign = (await other.get("/api/payments/invoices/")).body["invoices"][0]["id"]
    card = (await other.get("/api/payments/saved-card/")).body[0]["id"]
    assert (await visitor.get(f"/portal/invoices/{foreign}/pdf"))[0] == 404
    assert (await visitor.get(f"/portal/cards/{card}/remove"))[0] == 404
    assert (await visitor.post(f"/portal/cards/{card}/remove"))[0] == 404
    assert (await visitor.post(f"/portal/cards/{card}/default"))[0] == 404


async def test_forms_need_the_proof_of_their_session(client: Client, bank: Bank, visitors: Visitors) -> None:
    await subscribed(client, bank)
    visitor = await visitors()
    await visitor.get(await portal_url(client))
    await visitor.get("/portal/")
    good = visitor.proof
    for proof in ("", "0" * 64, good[:-1]):
        status, page, _ = await visitor.post("/portal/cancel", proof=proof)
        assert (status, words("ka")["other_form"] in page) == (403, True)
    other = await visitors()
    assert (await other.post("/portal/cancel", proof=good))[0] == 401
    assert (await client.subscription())["subscription"]["cancel_at_period_end"] is False
    assert (await visitor.post("/portal/cancel", proof=good))[0] == 303
    assert (await client.subscription())["subscription"]["cancel_at_period_end"] is True


async def test_links_that_are_forged_old_or_for_something_else_say_one_and_the_same(
    service: Service, client: Client, bank: Bank, visitors: Visitors
) -> None:
    await subscribed(client, bank)
    links: Links = service.container.links()
    tenant, now = await tenant_of(client), await service.container.clock().now()
    subscription = await service.container.storage().read(lambda uow: uow.subscriptions.get(tenant))
    assert subscription is not None
    pay, portal = links.pay(tenant, debt_of(subscription)), links.portal(tenant, "x", now)
    old = links.portal(tenant, "x", now.replace(year=2020))
    paid = links.pay(tenant, "0.0")
    nobody = links.pay("nobody", debt_of(subscription))
    swapped = urlsplit(pay).path.replace("/pay/", "/portal/enter/")
    pages = set()
    for address in ("/pay/x", pay[:-3] + "AAA", paid, nobody, "/portal/enter/x", old, swapped, "/mail/unsubscribe/x"):
        visitor = await visitors()
        status, page, _ = await visitor.get(address)
        assert status == 410, address
        pages.add(page.replace(urlsplit(address).path, "PATH"))
    assert len(pages) == 1
    assert OVER in pages.pop()
    visitor = await visitors()
    assert (await visitor.get(portal))[0] == 303
    assert (await visitor.get(pay))[0] == 200


async def test_a_pay_link_is_over_once_it_is_paid(
    service: Service, client: Client, bank: Bank, visitors: Visitors
) -> None:
    await subscribed(client, bank)
    tenant = await tenant_of(client)
    subscription = await service.container.storage().read(lambda uow: uow.subscriptions.get(tenant))
    assert subscription is not None
    address = urlsplit(service.container.links().pay(tenant, debt_of(subscription))).path
    visitor = await visitors()
    status, page, _ = await visitor.get(address)
    assert (status, "147.00 GEL" in page) == (200, True)
    status, page, _ = await visitor.post(address)
    found = re.search(r'content="0;url=([^"]+)"', page)
    assert found is not None
    bank_order = found[1].partition("order_id=")[2]
    await bank.pay(bank_order)
    await bank.answered(bank_order)
    for answer in (await visitor.get(address), await visitor.post(address)):
        assert answer[0] == 410
        assert "147.00" not in answer[1]


async def test_one_click_of_a_mail_program_unsubscribes(service: Service, visitors: Visitors) -> None:
    address = urlsplit(service.container.links().unsubscribe("acme", "nino@acme.example")).path
    visitor = await visitors()
    async with visitor.http.post(
        f"{service.url}{address}", data={"List-Unsubscribe": "One-Click"}, headers={"Accept-Language": "ka"}
    ) as response:
        assert response.status == 200
        assert words("ka")["unsubscribed"] in await response.text()
    stopped = await service.container.storage().read(
        lambda uow: [uow.mails.is_stopped("acme", "nino@acme.example", is_optional=one) for one in (True, False)]
    )
    assert stopped == [True, False]


def test_every_phrase_is_there_in_every_language() -> None:
    first, *others = (words(language) for language in LANGUAGES)
    for other in others:
        assert set(other) == set(first)
        assert all(other.values())


@define
class Screen:
    """The portal in a browser without scripts, in one language."""

    page: Page
    words: dict[str, str]
    checker: Page

    async def check(self) -> None:
        """The page is accessible and has no horizontal scroll bar: looked at beside, because axe is a script."""
        await self.checker.context.add_cookies(await self.page.context.cookies())  # type: ignore[arg-type]
        await self.checker.goto(self.page.url)
        found = await asyncio.wait_for(Axe().run(self.checker), 20)
        assert [one["id"] for one in found.response["violations"]] == [], self.page.url
        assert await self.checker.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), self.page.url

    async def click(self, name: str) -> None:
        """Follow a link or press a button by what it says."""
        said = self.words[name]
        target = self.page.get_by_role("button", name=said, exact=True).or_(
            self.page.get_by_role("link", name=said, exact=True)
        )
        await target.first.click()
        await self.page.wait_for_load_state()

    async def shows(self, text: str) -> None:
        """The page says this."""
        assert text in await self.page.inner_text("body"), f"{self.page.url}: {await self.page.inner_text('body')}"

    async def pay(self) -> None:
        """On the bank's page, and back."""
        await self.page.wait_for_url("**/?order_id=*")
        await self.page.fill("[name=card]", "4000000000000001")
        await self.page.click("form:has([name=card]) button")
        await self.page.click("button[name=answer][value=confirm]")
        await self.page.wait_for_url("**/portal/back?payment=success")
        await self.shows(self.words["paid_title"])


async def reads_and_fills_in(screen: Screen, client: Client, language: str) -> None:
    """What is paid, the invoices, the billing details."""
    page = screen.page
    await screen.shows(screen.words["state_active"])
    await screen.check()
    await screen.click("documents")
    await screen.shows("INV-")
    await screen.check()
    async with page.expect_download() as downloading:
        await page.click("text=PDF >> nth=-1")
    assert (await (await downloading.value).path()).read_bytes().startswith(b"%PDF")
    await screen.click("profile")
    await screen.check()
    await page.fill("[name=legal_name]", "შპს აკმე")
    await page.fill("[name=emails]", "nino@acme.example, books@acme.example")
    await page.select_option("[name=mail_language]", language)
    await screen.click("save")
    await screen.shows(screen.words["saved"])
    profile = (await client.get("/api/billing-profile/")).body
    assert (profile["legal_name"], profile["emails"]) == ("შპს აკმე", ["nino@acme.example", "books@acme.example"])


async def changes_the_plan(screen: Screen, url: str) -> None:
    """More seats, which are paid; fewer from the next period, which is taken back; another card."""
    page = screen.page
    await screen.click("plan")
    await screen.check()
    await page.fill("[name=seats]", "5")
    await screen.click("show_preview")
    await screen.shows("245.00 GEL")
    await screen.check()
    await screen.click("confirm_pay")
    await screen.pay()
    await screen.check()
    await page.goto(f"{url}/portal/plan")
    await page.fill("[name=seats]", "2")
    await screen.click("show_preview")
    await screen.click("confirm_change")
    await screen.shows(screen.words["change_is_planned"])
    await screen.check()
    await screen.click("drop_change")
    await screen.click("add_card")
    await screen.pay()


async def cancels_and_resumes(screen: Screen, url: str) -> None:
    """Cancel, resume, pay the next period, remove a card."""
    page = screen.page
    await page.goto(f"{url}/portal/")
    await screen.click("cancel")
    await screen.check()
    await screen.click("cancel")
    await screen.shows(screen.words["state_cancelled"])
    await screen.click("resume")
    await screen.shows(screen.words["state_active"])
    await screen.click("pay_now")
    await screen.pay()
    await page.goto(f"{url}/portal/")
    await page.get_by_role("link", name=screen.words["remove"]).first.click()
    await screen.check()
    await screen.click("remove")
    await screen.check()


@pytest.mark.server
@pytest.mark.browser
@pytest.mark.parametrize(
    ("language", "width", "scheme"), [("ka", 390, "light"), ("ru", 390, "dark"), ("en", 1280, "light")]
)
async def test_a_customer_does_everything_by_clicks_without_scripts(
    service: Service, client: Client, bank: Bank, browser: Browser, language: str, width: int, scheme: Any
) -> None:
    await subscribed(client, bank)
    looks: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    beside, context = await browser.new_context(**looks), await browser.new_context(**looks, java_script_enabled=False)
    for one in (beside, context):
        one.set_default_timeout(8_000)
    page = await context.new_page()
    screen = Screen(page, words(language), await beside.new_page())
    await page.goto(await portal_url(client))
    await page.click(f"header a[lang={language}]")
    await reads_and_fills_in(screen, client, language)
    await changes_the_plan(screen, service.url)
    await cancels_and_resumes(screen, service.url)
    tenant = await tenant_of(client)
    subscription = await service.container.storage().read(lambda uow: uow.subscriptions.get(tenant))
    assert subscription is not None
    assert (subscription.state, subscription.changes) == (SubscriptionState.ACTIVE, ())
    await screen.click("leave")
    await page.goto(f"{service.url}/portal/")
    await screen.shows(screen.words["signed_out"])
    await screen.check()
    await context.close()
    await beside.close()
