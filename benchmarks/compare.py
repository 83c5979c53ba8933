"""This tree against another commit, both in one run: `make bench BASELINE=main~20`, or with QUICK=1.

Both are asked over HTTP only, each with a database that its own commands have migrated, one after the other in rounds.
A loss of more than a tenth counts when a second series of rounds shows it again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from attrs import frozen
from rich.console import Console
from tests.integration.parts import ROOT, clean_environment, free_port, running_bank

from benchmarks import material
from benchmarks.callbacks import credentials, service
from benchmarks.figures import Figure, table
from benchmarks.machine import Machine, Server, machine, server
from benchmarks.profile import CALLS, profile
from benchmarks.profile import table as profile_table
from bog_sandbox.callbacks import Signer

LEAST = 0.9
WANTED = json.dumps({"package_id": 2, "agent_count": 1, "save_card": False})
CATALOGUE = ROOT / "src/echodesk_billing/data/demo_catalogue.toml"


@frozen
class Side:
    """A commit that is asked."""

    name: str
    environment: Mapping[str, str]
    server: Server

    async def seconds_to_help(self) -> float:
        """Until `echodesk-billing --help` has ended."""
        started = time.perf_counter()
        await run(self.environment, "--help")
        return time.perf_counter() - started

    async def seconds_to_ready(self) -> float:
        """Until another service of it answers."""
        port, started = free_port(), time.perf_counter()
        own = {**self.environment, "BILLING_PORT": str(port)}
        async with server(own, "echodesk_billing", "serve", port=port):
            return time.perf_counter() - started

    async def rows(self, query: str, *values: Any) -> Sequence[Any]:
        """Of its database."""
        connection = await asyncpg.connect(self.environment["DATABASE_URL"])
        try:
            return await connection.fetch(query, *values)  # type: ignore[no-any-return]
        finally:
            await connection.close()

    async def new_tenants(self, number: int) -> list[dict[str, str]]:
        """Headers with a token of each."""
        prefix, headers = secrets.token_hex(4), []
        for place in range(number):
            tenant, token = f"c-{prefix}-{place}", secrets.token_hex(32)
            who = {"tenant_id": tenant, "tenant_name": tenant, "user_id": "u", "scopes": ["billing:write"]}
            await self.rows(
                "INSERT INTO tokens (digest, prefix, tenant_id, principal, created_at) VALUES ($1, $2, $3, $4, $5)",
                hashlib.sha256(token.encode()).hexdigest(), token[:8], tenant, json.dumps(who), datetime.now(UTC),
            )  # fmt: skip
            headers.append({"Authorization": f"Token {token}", "Content-Type": "application/json"})
        return headers

    def calls(self, method: str, path: str, headers: Sequence[Mapping[str, str]], body: str | None = None) -> list[Any]:
        """The same call of each tenant."""
        return [{"method": method, "url": self.server.url + path, "body": body, "headers": one} for one in headers]


async def rates(place: Machine, side: Side, signer: Signer) -> dict[str, float]:
    """Answers a second: payments are started, the bank calls back, the frontend asks what it has."""
    size = 150 if place.quick else 600
    tenants = await side.new_tenants(size)
    created = await place.send(side.calls("POST", "/api/payments/create/", tenants, WANTED))
    query = "SELECT id, bank_order_id, tenant_id, amount_minor FROM orders ORDER BY created_at DESC, id LIMIT $1"
    rows = await side.rows(query, size)
    waiting = [material.Waiting(row["id"], row["bank_order_id"], row["tenant_id"]) for row in rows]
    amount = f"{rows[0]['amount_minor'] / 100:.2f}"
    called = await place.send(material.callbacks(waiting, signer, side.server.url, amount=amount))
    asked = await place.send(side.calls("GET", "/api/subscription/me/", tenants) * 4)
    return {
        "create": created.per_second,
        "callback": called.per_second,
        "subscription": asked.per_second,
        "--help, cold": 1 / await side.seconds_to_help(),
        "serve to ready, cold": 1 / await side.seconds_to_ready(),
    }


async def series(place: Machine, sides: Sequence[Side], signer: Signer) -> list[Figure]:
    """Rounds at each side in turn, the first a warm-up; gives new / old of each kind of call."""
    found: dict[str, list[float]] = {}
    for number in range(place.rounds + 1):
        old, new = [await rates(place, side, signer) for side in sides]
        place.say(f"round {number}: {', '.join(f'{call} {new[call] / old[call]:.2f}' for call in new)}")
        for call in new if number else ():
            found.setdefault(call, []).append(new[call] / old[call])
    return [Figure(what=f"{call}: now / {sides[0].name}", rounds=rounds, goal=LEAST) for call, rounds in found.items()]


async def run(environment: Mapping[str, str], *command: str) -> None:
    """Run `echodesk-billing` of the tree that the environment names."""
    arguments = [sys.executable, "-m", "echodesk_billing", *command]
    process = await asyncio.create_subprocess_exec(
        *arguments, env=clean_environment(environment), stdout=subprocess.DEVNULL
    )
    if await process.wait():
        raise AssertionError(f"echodesk-billing {' '.join(command)} failed")


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A commit in a folder of its own while the block runs."""
    with tempfile.TemporaryDirectory(prefix="baseline-") as folder:
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", folder, commit], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run([*git, "remove", "--force", folder], check=True)


@contextlib.asynccontextmanager
async def side(place: Machine, name: str, tree: Path, environment: Mapping[str, str]) -> AsyncIterator[Side]:
    """The service of a tree, with a database that its own commands have made."""
    port, database = free_port(), await place.database()
    own = {**environment, "DATABASE_URL": database, "BILLING_PORT": str(port), "PYTHONPATH": str(tree / "src")}
    for command in (["migrate"], ["catalogue", "load", str(CATALOGUE)]):
        await run(own, *command)
    async with server(own, "echodesk_billing", "serve", port=port) as running:
        yield Side(name, own, running)


async def compare(place: Machine, commit: str, tree: Path) -> tuple[list[Figure], bool]:
    """What is slower now counts when it is slower again. Gives the last figures, and whether nothing is."""
    signer = Signer()
    async with running_bank(place.folder / "bank.log") as bank, contextlib.AsyncExitStack() as running:
        environment = service("", signer, **credentials(bank))
        sides = [
            await running.enter_async_context(side(place, name, where, environment))
            for name, where in ((commit, tree), ("this tree", ROOT))
        ]
        figures: list[Figure] = []
        for _ in range(2):
            figures = await series(place, sides, signer)
            if all(figure.median >= LEAST for figure in figures):
                return figures, True
            place.say("slower by more than a tenth: measuring again")
    return figures, False


def main() -> int:
    """Measure and print; 1 where something is slower than before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", help="to compare with")
    parser.add_argument("--quick", action="store_true", help="fewer rounds of less")
    chosen = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    with machine(quick=chosen.quick, say=console.print) as place, checked_out(chosen.commit) as tree:
        figures, is_as_fast = asyncio.run(compare(place, chosen.commit, tree))
        number = CALLS["callback"] // (5 if chosen.quick else 1)
        profiles = {
            name: asyncio.run(profile(place, number, source))
            for name, source in ((chosen.commit, str(tree / "src")), ("this tree", None))
        }
    console.print(table(figures))
    console.print(profile_table(profiles))
    return 0 if is_as_fast else 1


if __name__ == "__main__":
    sys.exit(main())
