"""A session of the console ends with its token, works nowhere else and makes no further session."""

from __future__ import annotations

from datetime import timedelta

from echodesk_billing.ports.access import Scope
from tests.builders import principal
from tests.unit.conftest import World

OPERATOR = principal("us", Scope.OPERATOR)
DAY = timedelta(days=1)


async def test_a_session_is_not_valid_for_the_api(world: World) -> None:
    token = await world.tokens.issue(OPERATOR)
    session = await world.tokens.open_session(OPERATOR, token, DAY)
    assert await world.tokens.session(session) == OPERATOR
    assert await world.tokens.authenticate(session) is None
    assert await world.tokens.session(token) is None


async def test_a_session_ends_when_its_token_is_revoked_or_expires(world: World) -> None:
    revoked, short = await world.tokens.issue(OPERATOR), await world.tokens.issue(OPERATOR, lifetime=DAY / 2)
    sessions = [await world.tokens.open_session(OPERATOR, token, DAY) for token in (revoked, short)]
    await world.tokens.revoke(revoked[:8])
    world.clock.advance(hours=12)
    assert [await world.tokens.session(one) for one in sessions] == [None, None]


async def test_a_session_ends_by_itself_and_when_its_operator_leaves(world: World) -> None:
    token = await world.tokens.issue(OPERATOR)
    one, other = [await world.tokens.open_session(OPERATOR, token, DAY) for _ in range(2)]
    await world.tokens.end(other)
    assert (await world.tokens.session(one), await world.tokens.session(other)) == (OPERATOR, None)
    world.clock.advance(days=1)
    assert await world.tokens.session(one) is None


async def test_tokens_expire_unless_issued_without_expiry(world: World) -> None:
    token, lasting = await world.tokens.issue(OPERATOR), await world.tokens.issue(OPERATOR, lifetime=None)
    world.clock.advance(days=401)
    assert (await world.tokens.authenticate(token), await world.tokens.authenticate(lasting)) == (None, OPERATOR)


async def test_a_session_opened_with_a_crm_token_lasts_its_time(world: World) -> None:
    session = await world.tokens.open_session(OPERATOR, "checked by the CRM itself", DAY)
    assert await world.tokens.session(session) == OPERATOR


def test_write_scope_includes_read() -> None:
    assert principal("acme", Scope.WRITE).allows(Scope.READ)
    assert not principal("acme", Scope.READ).allows(Scope.WRITE)
    assert not principal("acme", Scope.WRITE).allows(Scope.OPERATOR)
    assert OPERATOR.allows(Scope.WRITE)
