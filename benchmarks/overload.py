"""Four times what a process can do, for some seconds: what it still gets done, and how it is afterwards."""

from __future__ import annotations

import statistics

from benchmarks import material
from benchmarks.callbacks import product, service
from benchmarks.figures import Figure
from benchmarks.machine import Machine
from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import open_container

TIMES = 4
CONNECTIONS = 600  # more than the service takes on at a time
TURNED_AWAY = 503


async def measure(machine: Machine) -> list[Figure]:
    """In rounds: what it can do, then four times that, then what it can do again."""
    signer = Signer()
    environment = service(await machine.database(), signer)
    size = 250 if machine.quick else 1500
    goodput, afterwards = [], []
    async with open_container(load_settings(environment)) as container:
        await container.storage().migrate()
        async with product(environment) as running:

            async def rate(number: int, per_second: float = 0) -> float:
                requests = material.callbacks(await material.orders(container.storage(), number), signer, running.url)
                if not per_second:
                    return (await machine.send(requests)).per_second
                sent = await machine.send(requests, per_second=per_second, connections=CONNECTIONS, refused=TURNED_AWAY)
                machine.say(
                    f"overload: {per_second:.0f}/s offered, {sent.number} of {number} done, {sent.per_second:.0f}/s, "
                    f"slowest answer {sent.latencies[-1]:.1f} s, load busy {sent.busy:.0%}, {running.memory_mb:.0f} MB"
                )
                return sent.per_second

            await rate(size)
            for _ in range(machine.rounds):
                able = statistics.mean([await rate(size), await rate(size)])
                goodput.append(await rate(size * TIMES, TIMES * able) / able)
                afterwards.append(await rate(size) / able)
    return [
        Figure(what=f"throughput at {TIMES} times the maximum load / the maximum", rounds=goodput, goal=0.9),
        Figure(what="throughput right after the overload / before it", rounds=afterwards, goal=0.8),
    ]
