"""Checks the tokens of a CRM that keeps them in PostgreSQL, in a schema per tenant.

The host of the request leads to the tenant, and the tenant's schema has the token. Tokens of our own work too.
"""

from __future__ import annotations

import asyncio

from attrs import frozen
from sqlalchemy import RowMapping, text
from sqlalchemy.exc import SQLAlchemyError

from echodesk_billing.domain.customers.tenant import default_subdomain, tenant_id
from echodesk_billing.domain.errors import BillingError, InvalidTenant
from echodesk_billing.ports.access import Access, Principal, Scope
from echodesk_billing.ports.storage import StorageUnavailable

ANSWER_SECONDS = 3.0
CONNECTIONS = 4
LONGEST_TOKEN = 200
SCHEMA = "{schema}"


@frozen(kw_only=True)
class CrmTokens:
    """Where the CRM keeps its tokens.

    Args:
        database_url: `postgresql://…` of a role that may only read the two queries' tables.
        tenant_sql: of `:host`, one row: `schema_name`, and optionally `name`, `subdomain` and `language`.
        token_sql: of `:token`, with `{schema}` for the tenant's schema, one row: `user_id`, `is_administrator`, and
            optionally `full_name` and `email`.
    """

    database_url: str
    tenant_sql: str
    token_sql: str


class CrmAccess:
    """Access by the CRM's tokens, else by our own."""

    def __init__(self, crm: CrmTokens, ours: Access) -> None:
        from echodesk_billing.adapters.asyncpg_engine import asyncpg_engine  # noqa: PLC0415 - needs the extra [postgres]

        self._crm = crm
        self._ours = ours
        self._engine = asyncpg_engine(
            crm.database_url,
            {
                "timeout": ANSWER_SECONDS,
                "command_timeout": ANSWER_SECONDS,
                "server_settings": {"default_transaction_read_only": "on"},
            },
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=ANSWER_SECONDS,
            pool_pre_ping=True,
        )

    async def authenticate(self, token: str, host: str = "") -> Principal | None:
        """The owner of a token at a host; None where it is unknown there.

        Raises:
            StorageUnavailable: the CRM's database did not answer.
        """
        if (known := await self._ours.authenticate(token, host)) is not None:
            return known
        if not (token and host) or len(token) > LONGEST_TOKEN or "\0" in token + host:
            return None
        try:
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                return await self._look_up(token, host)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise StorageUnavailable(f"The CRM's database did not check the token: {type(error).__name__}") from error

    async def _look_up(self, token: str, host: str) -> Principal | None:
        async with self._engine.connect() as connection:
            tenant = (await connection.execute(text(self._crm.tenant_sql), {"host": host})).mappings().first()
            if tenant is None:
                return None
            try:
                schema = tenant_id(tenant["schema_name"])
            except InvalidTenant:
                return None  # the public schema
            found = text(self._crm.token_sql.replace(SCHEMA, f'"{schema}"'))
            user = (await connection.execute(found, {"token": token})).mappings().first()
        return None if user is None else _principal(schema, tenant, user)

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()


def _principal(schema: str, tenant: RowMapping, user: RowMapping) -> Principal:
    return Principal(
        tenant_id=schema,
        tenant_name=str(tenant.get("name") or schema),
        user_id=str(user["user_id"]),
        scopes=frozenset({Scope.READ, Scope.WRITE} if user["is_administrator"] else {Scope.READ}),
        full_name=str(user.get("full_name") or ""),
        email=str(user.get("email") or ""),
        subdomain=str(tenant.get("subdomain") or default_subdomain(schema)),
        language=str(tenant.get("language") or ""),
    )


class WrongQuery(BillingError):
    """A query of the settings lacks what it needs."""


def require_queries(crm: CrmTokens) -> None:
    """Check that the queries take what they are given.

    Raises:
        WrongQuery: one does not; the message says which and what.
    """
    for name, sql, needed in (
        ("BILLING_CRM_TENANT_SQL", crm.tenant_sql, (":host", "schema_name")),
        ("BILLING_CRM_TOKEN_SQL", crm.token_sql, (":token", SCHEMA, "user_id", "is_administrator")),
    ):
        for part in needed:
            if part not in sql:
                raise WrongQuery(f"{name} lacks {part}")
