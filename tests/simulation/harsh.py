"""A harsher bank, for what is rare otherwise: it refuses and breaks off most calls that create or refund.

More processes ask at a time, and on a slow network a request may arrive long after it was sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from echodesk_billing.ports.gateway import GatewayRefused, GatewayTimeout
from tests.simulation import run
from tests.simulation.bank import SimulatedBank
from tests.simulation.run import Simulation
from tests.simulation.steps import Pause


def make_harsh(patch: pytest.MonkeyPatch, *, slow: bool) -> None:
    """Let all simulations run with the harsher bank.

    Args:
        slow: requests are on the way for long.
    """
    call = SimulatedBank._call

    async def harsh(self: SimulatedBank, what: str, effect: Callable[[], object], refuses: float = 0) -> object:
        if what not in ("create", "refund") or not self.faults:
            return await call(self, what, effect, refuses)
        await Pause(f"before {what}")
        fate = self.rng.random()
        if fate < 0.35:
            raise GatewayRefused(400, "not understood")
        if fate < 0.45:
            raise GatewayTimeout("before")
        if slow:
            await Pause("on the way")
        result = effect()
        await Pause(f"after {what}")
        if fate < 0.8:
            raise GatewayTimeout("after")
        return result

    def background(self: Simulation) -> None:
        for process in ("web-1", "worker"):
            self._start("reconcile", _chore("reconcile"), process)
        self._start("renew", _chore("renew"), "worker")

    patch.setattr(SimulatedBank, "_call", harsh)
    patch.setattr(Simulation, "_background", background)


def _chore(name: str) -> Any:
    return lambda process: run._chore(process, name)
