"""Orders that wait for their payment, subscriptions that are due, and the bank's signed callbacks, in bulk."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from attrs import frozen
from tests.builders import BANK_ID, a_plan, an_order, report

from bog_sandbox.callbacks import Signer
from echodesk_billing.adapters.sql.cards import cards
from echodesk_billing.adapters.sql.orders import order_values
from echodesk_billing.adapters.sql.orders import orders as orders_table
from echodesk_billing.adapters.sql.subscriptions import subscription_values, subscriptions
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.plans import Plans
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term
from echodesk_billing.ports.storage import Storage, UnitOfWork

WEBHOOK = "/api/payments/webhook/"


@frozen
class Waiting:
    """An order that waits for its payment: its id, the bank's, its tenant."""

    id: str
    bank_order_id: str
    tenant_id: str


def _names(prefix: str, number: int) -> Waiting:
    return Waiting(f"SUB-{prefix}{number:08}", f"bank-{prefix}-{number}", f"t-{prefix.lower()}-{number}")


def _order(waiting: Waiting) -> Order:
    order = an_order(order_id=waiting.id, tenant_id=waiting.tenant_id)
    order.idempotency_key = f"key-{waiting.tenant_id}"
    created = report(BankStatus.CREATED, bank_order_id=waiting.bank_order_id, external_order_id=order.id)
    order.observe(created, order.created_at)
    return order


async def orders(storage: Storage, number: int) -> Sequence[Waiting]:
    """So many, through the product's own storage."""
    prefix = secrets.token_hex(4).upper()
    made = [_names(prefix, one) for one in range(number)]

    def store(uow: UnitOfWork) -> None:
        for waiting in made:
            uow.subscriptions.add(Subscription(tenant_id=waiting.tenant_id, term=Term(time_zone="Asia/Tbilisi")))
        for waiting in made:
            uow.orders.add(_order(waiting))

    await storage.transact(store)
    return made


async def many_orders(database_url: str, number: int) -> Sequence[Waiting]:
    """So many, copied inside PostgreSQL."""
    prefix = secrets.token_hex(4).upper()
    order = _order(_names(prefix, 0))
    subscription = Subscription(tenant_id=order.tenant_id, term=Term(time_zone="Asia/Tbilisi"))
    changed = {
        "id": f"'SUB-{prefix}' || lpad(n::text, 8, '0')",
        "bank_order_id": f"'bank-{prefix}-' || n",
        "tenant_id": f"'t-{prefix.lower()}-' || n",
        "idempotency_key": f"'key-{prefix}-' || n",
        "created_at": "t.created_at - n * interval '1 second'",
        "updated_at": "t.created_at - n * interval '1 second'",
        "check_at": "t.check_at + n * interval '1 second'",
    }
    await copy_rows(database_url, orders_table.name, {**order_values(order), "version": 1}, changed, number)
    tenant = {"tenant_id": changed["tenant_id"]}
    await copy_rows(database_url, subscriptions.name, subscription_values(subscription), tenant, number)
    return [_names(prefix, one) for one in range(number)]


async def many_due(database_url: str, number: int, *, one_in: int) -> None:
    """So many running subscriptions, one in so many of them due."""
    now = datetime.now(UTC)
    running = Subscription(
        tenant_id="x",
        term=Term(time_zone="UTC", anchor=now, next_period=1),
        plans=Plans(plan=a_plan()),
        state=SubscriptionState.ACTIVE,
        due_at=now,
    )
    changed = {
        "tenant_id": f"'due-{secrets.token_hex(4)}-' || n",
        "due_at": f"t.due_at + CASE n % {one_in} WHEN 0 THEN interval '-1 second' ELSE interval '20 days' END",
    }
    await copy_rows(database_url, subscriptions.name, subscription_values(running), changed, number)


async def many_renewals(database_url: str, number: int) -> None:
    """So many subscriptions whose next period is due, each with a card that may be charged for it."""
    prefix, now = secrets.token_hex(4), datetime.now(UTC)
    parent = _order(_names(prefix, 0))
    running = Subscription(
        tenant_id="x",
        term=Term(time_zone="Asia/Tbilisi", anchor=now - timedelta(days=40), next_period=1),
        plans=Plans(plan=parent.plan),
        state=SubscriptionState.ACTIVE,
        started_at=now - timedelta(days=40),
        due_at=now,
    )
    tenant = {"tenant_id": f"'t-{prefix}-' || n"}
    await copy_rows(database_url, subscriptions.name, subscription_values(running), tenant, number)
    card = {
        "order_id": f"PARENT-{prefix}",
        "bank_order_id": BANK_ID,
        "kind": "automatic",
        "currency": parent.amount.currency.value,
        "mandate_minor": parent.amount.minor,
        "masked_number": "400000***0001",
        "brand": "visa",
        "expiry": "12/35",
        "saved_at": now,
        "is_default": True,
        "state": "active",
    }
    changed = {**tenant, "order_id": f"'P-{prefix}-' || n", "bank_order_id": f"'parent-{prefix}-' || n"}
    await copy_rows(database_url, cards.name, {"tenant_id": "x", **card}, changed, number)


async def copy_rows(
    database_url: str, table: str, row: Mapping[str, Any], changed: Mapping[str, str], number: int
) -> None:
    """Insert a row so many times, with what is changed as SQL of the number `n` and the row `t`."""
    names = ", ".join(f'"{name}"' for name in row)
    values = ", ".join(changed.get(name, f't."{name}"') for name in row)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        f"INSERT INTO {table} ({names}) SELECT {values} FROM json_populate_record(NULL::{table}, $1::json) AS t, "  # noqa: S608
        f"generate_series(0, {number - 1}) AS n",
        msgspec.json.encode(row).decode(),
    )
    await connection.execute(f"ANALYZE {table}")
    await connection.close()


def callbacks(waiting: Sequence[Waiting], signer: Signer, *urls: str, amount: str = "145.00") -> list[dict[str, Any]]:
    """The bank's callback for each, a payment in GEL, to one address after the other."""
    made = []
    for number, one in enumerate(waiting):
        body = json.dumps(
            {
                "event": "order_payment",
                "zoned_request_time": "2026-11-24T10:00:00.000000Z",
                "body": {
                    "order_id": one.bank_order_id,
                    "external_order_id": one.id,
                    "order_status": {"key": "completed", "value": "Completed"},
                    "purchase_units": {
                        "request_amount": amount,
                        "transfer_amount": amount,
                        "currency_code": "GEL",
                    },
                    "payment_detail": {
                        "transfer_method": {"key": "card", "value": "Card"},
                        "transaction_id": "230513868679",
                        "code": "100",
                        "code_description": "Successful payment",
                    },
                },
            }
        )
        headers = {"Callback-Signature": signer.sign(body.encode()), "Content-Type": "application/json"}
        made.append({"method": "POST", "url": urls[number % len(urls)] + WEBHOOK, "body": body, "headers": headers})
    return made
