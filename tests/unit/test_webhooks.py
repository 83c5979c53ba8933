"""Webhooks: who gets which event, in which order, when again, and until when."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from standardwebhooks import Webhook

from echodesk_billing.adapters.webhooks.sender import HttpWebhooks, _headers
from echodesk_billing.adapters.webhooks.targets import Targets
from echodesk_billing.application.errors import EndpointNotFound
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.events import Event, OrderCompleted, SubscriptionImported, WebhookEndpointDisabled
from echodesk_billing.domain.notifications.webhook import RETRIES, SECRET_OVERLAP, DeliveryState, Endpoint
from echodesk_billing.ports.access import Scope
from echodesk_billing.ports.storage import UnitOfWork
from tests.builders import NOW, gel, principal
from tests.unit.conftest import World

OPERATOR = principal("echodesk", Scope.OPERATOR)
CRM, SLOW = "https://crm.example/hook", "https://slow.example/hook"


async def endpoint(world: World, url: str = CRM, **more: object) -> str:
    made = await world.webhooks.create(OPERATOR, url, reason="tests", **more)  # type: ignore[arg-type]
    return made.endpoint.id


def got(world: World, url: str = CRM) -> list[str]:
    return [body for where, _, body in world.receivers.got if where == url]


async def test_an_endpoint_gets_the_events_of_its_tenant_of_its_types_in_order(world: World) -> None:
    await endpoint(world)
    await endpoint(world, "https://acme.example/hook", tenant_id="acme", event_types=["InvoiceIssued", "OrderCreated"])
    await world.buy_and_pay("acme")
    await world.buy_and_pay("globex")
    await world.notify()
    events = [event.name for event in await world.events()]
    assert sorted(got(world)) == sorted(events)
    assert got(world, "https://acme.example/hook") == ["OrderCreated", "InvoiceIssued"]
    await world.notify()
    assert len(world.receivers.got) == len(events) + 2


async def test_a_failed_delivery_is_tried_again_by_the_schedule_and_given_up(world: World) -> None:
    await endpoint(world, event_types=["OrderCompleted"])
    await world.buy_and_pay()
    world.receivers.problems[CRM] = "it answered 500"
    await world.notify()
    for wait in RETRIES[1:]:
        tries = len(world.receivers.secrets)
        world.clock.moment += wait - timedelta(seconds=1)
        await world.notify()
        assert len(world.receivers.secrets) == tries, wait
        world.clock.advance(seconds=1)
        await world.notify()
        assert len(world.receivers.secrets) == tries + 1, wait
    (given_up,) = await world.webhooks.deliveries(OPERATOR, (await world.webhooks.listed(OPERATOR))[0].id)
    assert (given_up.state, len(given_up.tries)) == (DeliveryState.FAILED, len(RETRIES))
    del world.receivers.problems[CRM]
    await world.buy_and_pay(distinct=True)
    await world.notify()
    assert got(world) == ["OrderCompleted"]


async def test_events_behind_a_failed_one_wait_for_it_and_those_of_others_do_not(world: World) -> None:
    await endpoint(world, SLOW, tenant_id="acme")
    await endpoint(world, CRM)
    world.receivers.problems[SLOW] = "no answer within 15 seconds"
    await world.buy_and_pay("acme")
    await world.notify()
    assert len(world.receivers.secrets) == len(got(world)) + 1
    del world.receivers.problems[SLOW]
    world.clock.advance(seconds=5)
    await world.notify()
    assert got(world, SLOW) == got(world)


async def test_an_endpoint_that_fails_for_days_is_disabled_and_the_operator_is_told(world: World) -> None:
    one = await endpoint(world)
    world.receivers.problems[CRM] = "it answered 500"
    for _ in range(60):
        await world.buy_and_pay(distinct=True)
        await world.notify()
        world.clock.advance(hours=3)
    (found,) = await world.webhooks.listed(OPERATOR)
    assert found.disabled_at is not None
    (told,) = [event for event in await world.events() if isinstance(event, WebhookEndpointDisabled)]
    assert (told.endpoint_id, told.problem, told.tenant_id) == (one, "it answered 500", "")
    assert [sent for sent in world.mailer.sent if "webhook" in sent[1]] == [
        ("ops@echodesk.example", "webhook_disabled")
    ]
    tries = len(world.receivers.secrets)
    world.clock.advance(hours=100)
    await world.notify()
    assert len(world.receivers.secrets) == tries
    del world.receivers.problems[CRM]
    await world.webhooks.enable(OPERATOR, one, "it works again")
    await world.notify()
    assert len(got(world)) > 100


async def test_two_failures_with_days_without_a_worker_between_them_disable_nothing(world: World) -> None:
    await endpoint(world)
    world.receivers.problems[CRM] = "it answered 500"
    await world.buy_and_pay()
    await world.notify()
    world.clock.advance(hours=24 * 30)
    await world.notify()
    (found,) = await world.webhooks.listed(OPERATOR)
    assert (found.failures, found.disabled_at) == (2, None)


async def test_a_transaction_that_runs_again_notes_an_attempt_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a deadlock the database has it run again."""
    one = await endpoint(world, event_types=["OrderCompleted"])
    await world.buy_and_pay()
    await world.announce.run()
    world.receivers.problems[CRM] = "it answered 500"
    transact = world.storage.transact

    async def again(work: Callable[[UnitOfWork], Any]) -> Any:
        await world.storage.read(work)  # on a copy, which is thrown away
        return await transact(work)

    monkeypatch.setattr(world.storage, "transact", again)
    await world.send_webhooks.run_lane(one, "acme")
    (delivery,) = await world.webhooks.deliveries(OPERATOR, one)
    assert len(delivery.tries) == 1


async def test_an_old_secret_signs_beside_the_new_one_for_a_day(world: World) -> None:
    one = await endpoint(world, event_types=["OrderCompleted"])
    rotated = await world.webhooks.rotate(OPERATOR, one, "it leaked")
    assert rotated.secret == "whsec_2"
    await world.buy_and_pay()
    await world.notify()
    world.clock.moment += SECRET_OVERLAP
    await world.buy_and_pay(distinct=True)
    await world.notify()
    assert world.receivers.secrets == [["whsec_2", "whsec_1"], ["whsec_2"]]


async def test_secrets_are_stored_encrypted(world: World) -> None:
    await endpoint(world)
    (found,) = await world.webhooks.listed(OPERATOR)
    assert "whsec_1" not in repr(found)


async def test_a_replay_sends_the_events_since_a_moment_again_with_their_ids(world: World) -> None:
    await world.buy_and_pay()
    await world.announce.run()
    world.clock.advance(hours=1)
    since = world.clock.moment
    one = await endpoint(world)
    await world.buy_and_pay(distinct=True)
    await world.notify()
    first = list(world.receivers.got)
    assert await world.webhooks.replay(OPERATOR, one, since, "the CRM lost them") == len(first)
    await world.notify()
    assert world.receivers.got == first * 2
    assert await world.webhooks.replay(OPERATOR, one, since - timedelta(hours=1), "again") > len(first)
    await world.webhooks.disable(OPERATOR, one, "it moves")
    with pytest.raises(InvalidSelection, match="enable it first"):
        await world.webhooks.replay(OPERATOR, one, since, "again")


async def test_a_test_message_is_sent_at_once_and_changes_nothing(world: World) -> None:
    one = await endpoint(world)
    sent = await world.webhooks.test(OPERATOR, one)
    assert (sent.type, sent.tries[0].status) == ("webhook.test", 200)
    assert await world.webhooks.deliveries(OPERATOR, one) == []


async def test_a_tenant_has_its_own_endpoints_and_sees_no_other(world: World) -> None:
    admin, stranger = principal("acme", Scope.WRITE), principal("globex", Scope.WRITE)
    made = await world.webhooks.create(admin, CRM, tenant_id="globex")
    assert made.endpoint.tenant_id == "acme"
    assert await world.webhooks.listed(stranger) == []
    with pytest.raises(EndpointNotFound):
        await world.webhooks.disable(stranger, made.endpoint.id)
    for _ in range(9):
        await world.webhooks.create(admin, CRM)
    with pytest.raises(InvalidSelection, match="10 endpoints already"):
        await world.webhooks.create(admin, CRM)
    await world.webhooks.disable(admin, made.endpoint.id)
    await world.webhooks.create(admin, CRM)


def test_what_is_imported_is_sent_to_nobody() -> None:
    event = SubscriptionImported(tenant_id="acme", at=NOW, state="active", plan_name="", price=None, paid_until=None)
    assert not Endpoint(id="we", tenant_id="", url=CRM, created_at=NOW).wants(event)


def an_event() -> Event:
    completed = OrderCompleted(tenant_id="acme", at=NOW, order_id="SUB-1", amount=gel("10.00"), captured=gel("9.00"))
    return completed.recorded("019-1", "nino@acme")


def test_a_message_is_signed_so_that_the_reference_library_accepts_it() -> None:
    sender = HttpWebhooks(Targets())
    secrets, body = [sender.new_secret(), sender.new_secret()], sender.body(an_event())
    headers = _headers(secrets, "019-1", body)
    for secret in secrets:
        assert Webhook(secret).verify(body, headers) == json.loads(body)
    assert len(base64.b64decode(secrets[0].removeprefix("whsec_"))) >= 24
    data = json.loads(body)
    assert (data["type"], data["data"]["captured"]) == ("OrderCompleted", {"amount": "9.00", "currency": "GEL"})
    assert (data["data"]["id"], data["data"]["by"]) == ("019-1", "nino@acme")
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - to be refused
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
        "not an address",
    ],
)
def test_private_addresses_are_not_reached(address: str) -> None:
    assert not Targets().allows(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8"])
def test_public_addresses_are_reached(address: str) -> None:
    assert Targets().allows(address)


def test_a_private_network_is_reached_where_it_is_allowed() -> None:
    targets = Targets([ip_network("10.1.0.0/16")])
    assert targets.allows("10.1.2.3")
    assert targets.allows("::ffff:10.1.2.3")
    assert not targets.allows("10.2.2.3")
    targets.check_url("http://10.1.2.3/hook")
    with pytest.raises(InvalidSelection):
        targets.check_url("http://10.2.2.3/hook")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://crm.example/hook",
        "ftp://crm.example/hook",
        "https://",
        "https://user:password@crm.example/hook",
        "https://crm.example/hook#part",
        "https://[::1]/hook",
        "https://[bad/hook",
        "https://crm.example:99999/hook",
        "https://127.0.0.1/hook",
        "//crm.example/hook",
        "javascript:alert(1)",
    ],
)
def test_bad_addresses_are_refused_by_name(url: str) -> None:
    with pytest.raises(InvalidSelection) as refused:
        Targets().check_url(url)
    assert refused.value.field == "url"
