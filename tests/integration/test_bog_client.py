"""The bank's client: odd answers scripted, ordinary ones from the simulated bank."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import stamina
from aiohttp import web
from aiohttp.test_utils import TestServer

from echodesk_billing import GatewayNonsense, GatewayRefused, GatewayTimeout, GatewayUnavailable
from echodesk_billing.adapters.bog.client import BankAccess, BogGateway
from echodesk_billing.adapters.bog.signature import BANK_PUBLIC_KEY, load_keys
from echodesk_billing.adapters.bog.tokens import MOST_BYTES, lifetime
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.report import BankStatus, Source
from tests.builders import BANK_ID, NOW, a_request, an_order
from tests.fake_bank import FakeClock
from tests.integration.parts import Bank
from tests.odd_bank import API, AUTH, OddBank, odd_bank

ORDERS = f"{API}/ecommerce/orders"
GOOD = {"id": BANK_ID, "_links": {"redirect": {"href": f"https://payment.bog.example/?order_id={BANK_ID}"}}}


@pytest.fixture
def odd() -> Iterator[OddBank]:
    with odd_bank() as bank, stamina.set_testing(True, attempts=3, cap=True):
        yield bank


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def gateway(clock: FakeClock) -> AsyncIterator[BogGateway]:
    access = BankAccess(
        auth_url=AUTH,
        api_base_url=API,
        client_id="10001",
        client_secret="s3cret",
        timeout_seconds=0.5,
        keys=load_keys(BANK_PUBLIC_KEY),
    )
    async with aiohttp.ClientSession() as session:
        yield BogGateway(session, access, clock)


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_any_2xx_is_success(gateway: BogGateway, odd: OddBank, status: int) -> None:
    odd.gives_token()
    odd.answers("POST", ORDERS, status=status, payload=GOOD)
    report = await gateway.create_order(an_order())
    assert (report.bank_order_id, report.status, report.source) == (BANK_ID, BankStatus.CREATED, Source.ANSWER)
    (call,) = odd.asked("POST", ORDERS)
    assert call["headers"]["Idempotency-Key"] == an_order().idempotency_key
    assert call["headers"]["Authorization"] == "Bearer t1"
    assert call["headers"]["Accept-Language"] == "ka"
    assert call["allow_redirects"] is False


async def test_the_token_is_asked_for_with_basic_authorization(gateway: BogGateway, odd: OddBank) -> None:
    odd.gives_token()
    await gateway.check_credentials()
    (call,) = odd.asked("POST", AUTH)
    assert call["headers"]["Authorization"] == "Basic MTAwMDE6czNjcmV0"
    assert call["data"] == {"grant_type": "client_credentials"}


async def test_concurrent_callers_share_one_token_fetch(gateway: BogGateway, odd: OddBank) -> None:
    odd.gives_token()
    for _ in range(20):
        odd.answers("POST", ORDERS, payload=GOOD)
    await asyncio.gather(*(gateway.create_order(an_order()) for _ in range(20)))
    assert len(odd.asked("POST", AUTH)) == 1


async def test_a_token_is_renewed_five_minutes_before_it_expires(
    gateway: BogGateway, odd: OddBank, clock: FakeClock
) -> None:
    odd.gives_token("t1", 3600)
    odd.gives_token("t2", 3600)
    await gateway.check_credentials()
    clock.advance(seconds=3299)
    await gateway.check_credentials()
    assert len(odd.asked("POST", AUTH)) == 1
    clock.advance(seconds=1)
    await gateway.check_credentials()
    assert len(odd.asked("POST", AUTH)) == 2


@pytest.mark.parametrize("expires_in", [10, 0, -5])
async def test_a_token_of_a_short_life_is_usable_and_causes_no_loop(
    gateway: BogGateway, odd: OddBank, expires_in: int
) -> None:
    for _ in range(3):
        odd.gives_token("t", expires_in)
        odd.answers("POST", ORDERS, payload=GOOD)
    for _ in range(3):
        await gateway.create_order(an_order())
    assert len(odd.asked("POST", AUTH)) == (1 if expires_in == 10 else 3)


NOW_SECONDS = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (3600, 3600),
        ("3600", 3600),
        (59.5, 59.5),
        ((NOW_SECONDS + 600) * 1000, 600),
        (NOW_SECONDS + 600, 600),
        (str((NOW_SECONDS + 600) * 1000), 600),
        (1634719923245, 0),  # the documentation's example, long past
        (10**30, 86_400),
        (500_000_000, 86_400),
        (-5, 0),
        (None, 0),
        ("soon", 0),
        ("NaN", 0),
        ("Infinity", 0),
        (True, 0),
        ([], 0),
    ],
)
def test_any_token_lifetime_is_accepted(expires_in: object, seconds: float) -> None:
    assert lifetime(expires_in, NOW).total_seconds() == pytest.approx(seconds)


async def test_a_token_until_a_moment_is_kept_until_then(gateway: BogGateway, odd: OddBank, clock: FakeClock) -> None:
    odd.gives_token("t", int((clock.moment.timestamp() + 3600) * 1000))
    for _ in range(2):
        await gateway.check_credentials()
        clock.advance(minutes=50)
    assert len(odd.asked("POST", AUTH)) == 1


@pytest.mark.parametrize("language", ["ka", "en", "*", "ru", ""])
async def test_every_call_asks_for_json_in_one_of_two_languages(
    gateway: BogGateway, odd: OddBank, language: str
) -> None:
    odd.gives_token()
    odd.answers("POST", ORDERS, payload=GOOD)
    odd.answers("PUT", f"{API}/orders/{BANK_ID}/cards", status=202)
    await gateway.create_order(an_order(request=a_request(language=language)))
    await gateway.save_card(BANK_ID, SaveCard.RECURRENT, "key")
    (created,), (saved,) = odd.asked("POST", ORDERS), odd.asked("PUT", f"{API}/orders/{BANK_ID}/cards")
    assert [call["headers"]["Accept"] for call in (created, saved)] == ["application/json"] * 2
    assert created["headers"]["Accept-Language"] == ("en" if language == "en" else "ka")
    assert saved["headers"]["Accept-Language"] == "ka"


async def test_a_refused_token_is_replaced_once(gateway: BogGateway, odd: OddBank) -> None:
    odd.gives_token("t1")
    odd.gives_token("t2")
    odd.answers("POST", ORDERS, status=401)
    odd.answers("POST", ORDERS, payload=GOOD)
    await gateway.create_order(an_order())
    assert [call["headers"]["Authorization"] for call in odd.asked("POST", ORDERS)] == ["Bearer t1", "Bearer t2"]


async def test_two_rejected_tokens_end_the_retries(gateway: BogGateway, odd: OddBank) -> None:
    for _ in range(2):
        odd.gives_token()
        odd.answers("POST", ORDERS, status=401)
    with pytest.raises(GatewayUnavailable, match="rejects a token"):
        await gateway.create_order(an_order())


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ({"status": 401, "payload": {"error": "invalid_client"}}, GatewayUnavailable, "rejects our credentials"),
        ({"status": 503}, GatewayUnavailable, "HTTP 503"),
        ({"status": 200, "body": "<html>"}, GatewayNonsense, "no token"),
        ({"status": 200, "payload": {"token_type": "Bearer"}}, GatewayNonsense, "access_token"),
        ({"exception": aiohttp.ClientConnectionError("refused")}, GatewayUnavailable, "cannot be reached"),
        ({"exception": TimeoutError()}, GatewayUnavailable, "cannot be reached"),
    ],
)
async def test_a_token_service_in_trouble(
    gateway: BogGateway, odd: OddBank, answer: dict[str, Any], error: type[Exception], message: str
) -> None:
    odd.answers("POST", AUTH, **answer)
    with pytest.raises(error, match=message) as caught:
        await gateway.create_order(an_order())
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "times", "error", "message"),
    [
        ({"status": 400, "payload": {"message": "callback_url is required"}}, 1, GatewayRefused, "callback_url"),
        ({"status": 404, "body": "<h1>not here</h1>"}, 1, GatewayRefused, "not here"),
        ({"status": 302, "headers": {"Location": "https://evil.example"}}, 1, GatewayNonsense, "redirect"),
        ({"status": 200, "body": "<html>oops"}, 1, GatewayNonsense, "cannot be parsed"),
        ({"status": 200, "payload": {}}, 1, GatewayNonsense, "without id"),
        ({"status": 200, "payload": {"id": BANK_ID}}, 1, GatewayNonsense, "redirect.href"),
        ({"status": 500}, 3, GatewayUnavailable, "HTTP 500"),
        ({"status": 502, "body": "<html>bad gateway"}, 3, GatewayUnavailable, "HTTP 502"),
        ({"status": 429}, 3, GatewayUnavailable, "HTTP 429"),
        ({"status": 429, "headers": {"Retry-After": "600"}}, 1, GatewayUnavailable, "HTTP 429"),
        ({"exception": aiohttp.ServerDisconnectedError()}, 3, GatewayTimeout, "broke"),
        ({"exception": aiohttp.ClientPayloadError("half")}, 3, GatewayTimeout, "broke"),
        (
            {
                "exception": aiohttp.ClientConnectorDNSError(
                    aiohttp.client_reqrep.ConnectionKey("h", 443, True, True, None, None, None), OSError("no such host")
                )
            },
            3,
            GatewayUnavailable,
            "cannot be reached",
        ),
    ],
)
async def test_each_way_of_failing_has_its_meaning_and_number_of_attempts(
    gateway: BogGateway, odd: OddBank, answer: dict[str, Any], times: int, error: type[Exception], message: str
) -> None:
    odd.gives_token()
    for _ in range(times):
        odd.answers("POST", ORDERS, **answer)
    with pytest.raises(error, match=re.escape(message)):
        await gateway.create_order(an_order())
    calls = odd.asked("POST", ORDERS)
    assert len(calls) == times
    assert {call["headers"]["Idempotency-Key"] for call in calls} == {an_order().idempotency_key}


async def test_the_banks_retry_after_is_passed_on(gateway: BogGateway, odd: OddBank) -> None:
    odd.gives_token()
    odd.answers("POST", ORDERS, status=429, headers={"Retry-After": "600"})
    with pytest.raises(GatewayUnavailable) as caught:
        await gateway.create_order(an_order())
    assert caught.value.retry_after_seconds == 600


async def test_an_endless_answer_is_cut_off(clock: FakeClock) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        if request.path == "/token":
            return web.json_response({"access_token": "t1", "expires_in": 60})
        return web.Response(body=b"x" * (MOST_BYTES + 1))

    server = TestServer(web.Application())
    server.app.router.add_route("*", "/{path:.*}", endless)
    async with server, aiohttp.ClientSession() as session:
        access = BankAccess(
            auth_url=str(server.make_url("/token")),
            api_base_url=str(server.make_url("/v1")),
            client_id="10001",
            client_secret="s3cret",
            timeout_seconds=5,
            keys=load_keys(BANK_PUBLIC_KEY),
        )
        with pytest.raises(GatewayNonsense, match="longer than"):
            await BogGateway(session, access, clock).receipt(BANK_ID)


async def test_silence_is_a_timeout(gateway: BogGateway, odd: OddBank) -> None:
    async def sleep(*_: Any, **__: Any) -> None:
        await asyncio.sleep(5)

    odd.gives_token()
    odd.answers("POST", ORDERS, callback=sleep)
    with pytest.raises(GatewayTimeout, match=r"within 0\.5 s"):
        await gateway.create_order(an_order())


async def test_with_the_simulated_bank(bank: Bank, clock: FakeClock) -> None:
    access = BankAccess(
        auth_url=bank.environment["BOG_AUTH_URL"],
        api_base_url=bank.environment["BOG_API_BASE_URL"],
        client_id="demo",
        client_secret="demo",
        timeout_seconds=5,
        keys=load_keys(await bank.control("GET", "public-key")),
    )
    order = an_order(order_id="SUB-0000000B06C1")
    async with aiohttp.ClientSession() as session:
        gateway = BogGateway(session, access, clock)
        first, second = await gateway.create_order(order), await gateway.create_order(order)
        assert first == second
        receipt = await gateway.receipt(first.bank_order_id)
        assert (receipt.status, receipt.external_order_id, receipt.transferred) == (BankStatus.CREATED, order.id, None)
        await bank.fault("callback", "drop")
        await bank.pay(first.bank_order_id)
        (callback,) = await bank.callbacks(first.bank_order_id)
        raw = callback["body"].encode()
        assert gateway.verify(raw, callback["signature"]) == "valid"
        assert gateway.read_callback(raw).transferred == order.amount
        with pytest.raises(GatewayRefused, match="order_id"):
            await gateway.receipt("00000000-0000-4000-8000-000000000000")
