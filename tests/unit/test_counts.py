"""Counts for rate limits: windows begin with the first count, and what has ended is dropped."""

from __future__ import annotations

import time

import limits
import limits.aio
import pytest

from echodesk_billing.entrypoints.http.counts import Counts

SHORT, LONG = limits.parse("2/second"), limits.parse("3/minute")


class Clock:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        patch.setattr(time, "time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def test_a_window_begins_with_the_first_count_and_ends_after_its_time(clock: Clock) -> None:
    limiter = limits.aio.strategies.FixedWindowRateLimiter(Counts())
    assert [await limiter.hit(SHORT, "a") for _ in range(3)] == [True, True, False]
    assert await limiter.test(SHORT, "b")
    assert (await limiter.get_window_stats(SHORT, "a")).reset_time == 1001.0
    clock.now += 0.99
    assert not await limiter.test(SHORT, "a")
    clock.now += 0.01
    assert await limiter.test(SHORT, "a")
    assert await limiter.hit(SHORT, "a")


async def test_what_has_ended_is_dropped_and_what_has_not_is_kept(clock: Clock) -> None:
    counts = Counts()
    for number in range(100):
        await counts.incr(f"short {number}", 1)
        await counts.incr(f"long {number}", 60)
    clock.now += 30
    assert await counts.incr("short", 1) == 1
    assert len(counts._windows) == 101
    assert await counts.get("long 5") == 1
    clock.now += 31
    await counts.incr("long", 60)
    assert set(counts._windows) == {"short", "long"}
    assert await counts.reset() == 2
    assert await counts.check()


async def test_a_key_that_is_cleared_begins_anew(clock: Clock) -> None:
    counts = Counts()
    await counts.incr("a", 60, 5)
    await counts.clear("a")
    await counts.clear("unknown")
    assert (await counts.get("a"), await counts.incr("a", 60)) == (0, 1)
    assert await counts.get_expiry("unknown") == clock.now
