"""Reads the CRM's own billing tables in PostgreSQL: one read-only transaction, one moment."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from echodesk_billing.domain.importing.records import (
    OldAttempt,
    OldCard,
    OldEvent,
    OldFeature,
    OldInvoice,
    OldOrder,
    OldRegistration,
    OldSubscription,
    OldTables,
    OldTenant,
)
from echodesk_billing.ports.old_tables import OldTablesUnreadable

if TYPE_CHECKING:  # it imports the whole ORM
    from sqlalchemy.ext.asyncio import AsyncConnection

OLDEST_MIGRATION = 42
CONNECT_SECONDS = 5
READ_SECONDS = 120
_SELECTED = "tenants_tenant_subscription_selected_features"
_REGISTERED = "tenants_pending_registration_selected_features"

Row = Mapping[str, Any]


class EchodeskTables:
    """The tables of EchoDesk's CRM, in the schema `public`.

    Args:
        url: `postgresql://…` of a role that may read them.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(("postgresql://", "postgres://")):
            raise OldTablesUnreadable("The old tables are in PostgreSQL: give postgresql://user:password@host/database")
        self._url = url

    async def read(self) -> OldTables:
        """Read everything in one repeatable-read transaction that cannot write."""
        try:
            from echodesk_billing.adapters.asyncpg_engine import asyncpg_engine  # noqa: PLC0415 - needs [postgres]
        except ImportError:
            raise OldTablesUnreadable("PostgreSQL needs the extra: pip install echodesk-billing[postgres]") from None
        engine = asyncpg_engine(
            self._url,
            {
                "timeout": CONNECT_SECONDS,
                "command_timeout": READ_SECONDS,
                "server_settings": {"default_transaction_read_only": "on", "search_path": "public"},
            },
            pool_size=1,
            max_overflow=0,
            isolation_level="REPEATABLE READ",
        )
        try:
            async with engine.connect() as connection:
                await _require_level(connection)
                return await _read(connection)
        except KeyError as error:
            raise OldTablesUnreadable(f"The old tables lack the column {error.args[0]}") from error
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            said = str(getattr(error, "orig", None) or error).partition("\n")[0]
            raise OldTablesUnreadable(f"The old tables cannot be read: {said}") from error
        finally:
            await engine.dispose()


async def _require_level(connection: AsyncConnection) -> None:
    """Check the migrations of the CRM."""
    if not await _exists(connection, "django_migrations"):
        raise OldTablesUnreadable("This is not the CRM's database: it has no table public.django_migrations")
    names = [row["name"] for row in await _rows(connection, "django_migrations") if row["app"] == "tenants"]
    levels = [int(name[:4]) for name in names if name[:4].isdecimal()]
    if max(levels, default=0) < OLDEST_MIGRATION:
        found = max(names, default="none")
        raise OldTablesUnreadable(
            f"The CRM's app tenants is at migration {found}: the import reads the tables as they are from "
            f"{OLDEST_MIGRATION:04} on. Migrate the CRM first"
        )


async def _read(connection: AsyncConnection) -> OldTables:
    features = await _groups(connection, _SELECTED, "tenantsubscription_id")
    subscriptions = await _rows(connection, "tenants_tenant_subscription")
    owners = {row["id"]: row["tenant_id"] for row in subscriptions}
    registered = await _groups(connection, _REGISTERED, "pendingregistration_id")
    return OldTables(
        tenants=tuple(_tenant(row) for row in await _rows(connection, "tenants_tenant")),
        features=tuple(_feature(row) for row in await _rows(connection, "tenants_feature")),
        subscriptions=tuple(_subscription(row, features[row["id"]]) for row in subscriptions),
        cards=tuple(_card(row) for row in await _rows(connection, "tenants_saved_card")),
        orders=tuple(_order(row) for row in await _rows(connection, "tenants_payment_order")),
        attempts=tuple(_attempt(row) for row in await _rows(connection, "tenants_payment_attempt")),
        invoices=tuple(_invoice(row) for row in await _rows(connection, "tenants_invoice")),
        registrations=tuple(
            _registration(row, registered[row["id"]]) for row in await _rows(connection, "tenants_pending_registration")
        ),
        events=tuple(_event(row, owners) for row in await _rows(connection, "tenants_subscription_event")),
    )


async def _exists(connection: AsyncConnection, table: str) -> bool:
    found = await connection.execute(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": f"public.{table}"})
    return bool(found.scalar_one())


async def _rows(connection: AsyncConnection, table: str) -> Sequence[Row]:
    """All rows of a table: `SELECT *`, because later versions of the CRM add columns."""
    found = await connection.execute(text(f'SELECT * FROM public."{table}"'))  # noqa: S608 - our own names
    return [dict(row) for row in found.mappings()]


async def _groups(connection: AsyncConnection, table: str, owner: str) -> Mapping[int, tuple[int, ...]]:
    """The features of each owner."""
    found: dict[int, tuple[int, ...]] = defaultdict(tuple)
    if await _exists(connection, table):
        for row in sorted(await _rows(connection, table), key=lambda one: (one[owner], one["feature_id"])):
            found[row[owner]] += (row["feature_id"],)
    return found


def _text(row: Row, *names: str) -> str:
    """The first column that is there and not null."""
    return str(next((row[name] for name in names if row.get(name) is not None), ""))


def _document(value: object) -> Mapping[str, Any]:
    """A JSON object; empty where it is null, or something else. Numbers can be floats: they are kept exact."""
    if isinstance(value, str):
        value = json.loads(value, parse_float=Decimal)
    return value if isinstance(value, dict) else {}


def _numbers(value: object) -> tuple[int, ...]:
    return tuple(int(one) for one in value if str(one).isdecimal()) if isinstance(value, Iterable) else ()


def _tenant(row: Row) -> OldTenant:
    return OldTenant(
        id=row["id"],
        schema_name=row["schema_name"],
        domain_url=_text(row, "domain_url"),
        name=_text(row, "name"),
        admin_email=_text(row, "admin_email"),
        payment_provider=_text(row, "payment_provider") or "bog",
        preferred_language=_text(row, "preferred_language"),
    )


def _feature(row: Row) -> OldFeature:
    return OldFeature(
        id=row["id"],
        key=row["key"],
        name=_text(row, "name") or row["key"],
        description=_text(row, "description"),
        category=_text(row, "category"),
        price_per_seat=Decimal(row["price_per_user_gel"] or 0),
        icon=_text(row, "icon"),
        sort_order=row.get("sort_order") or 0,
        is_active=row.get("is_active", True),
    )


def _subscription(row: Row, features: tuple[int, ...]) -> OldSubscription:
    return OldSubscription(
        id=row["id"],
        tenant_id=row["tenant_id"],
        features=features,
        agent_count=row["agent_count"] or 0,
        is_active=row["is_active"],
        starts_at=row["starts_at"],
        expires_at=row["expires_at"],
        next_billing_date=row["next_billing_date"],
        last_billed_at=row["last_billed_at"],
        is_trial=bool(row.get("is_trial")),
        parent_order_id=_text(row, "parent_order_id").strip(),
    )


def _card(row: Row) -> OldCard:
    return OldCard(
        id=row["id"],
        tenant_id=row["tenant_id"],
        parent_order_id=row["parent_order_id"].strip(),
        card_save_type=_text(row, "card_save_type"),
        brand=_text(row, "card_type"),
        masked_number=_text(row, "masked_card_number"),
        expiry=_text(row, "card_expiry"),
        saved_at=row["saved_at"],
        is_active=row["is_active"],
        is_default=row["is_default"],
    )


def _order(row: Row) -> OldOrder:
    return OldOrder(
        id=row["id"],
        order_id=row["order_id"],
        bank_order_id=_text(row, "bog_order_id").strip(),
        tenant_id=row["tenant_id"],
        amount=row["amount"],
        currency=_text(row, "currency") or "GEL",
        status=_text(row, "status"),
        payment_url=_text(row, "payment_url"),
        metadata=_document(row.get("metadata")),
        created_at=row["created_at"],
        paid_at=row["paid_at"],
    )


def _attempt(row: Row) -> OldAttempt:
    body = row.get("bog_response")
    return OldAttempt(
        id=row["id"],
        payment_order_id=row["payment_order_id"],
        tenant_id=row["tenant_id"],
        status=_text(row, "status"),
        bank_order_id=_text(row, "bog_order_id").strip(),
        amount=row["amount"],
        attempted_at=row["attempted_at"],
        body=(body if isinstance(body, str) else json.dumps(body)).encode() if body else b"",
    )


def _invoice(row: Row) -> OldInvoice:
    issued_at: datetime = row["invoice_date"]
    return OldInvoice(
        id=row["id"],
        number=row["invoice_number"],
        payment_order_id=row["payment_order_id"],
        amount=row["amount"],
        currency=_text(row, "currency") or "GEL",
        description=_text(row, "description"),
        seats=row.get("agent_count") or 0,
        issued_at=issued_at,
        pdf_url=_text(row, "pdf_url"),
    )


def _registration(row: Row, features: tuple[int, ...]) -> OldRegistration:
    kept = {name: value for name, value in row.items() if name not in ("id", "is_processed", "order_id")}
    payload = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in kept.items()}
    return OldRegistration(
        schema_name=row["schema_name"],
        order_id=_text(row, "order_id"),
        name=_text(row, "name", "company_name"),
        admin_email=_text(row, "admin_email"),
        admin_first_name=_text(row, "admin_first_name", "first_name"),
        admin_last_name=_text(row, "admin_last_name", "last_name"),
        preferred_language=_text(row, "preferred_language"),
        features=features or _numbers(_document(row.get("metadata")).get("feature_ids")),
        agent_count=row.get("agent_count") or 0,
        is_processed=row["is_processed"],
        created_at=row.get("created_at") or row["expires_at"],
        expires_at=row["expires_at"],
        payload={**payload, "feature_ids": list(features)},
    )


def _event(row: Row, owners: Mapping[int, int]) -> OldEvent:
    tenant_id = row["tenant_id"] if "tenant_id" in row else owners.get(row["subscription_id"], 0)
    return OldEvent(tenant_id=tenant_id, event_type=row["event_type"], created_at=row["created_at"])
