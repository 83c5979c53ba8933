"""Callbacks: the product against both baselines, on both databases, in two processes, at half load."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from attrs import frozen
from tests.integration.parts import Bank, free_port

from benchmarks import material
from benchmarks.figures import Figure
from benchmarks.machine import Machine, Server, server
from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import Container, open_container


def service(database_url: str, signer: Signer, **more: str) -> dict[str, str]:
    """The environment of a service that is only asked, and has nothing else to do."""
    return {
        "DATABASE_URL": database_url,
        "BILLING_DATABASE_SCHEMA": "public",  # where the baselines have theirs
        "BOG_CALLBACK_PUBLIC_KEY": signer.public_pem,
        "BILLING_LOG_LEVEL": "error",
        "BILLING_WORK_EVERY_SECONDS": "0",
        "BILLING_RECONCILE_EVERY_SECONDS": "0",
        "BILLING_RATE_LIMIT_PER_ADDRESS": "1000000/second",
        "BILLING_RATE_LIMIT_PER_TOKEN": "1000000/second",
        **more,
    }


def credentials(bank: Bank) -> dict[str, str]:
    """What makes a service call a simulated bank; its time stays that of this machine."""
    return {name: value for name, value in bank.environment.items() if name != "BILLING_CLOCK_URL"}


@contextlib.asynccontextmanager
async def product(environment: dict[str, str]) -> AsyncIterator[Server]:
    """The service, in one process."""
    port = free_port()
    async with server({**environment, "BILLING_PORT": str(port)}, "echodesk_billing", "serve", port=port) as running:
        yield running


@contextlib.asynccontextmanager
async def rival(environment: dict[str, str], module: str) -> AsyncIterator[Server]:
    """A baseline, in one process."""
    port = free_port()
    async with server(environment, f"benchmarks.{module}", str(port), port=port) as running:
        yield running


@frozen
class Side:
    """Somewhere callbacks are sent to."""

    container: Container
    servers: Sequence[Server]


async def measure(machine: Machine) -> list[Figure]:
    """Rounds in which each side gets as many callbacks, one side after the other; the first is a warm-up."""
    signer = Signer()
    postgres = await machine.database()
    on_postgres = service(postgres, signer)
    on_sqlite = service(f"sqlite:///{machine.folder}/bench.sqlite3", signer)
    rates: dict[str, list[float]] = {}
    at_half: dict[str, list[float]] = {"product": [], "raw_asyncpg": []}
    async with (
        open_container(load_settings(on_postgres)) as pg,
        open_container(load_settings(on_sqlite)) as lite,
        contextlib.AsyncExitStack() as running,
    ):
        await pg.storage().migrate()
        await lite.storage().migrate()
        first, second = [await running.enter_async_context(product(on_postgres)) for _ in range(2)]
        file = await running.enter_async_context(product(on_sqlite))
        raw_asyncpg = await running.enter_async_context(rival(on_postgres, "raw_asyncpg"))
        django_drf = await running.enter_async_context(rival(on_postgres, "django_drf"))
        sides = {
            "product": Side(pg, [first]),
            "raw_asyncpg": Side(pg, [raw_asyncpg]),
            "django_drf": Side(pg, [django_drf]),
            "two": Side(pg, [first, second]),
            "sqlite": Side(lite, [file]),
        }
        for number in range(machine.rounds + 1):
            line = []
            for name, side in sides.items():
                rate, busy = await _rate(machine, side, signer)
                line.append(f"{name} {rate:.0f}/s (load busy {busy:.0%})")
                if number:
                    rates.setdefault(name, []).append(rate)
            machine.say(f"callbacks, round {number}: {', '.join(line)}")
            if number:
                for name, found in at_half.items():
                    found.append(await _spread(machine, sides[name], signer, rates[name][-1] / 2))
    against = {
        name: [mine / theirs for mine, theirs in zip(rates["product"], rates[name], strict=True)] for name in rates
    }
    return [
        Figure(what="callbacks: product / raw asyncpg", rounds=against["raw_asyncpg"], goal=1),
        Figure(what="callbacks: product / Django + DRF", rounds=against["django_drf"], goal=4),
        Figure(what="callbacks: 2 processes / 1", rounds=[1 / one for one in against["two"]], goal=1.6, cores=4),
        Figure(what="callbacks: SQLite / PostgreSQL", rounds=[1 / one for one in against["sqlite"]], goal=1),
        Figure(what="at half load: p99 / p50", rounds=at_half["product"], goal=4, at_most=True),
        Figure(what="at half load: p99 / p50 of raw asyncpg", rounds=at_half["raw_asyncpg"]),
    ]


async def _rate(machine: Machine, side: Side, signer: Signer) -> tuple[float, float]:
    waiting = await material.orders(side.container.storage(), 300 if machine.quick else 1000)
    sent = await machine.send(material.callbacks(waiting, signer, *(one.url for one in side.servers)))
    return sent.per_second, sent.busy


async def _spread(machine: Machine, side: Side, signer: Signer, per_second: float) -> float:
    waiting = await material.orders(side.container.storage(), 400 if machine.quick else 1500)
    requests = material.callbacks(waiting, signer, side.servers[0].url)
    sent = await machine.send(requests, per_second=per_second)
    return sent.quantile(0.99) / sent.quantile(0.5)
