"""What importing costs, and what a service keeps in memory."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time

from benchmarks import material
from benchmarks.callbacks import product, rival, service
from benchmarks.figures import Figure
from benchmarks.machine import Machine
from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import open_container

IMPORTS = {
    "bare": "pass",
    "domain": "import echodesk_billing.domain",
    "whole": "import echodesk_billing.entrypoints.server.serving",
    "libraries": "import aiohttp, sqlalchemy.ext.asyncio",
}


async def measure(machine: Machine) -> list[Figure]:
    """Imports in fresh interpreters, then one service over thousands of callbacks."""
    return [*_imports(machine), *await _cold_starts(machine), *await _memory(machine)]


def _imports(machine: Machine) -> list[Figure]:
    seconds: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for number in range(machine.rounds * 3 + 1):
        for name, line in IMPORTS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", line], check=True)
            if number:
                seconds[name].append(time.perf_counter() - started)
    bare = seconds["bare"]
    domain = [1000 * (a - b) for a, b in zip(seconds["domain"], bare, strict=True)]
    whole = [(a - b) / (c - b) for a, b, c in zip(seconds["whole"], bare, seconds["libraries"], strict=True)]
    machine.say("imports: done")
    return [
        Figure(what="importing the domain, over bare Python", rounds=domain, goal=80, at_most=True, unit=" ms"),
        Figure(what="importing the service / aiohttp + SQLAlchemy", rounds=whole),
    ]


async def _cold_starts(machine: Machine) -> list[Figure]:
    """Until `--help` is printed, and until a service on SQLite answers, over bare Python."""
    helped, served = [], []
    environment = service(f"sqlite:///{machine.folder}/cold.sqlite3", Signer())
    for number in range(machine.rounds + 1):
        bare, help_ = await seconds_of("-c", "pass"), await seconds_of("-m", "echodesk_billing", "--help")
        started = time.perf_counter()
        async with product(environment):
            ready = time.perf_counter() - started
        if number:  # the first makes the tables
            helped.append(1000 * (help_ - bare))
            served.append(1000 * (ready - bare))
    return [
        Figure(what="`echodesk-billing --help`, over bare Python", rounds=helped, unit=" ms"),
        Figure(what="`echodesk-billing serve` to ready, over bare Python", rounds=served, unit=" ms"),
    ]


async def seconds_of(*arguments: str) -> float:
    """How long a Python program runs."""
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=subprocess.DEVNULL)
    if await process.wait():
        raise AssertionError(f"{arguments} failed")
    return time.perf_counter() - started


async def _memory(machine: Machine) -> list[Figure]:
    """Every order is new, so that whatever a callback leaves behind adds up."""
    signer = Signer()
    few, many = (1_000, 3_000) if machine.quick else (10_000, 100_000)
    environment = service(await machine.database(), signer)
    found: list[float] = []
    async with open_container(load_settings(environment)) as container, contextlib.AsyncExitStack() as running:
        await container.storage().migrate()
        ours = await running.enter_async_context(product(environment))
        bare = await running.enter_async_context(rival(environment, "bare"))
        for number in (few, many - few):
            waiting = await material.many_orders(environment["DATABASE_URL"], number)
            for start in range(0, number, 1_000):
                part = waiting[start : start + 1_000]
                await machine.send(material.callbacks(part, signer, ours.url))
                if not found:
                    await machine.send(material.callbacks(part, signer, bare.url))
            found.append(ours.memory_mb)
            machine.say(f"memory: {found[-1]:.0f} MB after {few if len(found) == 1 else many:,} callbacks")
        ratio = found[0] / bare.memory_mb
    return [
        Figure(
            what=f"memory after {many:,} callbacks / {few:,}", rounds=[found[1] / found[0]], goal=1.05, at_most=True
        ),
        Figure(what="memory of the service / a bare process", rounds=[ratio], goal=1.5, at_most=True),
    ]
