"""Years of business in PostgreSQL: settled orders, customers, invoices, events, mails and callbacks."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from tests.builders import a_plan, an_order

from benchmarks.material import copy_rows
from echodesk_billing.adapters.sql.books import invoices
from echodesk_billing.adapters.sql.customers import customer_values, customers
from echodesk_billing.adapters.sql.inbox import inbox
from echodesk_billing.adapters.sql.mails import mails
from echodesk_billing.adapters.sql.orders import order_values, orders
from echodesk_billing.adapters.sql.outbox import event_values, outbox
from echodesk_billing.adapters.sql.subscriptions import subscription_values, subscriptions
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.events import OrderCreated
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.plans import Plans
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term


async def many_of_everything(database_url: str, number: int) -> None:
    """So many settled orders of a hundredth as many customers, with invoices, events, mails and subscriptions.

    Most are completed, one in a hundred is rejected, one in a thousand needs attention.
    """
    prefix, now = secrets.token_hex(3), datetime.now(UTC)
    tenant = f"'big-{prefix}-' || n % {max(number // 100, 1)}"
    at = f"t.created_at - (({number} - n) * interval '25 seconds')"
    order = an_order(order_id="x", tenant_id="x")
    order.check_at = None
    rows = {**order_values(order), "version": 1}
    ids = {"id": f"'B-{prefix}-' || n", "idempotency_key": f"'{prefix}-' || n", "bank_order_id": f"'k-{prefix}-' || n"}
    changed = {
        **ids,
        "tenant_id": tenant,
        "created_at": at,
        "updated_at": at,
        "state": "CASE WHEN n % 100 = 7 THEN 'rejected' ELSE 'completed' END",
        "needs_attention": "n % 1000 = 3",
        "attention": "CASE WHEN n % 1000 = 3 THEN '[\"look\"]' ELSE '[]' END",
    }
    await copy_rows(database_url, orders.name, rows, changed, number)
    customer = Customer(tenant_id="x", name="x", created_at=now)
    few = max(number // 100, 1)
    named = {"tenant_id": f"'big-{prefix}-' || n", "name": "'Shop number ' || n"}
    await copy_rows(database_url, customers.name, customer_values(customer), named, few)
    running = Subscription(
        tenant_id="x",
        term=Term(time_zone="UTC", anchor=now, next_period=1),
        plans=Plans(plan=a_plan()),
        state=SubscriptionState.ACTIVE,
        due_at=now + timedelta(days=20),
    )
    state = {"state": "CASE WHEN n % 50 = 1 THEN 'past_due' ELSE 'active' END"}
    subscription = {"tenant_id": f"'big-{prefix}-' || n", **state}
    await copy_rows(database_url, subscriptions.name, subscription_values(running), subscription, few)
    invoice = {
        "series": "BIG-2026",
        "serial": 0,
        "tenant_id": "x",
        "order_id": "x",
        "currency": "GEL",
        "amount_minor": 14500,
        "description": "EchoDesk",
        "package_name": "Start",
        "seats": 1,
        "issued_at": now,
        "details": "{}",
        "buyer": "x",
        "external_number": "",
        "external_url": "",
    }
    numbered = {
        "serial": "n + 1",
        "tenant_id": tenant,
        "order_id": ids["id"],
        "issued_at": at.replace("created_at", "issued_at"),
    }
    await copy_rows(database_url, invoices.name, invoice, numbered, number)
    event = OrderCreated(tenant_id="x", at=now, order_id="x", amount=order.amount).recorded("0", "admin@x")
    event_id = f"lpad(to_hex(1700000000000 + n * 1000::bigint), 12, '0') || '-{prefix}-' || n"
    body = f'replace(t.body, \'"id":"0"\', \'"id":"\' || {event_id} || \'"\')'
    told = {
        "id": event_id,
        "tenant_id": tenant,
        "body": body,
        "announced": "true",
        "actor": "CASE WHEN n % 10 = 0 THEN 'admin@x' ELSE '' END",
    }
    await copy_rows(
        database_url, outbox.name, {**event_values(event), "counted": 0}, {**told, "counted": "n + 1"}, number
    )
    mail = {
        "id": "x",
        "tenant_id": "x",
        "event_id": "x",
        "kind": "receipt",
        "address": "a@b.example",
        "language": "ka",
        "facts": "{}",
        "state": "sent",
        "attempts": 1,
        "doubts": 0,
        "created_at": now,
        "problem": "",
    }
    await copy_rows(database_url, mails.name, mail, {"id": event_id, "tenant_id": tenant}, few * 10)
    callback = {"digest": "x", "outcome": "unchanged", "verdict": "valid", "order_id": "x", "at": now}
    digest = {"digest": f"'{prefix}-' || n", "order_id": ids["id"], "at": at.replace("created_at", "at")}
    await copy_rows(database_url, inbox.name, callback, digest, few * 10)
