"""The raw asyncpg baseline: the least a correct service has to do, without domain, ports and merging.

It writes the rows that the product writes, with raw asyncpg, one statement after the other, in one transaction.
`python -m benchmarks.raw_asyncpg PORT` takes DATABASE_URL, BOG_CALLBACK_PUBLIC_KEY and the bank's addresses from its
environment.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import secrets
import sys
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
import uvloop
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

PRICE_MINOR = 14_500
numbers = itertools.count(1)
POOL = web.AppKey("pool", asyncpg.Pool)
BANK = web.AppKey("bank", aiohttp.ClientSession)


def public_key() -> RSAPublicKey:
    """The one key."""
    key = load_pem_public_key(os.environ["BOG_CALLBACK_PUBLIC_KEY"].encode())
    if not isinstance(key, RSAPublicKey):
        raise TypeError("an RSA key is needed")
    return key


KEY = public_key()


async def webhook(request: web.Request) -> web.Response:
    """One callback of a payment that was made."""
    raw = await request.read()
    KEY.verify(base64.b64decode(request.headers["Callback-Signature"]), raw, padding.PKCS1v15(), hashes.SHA256())
    body = json.loads(raw)["body"]
    async with request.app[POOL].acquire() as connection, connection.transaction():
        await _settle(connection, raw, body)
    return web.json_response({"status": "success"})


async def _settle(connection: Any, raw: bytes, body: dict[str, Any]) -> None:
    now, order_id = datetime.now(UTC), body["external_order_id"]
    order = await connection.fetchrow("SELECT * FROM orders WHERE id = $1 FOR UPDATE", order_id)
    await connection.execute(
        "INSERT INTO inbox (digest, outcome, verdict, order_id, at) VALUES ($1, 'applied', 'valid', $2, $3)",
        hashlib.sha256(raw).hexdigest(), order_id, now,
    )  # fmt: skip
    tenant = order["tenant_id"]
    subscription = await connection.fetchrow("SELECT * FROM subscriptions WHERE tenant_id = $1 FOR UPDATE", tenant)
    await connection.execute(
        "UPDATE subscriptions SET state = 'active', plan = $2, anchor = $3, next_period = 1, due_at = $4, version = $5 "
        "WHERE tenant_id = $1",
        tenant, order["plan"], now, now + timedelta(days=21), subscription["version"] + 1,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO journal (kind, tenant_id, order_id, debit, credit, currency, amount_minor, at) VALUES "
        "('payment', $1, $2, 'bank', $3, 'GEL', $4, $5), ('invoice', $1, $2, $3, 'revenue', 'GEL', $4, $5)",
        tenant, order_id, f"tenant:{tenant}", order["amount_minor"], now,
    )  # fmt: skip
    await connection.execute(
        "UPDATE orders SET state = 'completed', captured_minor = amount_minor, response_code = '100', check_at = NULL, "
        "updated_at = $2, version = version + 1 WHERE id = $1",
        order_id, now,
    )  # fmt: skip
    await _step(connection, order_id, "complete", "callback", now)
    serial = await connection.fetchval(
        "INSERT INTO serials (series, last) VALUES ('LIM-2026', 1) "
        "ON CONFLICT (series) DO UPDATE SET last = serials.last + 1 RETURNING last"
    )
    await connection.execute(
        "INSERT INTO invoices (series, serial, tenant_id, order_id, currency, amount_minor, description, package_name, "
        "seats, issued_at) VALUES ('LIM-2026', $1, $2, $3, 'GEL', $4, 'EchoDesk', 'Start', 1, $5)",
        serial, tenant, order_id, order["amount_minor"], now,
    )  # fmt: skip
    await _tell(connection, tenant, order_id, now, "OrderCompleted", "SubscriptionActivated", "InvoiceIssued")


async def _step(connection: Any, order_id: str, event: str, source: str, now: datetime) -> None:
    await connection.execute(
        "INSERT INTO order_steps (order_id, at, event, source, before, after, detail) "
        "VALUES ($1, $2, $3, $4, 'processing', 'completed', '100')",
        order_id, now, event, source,
    )  # fmt: skip


async def _tell(connection: Any, tenant: str, order_id: str, now: datetime, *names: str) -> None:
    stamp = f"{int(now.timestamp() * 1000):012x}"
    await connection.executemany(
        "INSERT INTO outbox (id, tenant_id, type, version, body) VALUES ($1, $2, $3, 1, $4)",
        [(f"{stamp}-{next(numbers):010x}-raw", tenant, name, json.dumps({"order_id": order_id})) for name in names],
    )


async def _tenant(request: web.Request) -> str:
    digest = hashlib.sha256(request.headers["Authorization"].removeprefix("Token ").encode()).hexdigest()
    row = await request.app[POOL].fetchrow("SELECT * FROM tokens WHERE digest = $1", digest)
    return str(row["tenant_id"])


async def create(request: web.Request) -> web.Response:
    """An order, stored, placed at the bank, stored again."""
    tenant, now, pool = await _tenant(request), datetime.now(UTC), request.app[POOL]
    wanted = await request.json()
    order_id, key = f"SUB-{secrets.token_hex(6).upper()}", str(uuid.uuid4())
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO subscriptions (tenant_id, state, time_zone, anchor_period, next_period, version) "
            "VALUES ($1, 'incomplete', 'Asia/Tbilisi', 0, 0, 1) ON CONFLICT DO NOTHING",
            tenant,
        )
        await connection.fetchrow("SELECT * FROM subscriptions WHERE tenant_id = $1 FOR UPDATE", tenant)
        await connection.fetchrow("SELECT * FROM catalogues ORDER BY version DESC LIMIT 1")
        await connection.execute(
            "INSERT INTO orders (id, idempotency_key, tenant_id, purpose, state, currency, amount_minor, plan, "
            "request, refunds, attention, needs_attention, check_at, created_at, updated_at, version) VALUES "
            "($1, $2, $3, 'SUB', 'created', 'GEL', $4, $5, '{}', '[]', '[]', false, $6, $7, $7, 1)",
            order_id, key, tenant, PRICE_MINOR, json.dumps(wanted), now + timedelta(minutes=1), now,
        )  # fmt: skip
        await _step(connection, order_id, "create", "", now)
        await _tell(connection, tenant, order_id, now, "OrderCreated")
    asked = {
        "callback_url": "https://crm.example/api/payments/webhook/",
        "external_order_id": order_id,
        "purchase_units": {
            "currency": "GEL",
            "total_amount": PRICE_MINOR / 100,
            "basket": [{"product_id": "2", "quantity": 1, "unit_price": PRICE_MINOR / 100}],
        },
        "redirect_urls": {"success": "https://crm.example/ok", "fail": "https://crm.example/no"},
    }
    headers = {"Idempotency-Key": key}
    async with request.app[BANK].post("ecommerce/orders", json=asked, headers=headers) as response:
        answer = await response.json()
    url = answer["_links"]["redirect"]["href"]
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetchrow("SELECT * FROM orders WHERE id = $1 FOR UPDATE", order_id)
        await connection.execute(
            "UPDATE orders SET state = 'processing', bank_order_id = $2, payment_url = $3, version = 2 WHERE id = $1",
            order_id, answer["id"], url,
        )  # fmt: skip
        await _step(connection, order_id, "begin", "answer", now)
    return web.json_response({"order_id": order_id, "payment_url": url, "amount": 145.0, "currency": "GEL"})


async def status(request: web.Request) -> web.Response:
    """What became of an order."""
    tenant, order_id = await _tenant(request), request.match_info["order_id"]
    row = await request.app[POOL].fetchrow("SELECT * FROM orders WHERE id = $1 AND tenant_id = $2", order_id, tenant)
    return web.json_response(
        {"order_id": row["id"], "status": row["state"], "amount": row["amount_minor"] / 100, "currency": "GEL"}
    )


async def _open(app: web.Application) -> Any:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=16, max_size=16) as pool:
        app[POOL] = pool
        if "BOG_AUTH_URL" not in os.environ:
            yield
            return
        async with aiohttp.ClientSession() as http:
            basic = aiohttp.encode_basic_auth(os.environ["BOG_CLIENT_ID"], os.environ["BOG_CLIENT_SECRET"])
            form, headers = {"grant_type": "client_credentials"}, {"Authorization": basic}
            async with http.post(os.environ["BOG_AUTH_URL"], data=form, headers=headers) as response:
                token = (await response.json())["access_token"]
        base, bearer = os.environ["BOG_API_BASE_URL"] + "/", {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(base, headers=bearer) as app[BANK]:
            yield


def main() -> None:
    """Serve until killed."""
    app = web.Application()
    app.cleanup_ctx.append(_open)
    app.router.add_post("/api/payments/webhook/", webhook)
    app.router.add_post("/api/payments/create/", create)
    app.router.add_get("/api/payments/status/{order_id}/", status)
    loop = uvloop.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, loop=loop)


if __name__ == "__main__":
    main()
