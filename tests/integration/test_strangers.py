"""What anonymous callers, slow senders and patient listeners can hold is bounded, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from echodesk_billing.ports.access import Scope
from tests.integration.conftest import Service
from tests.integration.parts import Bank, Client, Process, free_port, start

CREATE = "/api/payments/create/"
REGISTER = "/api/register-with-payment/"


@asynccontextmanager
async def serving(service: Service, folder: Path, **changes: str) -> AsyncIterator[tuple[Process, Client]]:
    """Another process on the same database, with other settings; and a user of it."""
    environment = {**service.environment, "BILLING_PORT": str(free_port()), **changes}
    process = await start(folder / "serve.log", environment, "echodesk_billing", "serve")
    await process.ready()
    user = Client(f"http://127.0.0.1:{environment['BILLING_PORT']}", service.http, (await service.client()).token)
    yield process, user
    if process.process.returncode is None:
        assert await asyncio.wait_for(process.stop(), 10) == 0, process.printed[-2000:]


async def unfinished(url: str, path: str = "/api/payments/webhook/") -> asyncio.StreamWriter:
    """A request whose body never comes."""
    host, _, port = url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
    writer.write(head.encode())
    await writer.drain()
    return writer


async def test_unfinished_bodies_do_not_block_other_requests(service: Service, tmp_path: Path) -> None:
    limits = {"BILLING_REQUESTS_AT_ONCE": "4", "BILLING_BODY_SECONDS": "30"}
    async with serving(service, tmp_path, **limits) as (_, user):
        slow = [await unfinished(user.url) for _ in range(40)]
        for _ in range(5):
            assert (await user.get("/api/subscription/me/")).status == 200
            assert (await user.post("/api/payments/webhook/", raw=b"{}")).status == 400
        for writer in slow:
            writer.close()


async def test_a_slow_body_is_408_and_counts_against_its_address(service: Service, tmp_path: Path) -> None:
    limits = {"BILLING_BODY_SECONDS": "0.3", "BILLING_RATE_LIMIT_PER_ADDRESS": "3/minute"}
    async with serving(service, tmp_path, **limits) as (_, user):
        host, _, port = user.url.removeprefix("http://").partition(":")
        answers = []
        for _ in range(4):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"POST /api/payments/webhook/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
            answers.append((await asyncio.wait_for(reader.readline(), 10)).split()[1])
            writer.close()
        assert answers == [b"408", b"408", b"408", b"429"]


async def test_unfinished_bodies_are_limited_per_address(service: Service, tmp_path: Path) -> None:
    async with serving(service, tmp_path, BILLING_BODY_SECONDS="30") as (_, user):
        slow = [await unfinished(user.url) for _ in range(64)]
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            while (answer := await user.post(CREATE, {"package_id": 1})).status != 429:
                pass
        assert "unfinished requests" in answer.body["error"]
        assert (await user.get("/api/subscription/me/")).status == 200
        for writer in slow:
            writer.close()


async def test_long_polls_are_limited_per_tenant_and_not_counted_as_requests(service: Service, tmp_path: Path) -> None:
    async with serving(service, tmp_path, BILLING_REQUESTS_AT_ONCE="2", BILLING_POLLS_PER_TENANT="3") as (_, user):
        polls = [asyncio.create_task(user.get("/api/events/?wait=20")) for _ in range(6)]
        refused, waiting = await asyncio.wait(polls, timeout=2)
        assert Counter(task.result().status for task in refused) == {429: 3}
        assert (await user.get("/api/subscription/me/")).status == 200
        other = Client(user.url, user.http, (await service.client()).token)
        assert (await other.get("/api/events/")).status == 200
        await user.post(CREATE, {"package_id": 1})
        async with asyncio.timeout(10):
            told = await asyncio.gather(*waiting)
        assert [answer.body["events"][0]["type"] for answer in told] == ["OrderCreated"] * 3


async def test_a_long_poll_ends_when_the_client_disconnects_or_the_process_stops(
    service: Service, tmp_path: Path
) -> None:
    async with serving(service, tmp_path, BILLING_POLLS_PER_TENANT="1") as (process, user):
        gone = asyncio.create_task(user.get("/api/events/?wait=30"))
        await asyncio.wait([gone], timeout=0.5)
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone
        async with asyncio.timeout(10):
            while (await user.get("/api/events/")).status == 429:
                await asyncio.sleep(0.05)
        waits = asyncio.create_task(user.get("/api/events/?wait=30"))
        await asyncio.wait([waits], timeout=0.5)
        assert await asyncio.wait_for(process.stop(), 10) == 0
        assert (await waits).status == 200


async def test_registrations_have_a_limit_of_their_own(service: Service, tmp_path: Path) -> None:
    async with serving(service, tmp_path, BILLING_RATE_LIMIT_REGISTRATION="2/hour") as (_, user):
        stranger = Client(user.url, user.http)
        statuses = [(await stranger.post(REGISTER, registration())).status for _ in range(3)]
        assert statuses == [201, 201, 429]
        assert (await stranger.get("/api/packages/")).status == 200


def registration(**changes: object) -> dict[str, object]:
    return {
        "name": "New LLC",
        "schema_name": f"new-{secrets.token_hex(4)}",
        "admin_email": "nino@new.example",
        "package_id": 1,
        **changes,
    }


@pytest.mark.parametrize("body", [registration()])
async def test_a_registration_repeated_under_its_key_is_one_order_and_one_answer(
    service: Service, body: dict[str, object]
) -> None:
    stranger = Client(service.url, service.http)
    key = secrets.token_hex(8)
    answers = [await stranger.post(REGISTER, body, Idempotency_Key=key) for _ in range(2)]
    assert answers[0].raw == answers[1].raw
    other = await stranger.post(REGISTER, body, Idempotency_Key=secrets.token_hex(8))
    assert other.body["payment_id"] == answers[0].body["payment_id"]


async def test_put_and_delete_repeated_under_a_key_answer_byte_for_byte(service: Service, bank: Bank) -> None:
    client = await service.client()
    payment = await client.buy(package_id=1, seats=2)
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    key = secrets.token_hex(8)
    path, seats = "/api/subscription/agent-count/", {"agent_count": 5}
    one, two = [await client.call("PUT", path, seats, Idempotency_Key=key) for _ in range(2)]
    assert (one.status, one.raw) == (200, two.raw)
    other = await client.call("PUT", path, seats, Idempotency_Key=secrets.token_hex(8))
    assert other.body["order_id"] == one.body["order_id"]
    card = {"card_id": (await client.get("/api/payments/saved-card/")).body[0]["id"]}
    removed = [await client.call("DELETE", "/api/payments/saved-card/", card, Idempotency_Key="k") for _ in range(2)]
    assert removed[0].raw == removed[1].raw
    assert (await client.call("PUT", path, {"agent_count": 6}, Idempotency_Key=key)).status == 422


@pytest.mark.parametrize("key", [None, "the same"])
async def test_a_refund_repeated_after_a_504_is_made_once(service: Service, bank: Bank, key: str | None) -> None:
    client, operator = await service.client(), await service.client(Scope.OPERATOR)
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    path = f"/api/payments/{payment['order_id']}/refund/"
    headers = {"Idempotency_Key": f"{key}-{secrets.token_hex(4)}"} if key else {}
    await bank.fault("/payment/refund/", "drop_after_effect", times=3)
    first = await operator.post(path, {"amount": 10}, **headers)
    assert first.status == 504
    again = await operator.post(path, {"amount": 10}, **headers)
    assert again.status == 200, again.body
    assert await bank.refunded(payment["order_id"]) == ["10.0"]


async def test_owners_of_keys_are_distinct_whatever_their_names_contain(service: Service) -> None:
    """`a/b` with user `c`, and `a` with user `b/c`, once had the same keys."""
    one = await service.client(tenant_id="a-b")
    other = await service.client(tenant_id="a")
    answers = [await each.post(CREATE, {"package_id": 1}, Idempotency_Key="k") for each in (one, other)]
    assert answers[0].body["order_id"] != answers[1].body["order_id"]


async def test_a_write_token_reads_the_order_it_made(service: Service) -> None:
    writer = await service.client(Scope.WRITE)
    payment = await writer.buy()
    assert (await writer.get(f"/api/payments/status/{payment['order_id']}/")).status == 200
