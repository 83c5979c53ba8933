"""The limit: the least an honest service must do for a callback. No domain, no port, no merging: one fixed path.

It checks the signature and writes the rows that the product writes, with raw asyncpg, in one transaction.
`python -m benchmarks.limit PORT` takes DATABASE_URL and BOG_CALLBACK_PUBLIC_KEY from the environment.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import uvloop
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

numbers = itertools.count(1)
POOL = web.AppKey("pool", asyncpg.Pool)


def public_key() -> RSAPublicKey:
    """The one key."""
    key = serialization.load_pem_public_key(os.environ["BOG_CALLBACK_PUBLIC_KEY"].encode())
    if not isinstance(key, RSAPublicKey):
        raise TypeError("an RSA key is needed")
    return key


KEY = public_key() if "BOG_CALLBACK_PUBLIC_KEY" in os.environ else None


async def webhook(request: web.Request) -> web.Response:
    """One callback of a payment that was made."""
    raw = await request.read()
    signature = base64.b64decode(request.headers["Callback-Signature"])
    if KEY is None:
        raise web.HTTPInternalServerError
    KEY.verify(signature, raw, padding.PKCS1v15(), hashes.SHA256())
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
    serial = await connection.fetchval(
        "INSERT INTO serials (series, last) VALUES ('LIM-2026', 1) "
        "ON CONFLICT (series) DO UPDATE SET last = serials.last + 1 RETURNING last"
    )
    await connection.execute(
        "INSERT INTO invoices (series, serial, tenant_id, order_id, currency, amount_minor, description, package_name, "
        "seats, issued_at) VALUES ('LIM-2026', $1, $2, $3, 'GEL', $4, 'EchoDesk', 'Start', 1, $5)",
        serial, tenant, order_id, order["amount_minor"], now,
    )  # fmt: skip
    await connection.execute(
        "UPDATE orders SET state = 'completed', captured_minor = amount_minor, response_code = '100', check_at = NULL, "
        "updated_at = $2, version = version + 1 WHERE id = $1",
        order_id, now,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO order_steps (order_id, at, event, source, before, after, detail) "
        "VALUES ($1, $2, 'complete', 'callback', 'processing', 'completed', '100')",
        order_id, now,
    )  # fmt: skip
    names = ("OrderCompleted", "SubscriptionActivated", "InvoiceIssued")
    stamp = f"{int(now.timestamp() * 1000):012x}"
    await connection.executemany(
        "INSERT INTO outbox (id, tenant_id, type, version, body) VALUES ($1, $2, $3, 1, $4)",
        [(f"{stamp}-{next(numbers):010x}-limit", tenant, name, json.dumps({"order_id": order_id})) for name in names],
    )


async def _pool(app: web.Application) -> Any:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=16, max_size=16) as pool:
        app[POOL] = pool
        yield


def main() -> None:
    """Serve until killed."""
    app = web.Application()
    app.cleanup_ctx.append(_pool)
    app.router.add_post("/api/payments/webhook/", webhook)
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=lambda *_: print("ready", flush=True),
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main()
