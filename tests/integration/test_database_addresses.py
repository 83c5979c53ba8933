"""The addresses of databases take the parameters that psql and managed databases have in theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from echodesk_billing import StorageUnavailable
from echodesk_billing.adapters.crm_access import CrmAccess, CrmTokens
from echodesk_billing.adapters.echodesk_tables import EchodeskTables
from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.sql.storage import open_storage
from echodesk_billing.ports.old_tables import OldTablesUnreadable
from tests.integration.proxies import door_to
from tests.integration.test_crm_access import NoTokens

NEVER = "sslmode=disable&application_name=billing"


@pytest.fixture
async def url(new_database: Callable[[], Awaitable[str]]) -> str:
    return await new_database()


def with_parameters(url: str, parameters: str) -> str:
    return url + ("&" if "?" in url else "?") + parameters


async def test_of_the_product(url: str) -> None:
    storage = open_storage(with_parameters(url, NEVER), RandomIds())
    await storage.migrate()
    assert await storage.problem() is None

    def name(uow: Any) -> str:
        return str(uow.orders._session.execute(text("SHOW application_name")).scalar())

    assert await storage.read(name) == "billing"
    await storage.close()


async def test_of_the_crm(url: str) -> None:
    crm = CrmTokens(
        database_url=with_parameters(url, NEVER),
        tenant_sql="SELECT current_setting('application_name') AS schema_name WHERE :host <> ''",
        token_sql="SELECT 1 AS user_id, true AS is_administrator WHERE :token = 'known'",
    )
    access = CrmAccess(crm, NoTokens())
    found = await access.authenticate("known", "acme.example")
    assert found is not None
    assert found.tenant_id == "billing"
    await access.close()


async def test_of_the_old_tables(url: str) -> None:
    with pytest.raises(OldTablesUnreadable, match="django_migrations"):
        await EchodeskTables(with_parameters(url, NEVER)).read()


async def test_a_wish_for_encryption_is_not_ignored(url: str) -> None:
    async with door_to(url) as door:  # over TCP, to a server without encryption
        storage = open_storage(with_parameters(door.address, "sslmode=require"), RandomIds())
        with pytest.raises(StorageUnavailable, match="SSL"):
            await storage.read(lambda _: None)
        await storage.close()
