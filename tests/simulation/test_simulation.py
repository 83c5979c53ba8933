"""The whole system under random faults: a small number of seeds on every run, many with `make soak`."""

from __future__ import annotations

from collections import Counter

import pytest
import structlog

from tests.simulation.harsh import make_harsh
from tests.simulation.run import Simulation, simulate
from tests.simulation.soak import quiet

SEEDS = 200
PART = 20


@pytest.fixture(autouse=True)
def silence() -> None:
    structlog.reset_defaults()
    quiet()
    yield  # type: ignore[misc]
    structlog.reset_defaults()


@pytest.mark.parametrize("is_optimistic", [False, True], ids=["one by one", "overtaking"])
@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_nothing_is_lost_doubled_or_left_unknown(first: int, is_optimistic: bool) -> None:
    for seed in range(first, first + PART):
        result = simulate(seed, is_optimistic=is_optimistic)
        assert not result.violations, f"seed {seed}: {result.violations}"


@pytest.mark.parametrize(("slow", "seeds"), [(False, (199, 690, 730)), (True, (195, 197, 730))])
def test_a_harsher_bank_hides_no_money(monkeypatch: pytest.MonkeyPatch, slow: bool, seeds: tuple[int, ...]) -> None:
    """A first attempt that a process was held up with, and that ends after another was refused, is asked about."""
    make_harsh(monkeypatch, slow=slow)
    for seed in (*seeds, *range(20)):
        result = simulate(seed)
        assert not result.violations, f"seed {seed}: {result.violations}"


@pytest.mark.parametrize("is_optimistic", [False, True])
def test_a_seed_replays_the_same_run(is_optimistic: bool) -> None:
    one, other = Simulation(7, is_optimistic), Simulation(7, is_optimistic)
    assert one.run() == other.run()
    assert one.trace == other.trace


def test_the_fixed_seeds_reach_their_situations() -> None:
    """Faults of every kind, deaths between commits and calls, and all that subscriptions do."""
    results = [simulate(seed) for seed in range(60)]
    faults = sum((result.faults for result in results), Counter())
    assert set(faults) == {
        "answer cut short", "callback of another merchant", "database away for some calls", "refused without looking",
        "database gone after the commit", "database gone before the commit", "doubled callback",
        "forged callback", "late callback", "lost callback", "no connection", "rejection taken back",
        "replayed callback", "refund at the office", "dispute",
        "timeout after the effect", "timeout before the effect", "unsigned callback",
    }  # fmt: skip
    results += [simulate(seed, is_optimistic=True) for seed in range(40)]
    places = sum((result.places for result in results), Counter())
    for place in ("buy: after commit", "callback: after commit", "renew: after commit", "buy: before create",
                  "buy: between reading and writing", "callback: between reading and writing",
                  "buy: between two reads"):  # fmt: skip
        assert places[place], place
    events = sum((result.events for result in results), Counter())
    for name in ("SubscriptionRenewed", "SubscriptionPastDue", "SubscriptionSuspended", "SubscriptionChanged",
                 "OrderRefunded", "OrderMismatch", "TenantRegistered", "PaymentActionRequired"):  # fmt: skip
        assert events[name], name
