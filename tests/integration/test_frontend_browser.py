"""A page on another origin, in a real browser, does what the CRM's frontend does, on each server of the contract."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import define
from playwright.async_api import Browser, Page

from tests.integration.conftest import Service
from tests.integration.parts import Bank, Client, page_of_the_crm
from tests.integration.test_frontend import form

pytestmark = pytest.mark.server
PAGE = (Path(__file__).parent / "crm_page.html").read_text()


@define
class Frontend:
    """The CRM's page, open in a browser by a user of a tenant."""

    page: Page
    client: Client
    bank: Bank

    async def open(self, screen: str, *more: Any, token: str | None = None) -> Any:
        """Open a screen; gives what it leads to."""
        arguments = [self.client.url, self.client.token if token is None else token, screen, *more]
        return await self.page.evaluate("parts => window.screen_of(...parts)", arguments)

    async def text(self) -> str:
        """What the screen shows."""
        return await self.page.inner_text("#screen")

    async def pay(self, payment_url: str, card: str = "4000000000000001") -> None:
        """Pay at the bank, and wait until the service knows."""
        bank_order_id = payment_url.rpartition("=")[2]
        await self.bank.pay(bank_order_id, card=card)
        assert await self.bank.answered(bank_order_id) == [200]


@pytest.fixture
async def frontend(service: Service, bank: Bank, client: Client, browser: Browser) -> AsyncIterator[Frontend]:
    """The page, served at an allowed origin that is not the service's."""
    origin = service.environment["BILLING_CORS_ORIGINS"].split(", ")[1]
    async with page_of_the_crm(browser, origin, PAGE) as page:
        yield Frontend(page, client, bank)


async def test_the_screens_of_a_customer(frontend: Frontend) -> None:
    year = str(datetime.now(UTC).year)
    await frontend.open("settings")
    assert await frontend.text() == "No subscription yet"

    await frontend.pay(
        await frontend.open("buy", {"features": ["tickets", "whatsapp"], "agent_count": 5}, secrets.token_hex(8))
    )
    amount, currency, status, order_id = (await frontend.text()).splitlines()
    assert (amount, currency, status) == ("110.00", "GEL", "pending")
    await frontend.open("status", order_id)
    assert (await frontend.text()).splitlines()[:3] == ["paid", "true", "110.00"]

    await frontend.open("settings")
    lines = (await frontend.text()).splitlines()
    assert lines[0] == "Knowledge base, Tickets, Users and permissions, WhatsApp"  # all that are selected
    assert lines[1] == "110.00 GEL for 5 agents, paid"
    assert {"0 of 5 users", "10500", "0.0 of 5 GB", "users 0% ok", "tickets: 12.00", "users: 0.00"} <= set(lines)
    assert lines[-1] == "active"

    await frontend.open("features")
    lines = (await frontend.text()).splitlines()
    assert {"[Core Features]", "✓ Tickets 12.00 60.00", "[Channels]", "✓ WhatsApp 10.00 50.00"} <= set(lines)
    assert "✓ Users and permissions 0.00 0.00 required" in lines
    assert "Telephony 15.00 75.00 300.00" in [line.strip() for line in lines]

    await frontend.pay(await frontend.open("add", 4))
    await frontend.open("remove", 3)
    said = (await frontend.text()).splitlines()
    assert (said[0].startswith("WhatsApp is removed from "), said[1:]) == (True, ["50.00", "85.00"])
    await frontend.open("remove", 5)
    assert "cannot be removed" in await frontend.text()

    await frontend.open("seats", 10)
    assert (await frontend.text()).startswith("270.00\nPay 270.00 GEL to switch")
    await frontend.open("schedule", 3)
    assert "at 51.00 GEL a month" in await frontend.text()
    assert (await frontend.open("upgrade", 2)).startswith("http")

    await frontend.open("profile")
    assert await frontend.text() == "Acme Group\nAcme Group"
    await frontend.pay(await frontend.open("manual"))
    pdf = await frontend.open("invoices")
    assert (await frontend.text()).splitlines()[0].split()[1:] == ["135.00", "GEL", "paid", year]
    async with frontend.page.expect_popup():
        await frontend.page.evaluate("url => { window.open(url) }", pdf)
    async with frontend.client.http.get(pdf) as opened:  # what the new tab loads, without a token
        assert (opened.status, opened.content_type) == (200, "application/pdf")

    await frontend.open("cancel")
    assert (await frontend.text()).splitlines()[0] == "cancelled"
    await frontend.open("settings")
    assert (await frontend.text()).splitlines()[-1] == "inactive: pay now"
    await frontend.pay(await frontend.open("reactivate"))
    await frontend.open("settings")
    assert (await frontend.text()).splitlines()[-1] == "active"


async def test_the_screens_of_cards(frontend: Frontend) -> None:
    await frontend.pay(await frontend.open("buy", {"features": ["tickets"], "agent_count": 5}, secrets.token_hex(8)))
    (first,) = await frontend.open("cards")
    assert await frontend.text() == "VISA 400000***0001 12/30 default Auto-pay"
    await frontend.pay(await frontend.open("addCard", "add-ecommerce"), "5300000000000001")
    _, second = await frontend.open("cards")
    assert (await frontend.text()).splitlines()[1] == "MASTERCARD 530000***0001 12/30 One-time"
    assert await frontend.open("setDefault", second) == 200
    await frontend.open("removeCard", first)
    assert (await frontend.text()).startswith("success\n")
    assert await frontend.open("deleteDefault") is True
    assert await frontend.open("cards") == []
    assert (await frontend.open("addCard", "add")).startswith("http")


async def test_the_public_screens_and_a_wrong_token(frontend: Frontend) -> None:
    await frontend.open("prices", token="")
    assert "Business 49.00/agent/month" in (await frontend.text()).splitlines()
    await frontend.open("catalogue", token="")
    lines = (await frontend.text()).splitlines()
    assert (lines[0], lines[1]) == ("8", "Core Features: Users and permissions 0.00 required")
    name = f"new-{secrets.token_hex(4)}"
    await frontend.pay(await frontend.open("register", form(name), token=""))
    assert await frontend.text() == "201\n220.00\ntrue"
    await frontend.open("logout", token="wrong")
    assert await frontend.text() == "logged out"
