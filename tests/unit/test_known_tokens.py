"""Tokens that were just checked are kept only while changes of tokens are heard of."""

from __future__ import annotations

import pytest

from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.application.known_tokens import KEPT_SECONDS, MOST_KEPT, KnownTokens
from echodesk_billing.application.tokens import Tokens
from echodesk_billing.ports.storage import StoredToken
from tests.builders import NOW, principal
from tests.unit.conftest import World


class Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def known(seconds: Seconds) -> KnownTokens:
    return KnownTokens(seconds)


def stored(digest: str = "d") -> StoredToken:
    return StoredToken(digest=digest, prefix="p", principal=principal(), created_at=NOW)


def test_nothing_is_kept_before_changes_are_heard_of(known: KnownTokens) -> None:
    known.keep(stored(), known.changes)
    assert known.get("d") is None


def test_a_token_is_kept_for_some_seconds(known: KnownTokens, seconds: Seconds) -> None:
    known.keep_from_now()
    known.keep(stored(), known.changes)
    assert known.get("d") == stored()
    seconds.now += KEPT_SECONDS
    assert known.get("d") is None


def test_a_change_while_a_token_was_read_makes_it_too_old_to_keep(known: KnownTokens) -> None:
    known.keep_from_now()
    before = known.changes
    known.forget()
    known.keep(stored(), before)
    assert known.get("d") is None


@pytest.mark.parametrize("what", ["forget", "keep_nothing"])
def test_every_token_is_dropped_when_one_changed_and_when_nothing_is_heard(known: KnownTokens, what: str) -> None:
    known.keep_from_now()
    known.keep(stored(), known.changes)
    getattr(known, what)()
    assert known.get("d") is None


def test_only_so_many_are_kept(known: KnownTokens) -> None:
    known.keep_from_now()
    for number in range(MOST_KEPT + 1):
        known.keep(stored(str(number)), known.changes)
    assert known.get("0") is None
    assert known.get(str(MOST_KEPT)) is not None


async def test_a_token_that_is_kept_still_expires_and_ends_when_it_is_revoked_here(world: World) -> None:
    known = KnownTokens()
    known.keep_from_now()
    tokens = Tokens(world.storage, world.clock, RandomIds(), known=known)
    revoked, expiring = [await tokens.issue(principal(tenant)) for tenant in ("acme", "globex")]
    assert [await tokens.authenticate(one) is not None for one in (revoked, expiring)] == [True, True]
    await tokens.revoke(revoked[:8])
    assert [await tokens.authenticate(one) is not None for one in (revoked, expiring)] == [False, True]
    world.clock.advance(days=401)
    assert await tokens.authenticate(expiring) is None
