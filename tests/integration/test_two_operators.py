"""Two operators act on one order or subscription at the same moment: one act each, or a refusal."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from echodesk_billing.ports.access import Scope
from tests.integration.conftest import Service
from tests.integration.parts import Answer, Bank, Client
from tests.integration.test_contract import owes


async def both(service: Service, path: str, body: dict[str, Any]) -> list[Answer]:
    """The same call by two operators at once."""
    operators = [await service.client(Scope.OPERATOR) for _ in range(2)]
    return list(await asyncio.gather(*(one.post(path, body) for one in operators)))


async def paid(client: Client, bank: Bank) -> dict[str, Any]:
    order = await client.buy()
    await bank.pay(order["bank_order_id"])
    await bank.answered(order["bank_order_id"])
    return order


async def tenant_of(client: Client) -> str:
    tenant: str = (await client.get("/api/events/")).body["events"][0]["data"]["tenant_id"]
    return tenant


async def happened(client: Client, name: str) -> int:
    return [one["type"] for one in (await client.get("/api/events/")).body["events"]].count(name)


async def test_the_whole_amount_is_refunded_once(service: Service, client: Client, bank: Bank) -> None:
    order = await paid(client, bank)
    path = f"/api/payments/{order['order_id']}/refund/"
    answers = await both(service, path, {"reason": "both saw the letter", "cancel_subscription": True})
    assert {answer.status for answer in answers} <= {200, 202, 409}
    assert any(answer.status in (200, 202) for answer in answers)
    assert await bank.refunded(order["order_id"]) == ["147.0"]
    assert await happened(client, "SubscriptionCancelled") == 1


async def test_two_parts_that_are_more_than_was_paid_are_one_refund(
    service: Service, client: Client, bank: Bank
) -> None:
    order = await paid(client, bank)
    operators = [await service.client(Scope.OPERATOR) for _ in range(2)]
    answers = await asyncio.gather(
        *(
            one.post(f"/api/payments/{order['order_id']}/refund/", {"amount": amount, "reason": "half a month"})
            for one, amount in zip(operators, (100, 90), strict=True)
        )
    )
    assert sorted(answer.status for answer in answers)[1] == 409
    assert len(await bank.refunded(order["order_id"])) == 1


async def test_a_gift_sent_twice_with_one_key_is_given_once_and_two_gifts_are_two(
    service: Service, client: Client, bank: Bank
) -> None:
    await paid(client, bank)
    path = f"/api/subscription/{await tenant_of(client)}/give-days/"
    gift = {"days": 3, "reason": "an outage"}
    operator = await service.client(Scope.OPERATOR)
    once = await asyncio.gather(*(operator.post(path, gift, Idempotency_Key=f"one gift {path}") for _ in range(2)))
    assert sorted(answer.status for answer in once) in ([200, 200], [200, 409])
    assert await happened(client, "DaysGiven") == 1
    twice = await both(service, path, gift)
    assert [answer.status for answer in twice] == [200, 200]
    assert await happened(client, "DaysGiven") == 3


async def test_a_charge_that_both_retry_is_made_once(service: Service, client: Client, bank: Bank) -> None:
    await paid(client, bank)
    tenant = await tenant_of(client)
    await owes(service, tenant)
    before = len(await bank.control("GET", "orders"))
    answers = await both(service, f"/api/subscription/{tenant}/retry-charge/", {})
    assert {answer.status for answer in answers} <= {200, 201, 202, 409}
    assert any(answer.status < 300 for answer in answers)
    assert len(await bank.control("GET", "orders")) == before + 1


async def test_an_order_is_resolved_by_one_of_them(service: Service, client: Client, bank: Bank) -> None:
    order = await paid(client, bank)
    await bank.control("PUT", f"disputes/{order['bank_order_id']}")
    await bank.answered(order["bank_order_id"], 2)
    assert await happened(client, "OrderContested") == 1
    answers = await both(service, f"/api/payments/{order['order_id']}/resolve/", {"note": "the bank was answered"})
    assert [answer.status for answer in answers] == [200, 200]
    assert await happened(client, "OrderAttentionResolved") == 1


async def test_the_last_use_of_a_coupon_goes_to_one_of_two_customers(service: Service) -> None:
    code = f"LAST-{secrets.token_hex(4)}"
    coupon = {"code": code, "kind": "percent", "value": 20, "max_uses": 1, "reason": "one only"}
    assert (await (await service.client(Scope.OPERATOR)).post("/api/coupons/", coupon)).status == 200
    customers = [await service.client() for _ in range(4)]
    body = {"package_id": 2, "agent_count": 1, "coupon": code}
    answers = await asyncio.gather(*(one.post("/api/payments/create/", body) for one in customers))
    assert sorted(answer.status for answer in answers) == [200, 422, 422, 422]


async def test_a_transfer_that_both_record_pays_one_period(service: Service, client: Client, bank: Bank) -> None:
    await paid(client, bank)
    tenant = await tenant_of(client)
    operator = await service.client(Scope.OPERATOR)
    made = (await operator.post(f"/api/subscription/{tenant}/proforma/", {})).body
    path = f"/api/payments/proformas/{made['proforma_number']}/record/"
    answers = await both(service, path, {"amount": made["amount"], "reference": "T1", "reason": "seen"})
    assert [answer.status for answer in answers] == [200, 200]
    assert len({answer.body["order_id"] for answer in answers}) == 1
    assert await happened(client, "SubscriptionRenewed") == 1


async def test_a_pause_and_a_complimentary_plan_that_both_ask_for_are_recorded_once(
    service: Service, client: Client, bank: Bank
) -> None:
    await paid(client, bank)
    path = f"/api/subscription/{await tenant_of(client)}"
    for act, event in (("pause", "SubscriptionPauseScheduled"), ("complimentary", "PlanMadeComplimentary")):
        answers = await both(service, f"{path}/{act}/", {"reason": "both read the letter"})
        assert [answer.status for answer in answers] == [200, 200]
        assert await happened(client, event) == 1
