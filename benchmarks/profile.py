"""Where a callback's microseconds go: `python -m benchmarks.profile`, of the service in this or another source tree."""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import material
from benchmarks.callbacks import product, service
from benchmarks.machine import Machine, machine
from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import open_container

CALLBACKS = 5000

# The innermost frame that one of these fits says whose time it was.
WHOSE = {
    "the signature": ("bog/signature.py",),
    "SQLAlchemy": ("(sqlalchemy/",),
    "asyncpg, and the kernel sending for it": ("(asyncpg/",),
    "our SQL adapter": ("/adapters/sql/",),
    "the domain": ("/domain/", "(transitions/", "(attr/"),
    "reading the callback": ("bog/codec.py", "bog/client.py"),
    "use cases": ("/application/",),
    "our web layer": ("/entrypoints/http/", "/entrypoints/server/", "(prometheus_client/", "(limits/", "(uuid.py"),
    "aiohttp": ("(aiohttp/",),
    "logging": ("(structlog/",),
    "trying again": ("(stamina/", "(tenacity/"),
}
OTHER = "the event loop, and whatever else"
BEFORE = {
    "the domain": 518,
    "our SQL adapter": 494,
    "SQLAlchemy": 463,
    "asyncpg, and the kernel sending for it": 311,
    OTHER: 280,
    "aiohttp": 231,
    "our web layer": 169,
    "use cases": 138,
    "reading the callback": 59,
    "the signature": 55,
    "logging": 45,
}
"""Microseconds of commit 40b92f0, on two cores; `make bench BASELINE=40b92f0` measures it anew."""


async def profile(place: Machine, number: int, source: str | None) -> dict[str, float]:
    """Microseconds of CPU of a callback, by whose they are."""
    signer = Signer()
    environment = service(await place.database(), signer)
    async with open_container(load_settings(environment)) as container:
        await container.storage().migrate()
        elsewhere = {"PYTHONPATH": source} if source else {}
        async with product({**environment, **elsewhere}) as running:
            for share in (5, 1):  # the first is a warm-up
                waiting = await material.orders(container.storage(), number // share)
                stacks = place.folder / "stacks.txt"
                command = ["record", "--pid", str(running.pid), "--rate", "250", "--format", "raw", "--output"]
                spy = await asyncio.create_subprocess_exec(
                    str(Path(sys.executable).with_name("py-spy")),
                    *command,
                    str(stacks),
                    "--duration",
                    "3600",
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                before = running.cpu_seconds
                await place.send(material.callbacks(waiting, signer, running.url))
                each = (running.cpu_seconds - before) / len(waiting) * 1e6
                spy.send_signal(signal.SIGINT)
                await spy.wait()

    samples = Counter[str]()
    for line in stacks.read_text().splitlines():
        stack, count = line.rsplit(" ", 1)
        samples[_whose(stack.split(";"))] += int(count)
    return {name: each * count / samples.total() for name, count in samples.most_common()}


def _whose(frames: list[str]) -> str:
    for frame in reversed(frames):
        for name, parts in WHOSE.items():
            if any(part in frame for part in parts):
                return name
    return OTHER


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callbacks", type=int, default=CALLBACKS)
    parser.add_argument("--source", help="the folder src of another version")
    chosen = parser.parse_args()
    console = Console(highlight=False)

    with machine(quick=False, say=console.print) as place:
        console.print(table({"now": asyncio.run(profile(place, chosen.callbacks, chosen.source))}))


def table(profiles: Mapping[str, Mapping[str, float]]) -> Table:
    """One profile or more, side by side: microseconds of CPU of a callback, and their share."""
    made = Table("a callback", *profiles, header_style="bold")
    newest = list(profiles.values())[-1]
    totals = [sum(one.values()) for one in profiles.values()]
    for name in newest:
        parts = [one.get(name, 0) for one in profiles.values()]
        made.add_row(name, *(f"{part:.0f} µs {part / total:6.1%}" for part, total in zip(parts, totals, strict=True)))
    made.add_row("all", *(f"{total:.0f} µs" for total in totals))
    return made


if __name__ == "__main__":
    main()
