"""PostgreSQL tells of changed tokens; where it cannot, every request reads its token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.jobs.loop import end, keep
from echodesk_billing.adapters.sql import token_changes
from echodesk_billing.adapters.sql.postgres import PostgresStorage
from echodesk_billing.adapters.sql.token_changes import hear_of_tokens
from echodesk_billing.application.known_tokens import KnownTokens
from echodesk_billing.application.tokens import Tokens
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.storage import StoredToken
from tests.builders import NOW, principal
from tests.fake_bank import FakeClock
from tests.integration.plans import sent


class Service:
    """What a service process has of tokens, and what another process has."""

    def __init__(self, url: str) -> None:
        ids = RandomIds()
        self.url = url
        self.storage, self.other_storage = PostgresStorage(url, ids), PostgresStorage(url, ids)
        self.known = KnownTokens()
        self.tokens = Tokens(self.storage, FakeClock(), ids, known=self.known)
        self.others = Tokens(self.other_storage, FakeClock(), ids)

    async def asks(self, token: str) -> tuple[Principal | None, int]:
        """Who has a token, and how many statements it took to find out."""
        async with sent(self.storage) as statements:
            found = await self.tokens.authenticate(token)
        return found, len(statements)

    async def heard_since(self, changes: int) -> None:
        async with asyncio.timeout(10):
            while self.known.changes == changes:
                await asyncio.sleep(0.005)


@pytest.fixture
async def service(new_migrated_database: Callable[[], Awaitable[str]]) -> AsyncIterator[Service]:
    service = Service(await new_migrated_database())
    changes = service.known.changes
    hearing = asyncio.create_task(keep("tokens", lambda: hear_of_tokens(service.url, service.known)))
    await service.heard_since(changes)
    yield service
    await end([hearing])
    await service.storage.close()
    await service.other_storage.close()


async def test_a_token_is_read_once_and_ends_when_another_process_revokes_it(service: Service) -> None:
    token = await service.others.issue(principal())
    assert await service.asks(token) == (principal(), 1)
    assert await service.asks(token) == (principal(), 0)
    changes = service.known.changes
    await service.others.revoke(token[:8])
    await service.heard_since(changes)
    assert await service.asks(token) == (None, 1)


async def test_a_token_that_is_deleted_by_hand_ends_too(service: Service) -> None:
    token = await service.others.issue(principal())
    await service.asks(token)
    changes = service.known.changes
    connection = await asyncpg.connect(service.url)
    await connection.execute("DELETE FROM tokens")
    await connection.close()
    await service.heard_since(changes)
    assert await service.asks(token) == (None, 1)


async def test_while_nothing_is_heard_every_request_reads_its_token(service: Service) -> None:
    token = await service.others.issue(principal())
    await service.asks(token)
    changes = service.known.changes
    connection = await asyncpg.connect(service.url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND query LIKE 'NOTIFY%'"
    )
    await connection.close()
    await service.heard_since(changes)
    assert (await service.asks(token))[1] == 1
    assert (await service.asks(token))[1] == 1


async def test_a_pooler_that_swallows_notifications_is_found_out(
    new_migrated_database: Callable[[], Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deaf(*_: object) -> None:
        """As behind a pooler that gives every statement another connection."""

    monkeypatch.setattr(asyncpg.Connection, "add_listener", deaf)
    monkeypatch.setattr(token_changes, "ANSWER_SECONDS", 0.2)
    known = KnownTokens()
    with pytest.raises(TimeoutError):
        await hear_of_tokens(await new_migrated_database(), known)
    known.keep(StoredToken(digest="d", prefix="p", principal=principal(), created_at=NOW), known.changes)
    assert known.get("d") is None
