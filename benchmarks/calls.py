"""What the frontend calls: create a payment, with the bank simulated in another process, and ask for its status."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Sequence
from typing import Any

from tests.builders import catalogue, principal
from tests.integration.parts import running_bank

from benchmarks import material
from benchmarks.callbacks import credentials, product, rival, service
from benchmarks.figures import Figure
from benchmarks.machine import Machine
from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import Container, open_container

GOALS = {
    ("create", "raw_asyncpg"): 0.75,
    ("create", "django_drf"): 3.5,
    ("status", "raw_asyncpg"): 0.6,
    ("status", "django_drf"): 4,
}
POLLED = 5
WANTED = json.dumps({"package_id": 2, "save_card": False})


async def measure(machine: Machine) -> list[Figure]:
    """Rounds of as many payments, and as many questions, at each side."""
    size = 150 if machine.quick else 500
    rates: dict[tuple[str, str], list[float]] = {}
    async with running_bank(machine.folder / "bank.log") as bank, contextlib.AsyncExitStack() as running:
        environment = service(await machine.database(), Signer(), **credentials(bank))
        container = await running.enter_async_context(open_container(load_settings(environment)))
        await container.storage().migrate()
        await container.load_catalogue().load(catalogue())
        urls = {"product": (await running.enter_async_context(product(environment))).url}
        for name in ("raw_asyncpg", "django_drf"):
            urls[name] = (await running.enter_async_context(rival(environment, name))).url
        for number in range(machine.rounds + 1):
            line = []
            for name, url in urls.items():
                waiting = await material.orders(container.storage(), size)
                asked = await questions(container, url, waiting)
                for call, requests in (
                    ("create", await creations(container, url, size)),
                    ("status", asked),
                    ("polled", asked * POLLED),
                ):
                    sent = await machine.send(requests)
                    line.append(f"{name} {call} {sent.per_second:.0f}/s (load busy {sent.busy:.0%})")
                    if number:
                        rates.setdefault((name, call), []).append(sent.per_second)
            machine.say(f"calls, round {number}: {', '.join(line)}")
    names = {"create": "create", "status": "status, asked once", "polled": f"status, asked {POLLED} times more"}
    return [
        Figure(
            what=f"{names[call]}: product / {'raw asyncpg' if other == 'raw_asyncpg' else 'Django + DRF'}",
            rounds=[mine / theirs for mine, theirs in zip(rates["product", call], rates[other, call], strict=True)],
            goal=GOALS.get((call, other)),
        )
        for call in names
        for other in ("raw_asyncpg", "django_drf")
    ]


async def _token(container: Container, tenant_id: str) -> dict[str, str]:
    token = await container.tokens().issue(principal(tenant_id))
    return {"Authorization": f"Token {token}", "Content-Type": "application/json"}


async def creations(container: Container, url: str, number: int) -> list[dict[str, Any]]:
    """A payment of a new tenant each, so that none is taken for a double click."""
    prefix = secrets.token_hex(4)
    return [
        {
            "method": "POST",
            "url": f"{url}/api/payments/create/",
            "body": WANTED,
            "headers": await _token(container, f"c-{prefix}-{one}"),
        }
        for one in range(number)
    ]


async def questions(container: Container, url: str, waiting: Sequence[material.Waiting]) -> list[dict[str, Any]]:
    """What became of each, asked by its own tenant."""
    return [
        {
            "method": "GET",
            "url": f"{url}/api/payments/status/{one.id}/",
            "body": None,
            "headers": await _token(container, one.tenant_id),
        }
        for one in waiting
    ]
