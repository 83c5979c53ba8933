"""A process of ours that is killed at a chosen step between a commit and a call.

`python -m tests.integration.crashing` reads `<tenant> <n>` a line from its standard input, forks, and lets the child
live through everything a tenant does; at its n-th step the child sends itself SIGKILL. With 0 it lives, and the steps
it passed are printed: the list is made by running, not kept by hand.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import aiohttp

from echodesk_billing import load_settings
from echodesk_billing.application.changes import When
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.container import Container, open_container
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.registration import Applicant
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import Capture, SaveCard
from echodesk_billing.ports.access import Scope
from tests.builders import principal

CARD = "4000000000000001"
NOTIFY = "notify"
"""In place of a tenant: mails and webhooks are sent, and nobody lives."""
CALLS = ("create_order", "save_card", "forget_card", "refund", "capture", "release", "receipt")


class Steps:
    """Counts the steps, and kills at the chosen one."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.doing = ""
        self.passed: list[str] = []

    def step(self, what: str) -> None:
        self.passed.append(f"{self.doing}: {what}")
        if len(self.passed) == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def watched_storage(storage: Any, steps: Steps) -> Any:
    """The storage, with a step before and after each commit."""
    transact = storage.transact

    async def counted(work: Any) -> Any:
        steps.step("before a commit")
        result = await transact(work)
        steps.step("after a commit")
        return result

    storage.transact = counted
    return storage


def watched(adapter: Any, steps: Steps, calls: Sequence[str] = CALLS) -> Any:
    """The bank's client, or another adapter, with a step before and after each call."""
    for name in calls:
        call = getattr(adapter, name)

        async def counted(*arguments: Any, call: Any = call, name: str = name, **more: Any) -> Any:
            steps.step(f"before {name}")
            result = await call(*arguments, **more)
            steps.step(f"after {name}")
            return result

        setattr(adapter, name, counted)
    return adapter


class Life:
    """Everything a tenant does, one use case after another, with the bank's answers in between."""

    def __init__(self, container: Container, steps: Steps, bank: str, http: aiohttp.ClientSession) -> None:
        self.container, self.steps, self.bank, self.http = container, steps, bank, http

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, f"{self.bank}/sandbox/{path}", json=body) as response:
            assert response.status < 300, await response.text()
            return await response.json()

    async def pay(self, order: Order) -> None:
        await self.control("POST", "pay", {"order_id": order.bank_order_id, "card": CARD})
        await self.hear(order)

    async def hear(self, order: Order) -> None:
        """The bank's last callback about an order reaches this process."""
        async with asyncio.timeout(10):
            while not (mine := await self.control("GET", f"callbacks?order_id={order.bank_order_id}")):
                await asyncio.sleep(0.01)
        await self.container.callbacks().receive(mine[-1]["body"].encode(), mine[-1]["signature"])

    async def live(self, tenant: str) -> None:
        who, operator = principal(tenant), principal("us", Scope.OPERATOR)
        small, large = Selection(package_id=1, seats=1), Selection(package_id=1, seats=3)
        self.steps.doing = "buy"
        order = await self.container.checkout().buy(who, small)
        self.steps.doing = "pay"
        await self.pay(order)
        self.steps.doing = "renew early"
        charge = await self.container.charging().charge(who)
        self.steps.doing = "hear of the charge"
        await self.hear(charge.order)
        self.steps.doing = "upgrade"
        changed = await self.container.change_plan().change(who, lambda _: large, When.NOW)
        assert changed.order is not None
        self.steps.doing = "pay the upgrade"
        await self.pay(changed.order)
        self.steps.doing = "schedule"
        await self.container.change_plan().change(who, lambda _: small, When.LATER)
        self.steps.doing = "tend"
        await self.container.renew().tend(tenant)
        self.steps.doing = "refund"
        await self.container.refunds().refund(operator, order.id, Decimal("5.00"))
        self.steps.doing = "hold"
        held = await self.container.checkout().buy(
            principal(f"{tenant}-held"), small, terms=Terms(capture=Capture.MANUAL, save_card=SaveCard.NO)
        )
        self.steps.doing = "pay what is held"
        await self.pay(held)
        self.steps.doing = "capture"
        await self.container.preauthorisation().capture(operator, held.id)
        self.steps.doing = "register"
        applicant = Applicant(schema_name=f"{tenant}-new", name="New", admin_email="nino@acme.example")
        registered = await self.container.register().register(applicant, small, payload=b"opaque")
        self.steps.doing = "pay the registration"
        await self.pay(registered)
        self.steps.doing = "add a card"
        await self.pay(await self.container.cards().add(who))
        self.steps.doing = "forget the card"
        await self.container.cards().forget(who)
        self.steps.doing = "cancel"
        await self.container.cancel().cancel(who, immediately=True)
        self.steps.doing = "deliver"
        await self.container.relay().run()

    async def notify(self) -> None:
        """Everything that tells others of events."""
        self.steps.doing = "announce"
        await self.container.announce().run()
        self.steps.doing = "mail"
        await self.container.send_mails().run()
        self.steps.doing = "webhooks"
        webhooks = self.container.send_webhooks()
        for endpoint_id in await webhooks.busy():
            for lane in await webhooks.claim(endpoint_id):
                await webhooks.run_lane(endpoint_id, lane)


async def child(tenant: str, fatal: int) -> None:
    settings = load_settings()
    steps = Steps(fatal)
    bank = settings.clock_url.removesuffix("/sandbox/clock")
    async with open_container(settings, migrate=False) as container, aiohttp.ClientSession() as http:
        watched_storage(container.storage(), steps)
        watched(container.gateway(), steps)
        watched(container.mailer(), steps, ["send"])
        watched(container.webhook_sender(), steps, ["send"])
        life = Life(container, steps, bank, http)
        await (life.notify() if tenant == NOTIFY else life.live(tenant))
    print(json.dumps(steps.passed), flush=True)


def main() -> None:
    for line in sys.stdin:
        tenant, fatal = line.split()
        process = os.fork()
        if process == 0:
            asyncio.run(child(tenant, int(fatal)))
            os._exit(0)
        _, status = os.waitpid(process, 0)
        print(
            f"killed {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"ended {os.WEXITSTATUS(status)}", flush=True
        )


if __name__ == "__main__":
    main()
