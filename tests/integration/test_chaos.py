"""A quarter of a minute of everything failing at once; `make chaos MINUTES=10` goes on for longer."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.chaos.run import chaos


async def test_a_quarter_of_a_minute_of_chaos_loses_and_doubles_nothing(
    tmp_path: Path, new_database: Callable[[], Awaitable[str]]
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    done, violations = await chaos(await new_database(), 15, seed, tmp_path)
    assert violations == [], f"seed {seed}"
    assert done["killed"] > 0
    assert done["paid"] > 0
