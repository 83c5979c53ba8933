"""What must not happen to money, tried over real HTTP against the simulated bank."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.conftest import Service
from tests.integration.parts import Bank, Client, Process, start

WEBHOOK = "/api/payments/webhook/"
CREATE = "/api/payments/create/"


async def paid_unheard(client: Client, bank: Bank, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A payment that was made while its callback was lost; gives it and the callback."""
    payment = await client.buy()
    await bank.fault("callback", "drop")
    await bank.pay(payment["bank_order_id"], **more)
    (callback,) = await bank.callbacks(payment["bank_order_id"])
    return payment, callback


async def call_back(client: Client, callback: dict[str, Any], **changes: Any) -> int:
    """Deliver a callback ourselves; gives the status it was answered with."""
    headers = {} if changes.get("signature", "") is None else {"Callback_Signature": callback["signature"]}
    if changes.get("signature"):
        headers["Callback_Signature"] = changes["signature"]
    raw = changes.get("body", callback["body"]).encode()
    answer = await Client(client.url, client.http).call("POST", WEBHOOK, raw=raw, **headers)
    return answer.status


async def test_a_bad_signature_is_refused_and_changes_nothing(client: Client, bank: Bank) -> None:
    payment, callback = await paid_unheard(client, bank)
    assert await call_back(client, callback, signature=callback["signature"][::-1]) == 401
    assert await call_back(client, callback, body=callback["body"].replace(":", ": ", 1)) == 401
    assert (await client.status(payment["order_id"]))["state"] == "processing"
    assert (await client.subscription())["has_subscription"] is False


async def test_a_corrupt_signature_is_answered_with_401(client: Client, bank: Bank) -> None:
    payment = await client.buy()
    await bank.fault("callback", "corrupt_signature")
    await bank.pay(payment["bank_order_id"])
    assert await bank.answered(payment["bank_order_id"]) == [401]


async def test_an_unsigned_callback_is_decided_by_the_receipt(client: Client, bank: Bank) -> None:
    payment = await client.buy()
    lie = {"body": {"order_id": payment["bank_order_id"], "order_status": {"key": "completed"}, "code": "100"}}
    assert await call_back(client, {"body": json.dumps(lie)}, signature=None) == 200
    assert (await client.status(payment["order_id"]))["state"] == "processing"
    await bank.control("POST", "clock", {"advance": 5})  # a hint costs a call to the bank only now and then
    await bank.fault("callback", "unsigned")
    await bank.pay(payment["bank_order_id"])
    assert await bank.answered(payment["bank_order_id"]) == [200]
    assert (await client.status(payment["order_id"]))["paid"] is True


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"transfer_amount": "1.00"}, "1.00 GEL was paid"), ({"currency_code": "USD"}, "147.00 USD was paid")],
)
async def test_a_changed_amount_or_currency_needs_attention_though_signed(
    service: Service, client: Client, bank: Bank, change: dict[str, str], reason: str
) -> None:
    payment, callback = await paid_unheard(client, bank)
    forged = json.loads(callback["body"])
    forged["body"]["purchase_units"].update(change)
    signed = await sign_as_the_bank(service, json.dumps(forged))
    assert await call_back(client, signed) == 200
    assert (await client.status(payment["order_id"]))["state"] == "processing"
    code, shown = await service.command("order", "show", payment["order_id"], "--json")
    assert (code, reason in json.loads(shown)["attention"][0]) == (0, True)
    code, shown = await service.command("check", "--json")
    assert (code, payment["order_id"] in json.loads(shown)["attention"]["problem"]) == (1, True)
    await call_back(client, callback)
    assert (await client.status(payment["order_id"]))["paid"] is True


async def sign_as_the_bank(service: Service, body: str) -> dict[str, Any]:
    """A callback that the bank would not send, signed with a second key that the service trusts (a rotation)."""
    return {"body": body, "signature": service.signer.sign(body.encode())}


async def test_the_same_callback_fifty_times_at_once_activates_once(
    service: Service, client: Client, bank: Bank
) -> None:
    payment, callback = await paid_unheard(client, bank)
    statuses = await asyncio.gather(*(call_back(client, callback) for _ in range(50)))
    assert set(statuses) == {200}
    assert (await client.status(payment["order_id"]))["paid"] is True
    tenant = (await service.container.tokens().authenticate(client.token)).tenant_id
    names = await event_names(service, tenant)
    assert sorted(names) == ["CardSaved", "InvoiceIssued", "OrderCompleted", "OrderCreated", "SubscriptionActivated"]


async def event_names(service: Service, tenant_id: str) -> list[str]:
    """The events recorded for a tenant."""
    far = (await service.container.clock().now()).replace(year=2200)
    storage = service.container.storage()
    now = await service.container.clock().now()
    events = await storage.transact(lambda uow: uow.outbox.claim("test", now, far, 100_000))
    await storage.transact(lambda uow: uow.outbox.settle([], {}, now))
    return [event.name for event in events if event.tenant_id == tenant_id]


async def test_processing_after_completed_is_ignored(client: Client, bank: Bank, service: Service) -> None:
    payment, callback = await paid_unheard(client, bank)
    assert await call_back(client, callback) == 200
    late = json.loads(callback["body"])
    late["body"]["order_status"]["key"] = "processing"
    assert await call_back(client, await sign_as_the_bank(service, json.dumps(late))) == 200
    assert (await client.status(payment["order_id"]))["state"] == "completed"


async def test_a_callback_before_the_create_answer_is_stored_works(client: Client, bank: Bank) -> None:
    await bank.fault("/ecommerce/orders", "delay", seconds=1)
    buying = asyncio.create_task(client.buy())
    order_id = await newest_bank_order(bank)
    await bank.pay(order_id)
    assert await bank.answered(order_id) == [200]
    payment = await buying
    assert payment["bank_order_id"] == order_id
    assert (await client.status(payment["order_id"]))["paid"] is True


async def newest_bank_order(bank: Bank) -> str:
    """The id of an order that was created just now."""
    before = len(await bank.control("GET", "orders"))
    async with asyncio.timeout(5):
        while len(orders := await bank.control("GET", "orders")) == before:
            await asyncio.sleep(0.01)
    order_id: str = orders[-1]["order_id"]
    return order_id


async def test_a_bank_that_answers_too_late_is_504_and_reconcile_finds_the_order(
    service: Service, client: Client, bank: Bank
) -> None:
    await bank.fault("/ecommerce/orders", "delay", seconds=6)
    answer = await client.post(CREATE, {"package_id": 1})
    assert (answer.status, "being reconciled" in answer.body["detail"]) == (504, True)
    code, printed = await service.command("reconcile", "--json")
    tenant = (await service.container.tokens().authenticate(client.token)).tenant_id
    (found,) = [row for row in json.loads(printed) if row["tenant_id"] == tenant]
    assert (code, found["before"], found["after"]) == (0, "created", "processing")
    assert len(await bank.orders(found["order_id"])) == 1
    assert (await client.buy(1, 1))["order_id"] == found["order_id"]


@pytest.mark.parametrize(
    ("kind", "more", "status"),
    [
        ("drop_before_effect", {"times": 9}, 504),
        ("drop_after_effect", {"times": 9}, 504),
        ("status", {"status": 500, "times": 9}, 503),
        ("status", {"status": 502, "times": 9}, 503),
        ("status", {"status": 429, "times": 9}, 503),
        ("status", {"status": 302}, 502),
        ("garbage", {}, 502),
        ("slow", {"seconds": 9}, 504),
        ("drop_after_effect", {}, 200),
        ("status", {"status": 503}, 200),
        ("status", {"status": 429}, 200),
        ("expire_token", {}, 200),
    ],
)
async def test_whatever_the_bank_does_there_is_one_order_and_it_is_reconciled(
    service: Service, client: Client, bank: Bank, kind: str, more: dict[str, int], status: int
) -> None:
    await bank.fault("/ecommerce/orders", kind, **more)
    answer = await client.post(CREATE, {"package_id": 1})
    assert answer.status == status, answer.body
    if status == 503:
        assert int(answer.headers["Retry-After"]) > 0
    await bank.control("DELETE", "faults")
    await service.command("reconcile")
    payment = await client.buy(1, 1)
    assert len(await bank.orders(payment["order_id"])) == 1
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    assert (await client.status(payment["order_id"]))["paid"] is True


async def test_a_lost_callback_is_recovered_by_reconcile(service: Service, client: Client, bank: Bank) -> None:
    payment, _ = await paid_unheard(client, bank)
    assert (await service.command("reconcile"))[0] == 0
    assert (await client.status(payment["order_id"]))["paid"] is True
    assert (await client.subscription())["has_subscription"] is True


async def test_a_kill_between_commit_and_call_is_repaired_by_reconcile(
    service: Service, bank: Bank, tmp_path: Path
) -> None:
    client = await service.client()
    environment = {**service.environment, "BILLING_PORT": "0", "BILLING_BANK_TIMEOUT_SECONDS": "30"}
    process = await start(tmp_path / "killed.log", environment, "echodesk_billing", "serve")
    await process.ready()
    url = re.findall(r"service: (\S+)", process.printed)[-1]
    await bank.fault("/ecommerce/orders", "drop_before_effect", times=99)
    doomed = asyncio.create_task(Client(url, client.http, client.token).post(CREATE, {"package_id": 1}))
    await logged(process, "order.created")
    await process.stop(signal.SIGKILL)
    with pytest.raises(aiohttp.ClientError):
        await doomed
    await bank.control("DELETE", "faults")
    _, printed = await service.command("reconcile", "--json")
    tenant = (await service.container.tokens().authenticate(client.token)).tenant_id
    (found,) = [row for row in json.loads(printed) if row["tenant_id"] == tenant]
    assert (found["before"], found["after"]) == ("created", "processing")
    assert len(await bank.orders(found["order_id"])) == 1


async def logged(process: Process, event: str) -> None:
    """Wait until a process has logged an event."""
    async with asyncio.timeout(10):
        while event not in process.printed:
            await asyncio.sleep(0.005)


async def test_every_callback_replayed_changes_nothing(client: Client, bank: Bank) -> None:
    payment, callback = await paid_unheard(client, bank)
    await call_back(client, callback)
    before = await client.status(payment["order_id"]), await client.subscription()
    for sent in await bank.callbacks(payment["bank_order_id"]):
        assert await call_back(client, sent) == 200
    assert (await client.status(payment["order_id"]), await client.subscription()) == before


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"[1]", 400),
        (b'{"body": {"order_id": "x", "order_status": {"key": "completed"}}}', 404),
        (b"\x00" * 100, 400),
        (b" " * (64 * 1024 + 1), 413),
    ],
)
async def test_invalid_input_at_the_webhook_is_a_4xx(service: Service, raw: bytes, status: int) -> None:
    answer = await Client(service.url, service.http).call("POST", WEBHOOK, raw=raw)
    assert answer.status == status
