"""Where the microseconds of a call go, and those of the raw asyncpg baseline: `python -m benchmarks.profile`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from tests.builders import catalogue
from tests.integration.parts import running_bank

from benchmarks import material
from benchmarks.callbacks import credentials, product, rival, service
from benchmarks.calls import creations, questions
from benchmarks.machine import Machine, machine
from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import Container, open_container

BASELINE = "raw_asyncpg"
CALLS = {"callback": 5000, "create": 2000, "status": 5000}
"""What is profiled, and how often it is sampled in a whole run."""

# The innermost frame that one of these fits says whose time it was.
WHOSE = {
    "the signature": ("bog/signature.py",),
    "SQLAlchemy": ("(sqlalchemy/",),
    "asyncpg and its system calls": ("(asyncpg/",),
    "our SQL adapter": ("/adapters/sql/",),
    "the domain": ("/domain/", "(transitions/", "(attr/"),
    "our adapter of the bank": ("/adapters/bog/",),
    "use cases": ("/application/",),
    "our web layer": ("/entrypoints/http/", "/entrypoints/server/", "(prometheus_client/", "(limits/", "(uuid.py"),
    "the baseline itself": (f"benchmarks/{BASELINE}.py",),
    "aiohttp": ("(aiohttp/",),
    "logging": ("(structlog/",),
    "repeating": ("(stamina/", "(tenacity/"),
}
OTHER = "the event loop and the rest"
AROUND_THE_LOOP = ("run_app (aiohttp/", "main (benchmarks/")
"""Frames of the baseline below everything that it does."""
BEFORE = {
    "the domain": 518,
    "our SQL adapter": 494,
    "SQLAlchemy": 463,
    "asyncpg and its system calls": 311,
    OTHER: 280,
    "aiohttp": 231,
    "our web layer": 169,
    "use cases": 138,
    "our adapter of the bank": 59,
    "the signature": 55,
    "logging": 45,
}
"""Microseconds of a callback at commit 40b92f0, on two cores; `make bench BASELINE=40b92f0` measures it anew."""


async def profile(
    place: Machine, number: int, source: str | None = None, *, call: str = "callback", of_baseline: bool = False
) -> dict[str, float]:
    """Microseconds of CPU that the service needs for a call, by whose they are.

    Args:
        number: how many calls are sampled; a fifth as many go before them.
        source: the folder src of another version.
        call: one of CALLS.
        of_baseline: of the raw asyncpg baseline instead.
    """
    signer, stacks = Signer(), place.folder / "stacks.txt"
    async with running_bank(place.folder / "bank.log") as bank:
        environment = service(await place.database(), signer, **credentials(bank))
        async with open_container(load_settings(environment)) as container:
            await container.storage().migrate()
            await container.load_catalogue().load(catalogue())
            elsewhere = {"PYTHONPATH": source} if source else {}
            serve = rival(environment, BASELINE) if of_baseline else product({**environment, **elsewhere})
            async with serve as running:
                for share in (5, 1):  # the first is a warm-up
                    requests = await _requests(call, container, running.url, signer, number // share)
                    before = running.cpu_seconds
                    await _sampled(running.pid, stacks, place.send(requests))
                    each = (running.cpu_seconds - before) / len(requests) * 1e6
    samples = _samples(stacks)
    return {name: each * count / samples.total() for name, count in samples.most_common()}


async def _requests(
    call: str, container: Container, url: str, signer: Signer, number: int
) -> Sequence[Mapping[str, Any]]:
    if call == "create":
        return await creations(container, url, number)
    waiting = await material.orders(container.storage(), number)
    return material.callbacks(waiting, signer, url) if call == "callback" else await questions(container, url, waiting)


async def _sampled(pid: int, file: Path, work: Coroutine[Any, Any, object]) -> None:
    """Write the stacks of a process to a file while some work is done."""
    spy = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("py-spy")),
        *("record", "--pid", str(pid), "--rate", "250", "--duration", "3600"),
        *("--format", "raw", "--output", str(file)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await work
    spy.send_signal(signal.SIGINT)
    await spy.wait()


def _samples(file: Path) -> Counter[str]:
    samples = Counter[str]()
    for line in file.read_text().splitlines():
        stack, count = line.rsplit(" ", 1)
        samples[_whose(stack.split(";"))] += int(count)
    return samples


def _whose(frames: list[str]) -> str:
    for frame in reversed(frames):
        if frame.startswith(AROUND_THE_LOOP):
            break
        for name, parts in WHOSE.items():
            if any(part in frame for part in parts):
                return name
    return OTHER


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--call", action="append", choices=CALLS, help="what is profiled; all of these where not given")
    chosen = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    with machine(quick=False, say=console.print) as place:
        console.print(table(asyncio.run(profiles(place, chosen.call or CALLS))))


async def profiles(place: Machine, calls: Iterable[str]) -> dict[str, dict[str, float]]:
    """The profile of each of some calls, and of the same in the raw asyncpg baseline."""
    return {
        f"{call}{', baseline' if of_baseline else ''}": await profile(
            place, CALLS[call], call=call, of_baseline=of_baseline
        )
        for call in calls
        for of_baseline in (False, True)
    }


def table(columns: Mapping[str, Mapping[str, float]]) -> Table:
    """One profile or more, side by side: microseconds of CPU of a call, and their share."""
    made = Table("CPU", *columns, header_style="bold")
    totals = [sum(one.values()) for one in columns.values()]
    together = sum((Counter(one) for one in columns.values()), Counter[str]())
    for name, _ in together.most_common():
        parts = [one.get(name, 0) for one in columns.values()]
        made.add_row(name, *(f"{part:.0f} µs {part / total:4.0%}" for part, total in zip(parts, totals, strict=True)))
    made.add_row("all", *(f"{total:.0f} µs" for total in totals))
    return made


if __name__ == "__main__":
    main()
