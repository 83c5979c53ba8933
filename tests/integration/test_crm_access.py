"""The tokens of a CRM with a schema per tenant: by host, schema and token, and no other way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from echodesk_billing import InvalidSettings, Principal, Scope, load_settings
from echodesk_billing.adapters.crm_access import CrmAccess
from echodesk_billing.ports.storage import StorageUnavailable

TABLES = """
CREATE TABLE public.tenants_tenant (schema_name text, domain_url text, name text, is_active boolean,
  preferred_language text);
INSERT INTO public.tenants_tenant VALUES
  ('acme_ltd', 'acme.echodesk.ge', 'Acme LLC', true, 'ru'),
  ('globex', 'globex.echodesk.ge', 'Globex', true, 'ka'), ('gone', 'gone.echodesk.ge', 'Gone', false, 'ka'),
  ('public', 'www.echodesk.ge', 'EchoDesk', true, 'en');
"""
SCHEMA = """
CREATE SCHEMA {0};
CREATE TABLE {0}.users_user
  (id int, first_name text, last_name text, email text, is_staff boolean, is_active boolean);
CREATE TABLE {0}.authtoken_token (key text, user_id int);
INSERT INTO {0}.users_user VALUES
  (1, 'Nino', 'Beridze', 'nino@{0}.example', true, true),
  (2, 'Gio', '', '', false, true), (3, 'X', '', '', true, false);
INSERT INTO {0}.authtoken_token VALUES ('{0}-admin', 1), ('{0}-member', 2), ('{0}-left', 3), ('shared', 2);
"""


class NoTokens:
    """None of our own."""

    async def authenticate(self, token: str, host: str = "") -> Principal | None:  # noqa: ARG002
        return None


@pytest.fixture(scope="module")
async def url(new_database: Callable[[], Awaitable[str]]) -> str:
    made = await new_database()
    connection = await asyncpg.connect(made)
    await connection.execute(TABLES)
    for schema in ("acme_ltd", "globex"):
        await connection.execute(SCHEMA.format(schema))
    await connection.close()
    return made


@pytest.fixture
async def access(url: str) -> AsyncIterator[CrmAccess]:
    crm = load_settings({"BILLING_CRM_DATABASE_URL": url}).crm_tokens()
    assert crm is not None
    made = CrmAccess(crm, NoTokens())
    yield made
    await made.close()


async def test_an_administrator_is_known_at_the_host_of_their_tenant(access: CrmAccess) -> None:
    assert await access.authenticate("acme_ltd-admin", "acme.api.echodesk.ge") == Principal(
        tenant_id="acme_ltd",
        tenant_name="Acme LLC",
        user_id="1",
        scopes=frozenset({Scope.READ, Scope.WRITE}),
        full_name="Nino Beridze",
        email="nino@acme_ltd.example",
        subdomain="acme",
        language="ru",
    )


async def test_a_member_may_only_read_and_the_tenant_follows_from_the_host(access: CrmAccess) -> None:
    found = [await access.authenticate("shared", f"{name}.api.echodesk.ge") for name in ("acme", "globex")]
    assert [(one.tenant_id, one.scopes) for one in found if one] == [
        ("acme_ltd", frozenset({Scope.READ})),
        ("globex", frozenset({Scope.READ})),
    ]


@pytest.mark.parametrize(
    ("token", "host"),
    [
        ("acme_ltd-admin", "globex.api.echodesk.ge"),
        ("acme_ltd-left", "acme.api.echodesk.ge"),
        ("acme_ltd-admin", "gone.api.echodesk.ge"),
        ("acme_ltd-admin", "www.echodesk.ge"),
        ("acme_ltd-admin", "nowhere.example"),
        ("acme_ltd-admin", ""),
        ("' OR true --", "acme.api.echodesk.ge"),
        ("acme_ltd-admin", "' OR true --"),
        ("a\0", "acme.api.echodesk.ge"),
        ("a" * 10_000, "acme.api.echodesk.ge"),
        ("", "acme.api.echodesk.ge"),
    ],
)
async def test_others_are_unknown(access: CrmAccess, token: str, host: str) -> None:
    assert await access.authenticate(token, host) is None


async def test_a_revoked_token_stops_at_once(access: CrmAccess, url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("INSERT INTO globex.authtoken_token VALUES ('short', 1)")
    assert await access.authenticate("short", "globex.api.echodesk.ge") is not None
    await connection.execute("DELETE FROM globex.authtoken_token WHERE key = 'short'")
    await connection.close()
    assert await access.authenticate("short", "globex.api.echodesk.ge") is None


async def test_it_can_only_read(access: CrmAccess) -> None:
    async with access._engine.connect() as connection:
        with pytest.raises(Exception, match="read-only transaction"):
            await connection.exec_driver_sql("DELETE FROM public.tenants_tenant")


async def test_a_database_that_does_not_answer_is_no_wrong_token() -> None:
    crm = load_settings({"BILLING_CRM_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}).crm_tokens()
    assert crm is not None
    access = CrmAccess(crm, NoTokens())
    with pytest.raises(StorageUnavailable, match="did not check the token"):
        await access.authenticate("x", "acme.api.echodesk.ge")
    await access.close()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BILLING_CRM_DATABASE_URL", "sqlite:///x", "must begin with postgresql://"),
        ("BILLING_CRM_TENANT_SQL", "SELECT schema_name FROM t", "lacks :host"),
        ("BILLING_CRM_TOKEN_SQL", "SELECT 1 AS user_id, true AS is_administrator WHERE 'a' = :token", "lacks {schema}"),
    ],
)
def test_a_wrong_query_is_an_invalid_setting(name: str, value: str, message: str) -> None:
    with pytest.raises(InvalidSettings, match=f"{name}.* {message}"):
        load_settings({"BILLING_CRM_DATABASE_URL": "postgresql://x/y", name: value})
