"""examples/django_crm under gunicorn with forked workers, and a worker beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from attrs import Factory, define, evolve
from cryptography.fernet import Fernet

from tests.integration.parts import ROOT, Bank, clean_environment, free_port, running_bank, start_shell
from tests.integration.test_docs import blocks, commands_in, run

SCRIPTS = Path(sys.executable).parent
WITHIN_SECONDS = 30


@define
class Crm:
    """The CRM of the example, running."""

    url: str
    bank: Bank
    database_url: str
    folder: Path
    environment: dict[str, str]
    tokens: dict[str, str] = Factory(dict)

    async def call(self, host: str, path: str, user: str = "", body: Any = None) -> tuple[int, Any]:
        """One call at a tenant's host, by one of the users that were printed; gives status and answer."""
        token = self.tokens.get(f"{host} {user}", user)
        headers = {
            "Host": f"{host}.crm.localhost".lstrip("."),
            **({"Authorization": f"Token {token}"} if token else {}),
        }
        method = "GET" if body is None else "POST"
        async with self.bank.http.request(method, f"{self.url}{path}", json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def wait_for(self, expected: Any, host: str, path: str, user: str) -> None:
        """Wait until a call answers so."""
        seen = None
        with suppress(TimeoutError):
            async with asyncio.timeout(WITHIN_SECONDS):
                while seen != expected:
                    seen = await self.call(host, path, user)
                    await asyncio.sleep(0.05)
        assert seen == expected

    async def pay(self, order_id: str) -> None:
        """The customer pays, and the bank calls the public host."""
        (order,) = await self.bank.orders(order_id)
        await self.bank.pay(order["order_id"])
        assert await self.bank.answered(order["order_id"]) == [200]


def manage_commands(readme: Path) -> list[str]:
    """The commands of the README from the first of `manage.py` to the worker, with this interpreter."""
    lines = commands_in(blocks(readme.read_text(), "console")[0])
    ours = [line for line in lines if "pip install" not in line and "curl" not in line]
    return [line.replace("python ", f"{sys.executable} -W ignore ", 1) for line in ours]


@pytest.fixture(scope="module")
async def crm(workspace: Path, new_database: Callable[[], Awaitable[str]]) -> AsyncIterator[Crm]:
    """The example, prepared by the commands of its README."""
    folder = workspace / "django_crm"
    shutil.copytree(ROOT / "examples" / "django_crm", folder, ignore=shutil.ignore_patterns("__pycache__", "bank.pem"))
    port, database_url = free_port(), await new_database()
    async with running_bank(workspace / "crm-bank.log") as bank:
        environment = clean_environment(
            {
                "CRM_DATABASE_URL": database_url,
                "BANK": bank.url,
                "BILLING_CLOCK_URL": f"{bank.url}/sandbox/clock",
                "API_DOMAIN": f"http://127.0.0.1:{port}",
                "BILLING_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
                "BILLING_WORK_EVERY_SECONDS": "0.2",
                "ACCESS_CACHE_SECONDS": "0",
                "DJANGO_SETTINGS_MODULE": "crm.settings",
                "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
            }
        )
        (folder / "bank.pem").write_text(await bank.control("GET", "public-key"))
        *prepare, serve, work = manage_commands(folder / "README.md")
        printed = [await run(command, environment, folder) for command in prepare][-1]
        tokens = [line.split() for line in printed.splitlines() if ".crm.localhost " in line]
        crm = Crm(f"http://127.0.0.1:{port}", bank, database_url, folder, environment)
        crm.tokens = {f"{host.partition('.')[0]} {user}": token for host, user, token in tokens}
        serve = serve.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        server = await start_shell(folder / "server.log", environment, serve, folder)
        worker = await start_shell(folder / "worker.log", environment, work, folder)
        processes = (server, worker)
        try:
            await server.listening(port)
            yield crm
        finally:
            codes = [await asyncio.wait_for(process.stop(), 15) for process in processes]
        assert codes == [0, 0], [process.printed for process in processes]


async def test_a_tenant_buys_a_feature_is_suspended_and_comes_back(crm: Crm) -> None:
    wanted = {"features": ["telephony"], "agent_count": 2, "save_card": False}
    assert (await crm.call("acme", "/api/calls/", "admin"))[0] == 403
    assert (await crm.call("acme", "/api/payments/create/", "member", wanted))[0] == 403
    assert (await crm.call("acme", "/api/payments/create/", "", wanted))[0] == 401
    assert (await crm.call("tea-house", "/api/payments/create/", crm.tokens["acme admin"], wanted))[0] == 401

    status, order = await crm.call("acme", "/api/payments/create/", "admin", wanted)
    assert (status, order["amount"]) == (200, 24.0)
    await crm.pay(order["order_id"])
    for user in ("admin", "member"):
        await crm.wait_for((200, {"calls": []}), "acme", "/api/calls/", user)
    assert (await crm.call("tea-house", "/api/calls/", "admin"))[0] == 403
    assert (await crm.call("tea-house", f"/api/payments/status/{order['order_id']}/", "admin"))[0] == 404

    await crm.bank.control("POST", "clock", {"advance": 32 * 86_400})
    await crm.bank.control("POST", "clock", {"advance": 20 * 86_400})
    suspended = {"user": "admin@acme.example", "suspended": True}
    await crm.wait_for((200, suspended), "acme", "/api/me/", "admin")
    assert (await crm.call("acme", "/api/calls/", "admin"))[0] == 403

    _, order = await crm.call("acme", "/api/payments/reactivate/", "admin", {})
    await crm.pay(order["order_id"])
    await crm.wait_for((200, {**suspended, "suspended": False}), "acme", "/api/me/", "admin")
    await crm.wait_for((200, {"calls": []}), "acme", "/api/calls/", "admin")


async def test_a_tenant_that_registers_and_pays_is_provisioned_with_its_administrator(crm: Crm) -> None:
    form = {
        "company_name": "New Shop LLC",
        "domain": "new-shop",
        "admin_email": "nino@new-shop.example",
        "admin_first_name": "Nino",
        "admin_last_name": "Beridze",
        "admin_password": "pbkdf2_sha256$1$salt$hash",
        "preferred_language": "ka",
        "feature_ids": [1],
        "agent_count": 1,
    }
    status, order = await crm.call("", "/api/register-with-payment/", "", form)
    assert status == 201, order
    await crm.pay(order["order_id"])
    connection = await asyncpg.connect(crm.database_url)
    found = None
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            while found is None:
                with suppress(asyncpg.PostgresError):
                    found = await connection.fetchrow(
                        "SELECT key, password FROM new_shop.authtoken_token JOIN new_shop.auth_user ON id = user_id"
                    )
                await asyncio.sleep(0.05)
    finally:
        await connection.close()
    assert found["password"] == form["admin_password"]
    await crm.wait_for((200, {"calls": []}), "new-shop", "/api/calls/", found["key"])


async def test_it_sells_under_djangos_own_server_too(crm: Crm) -> None:
    """The order is made by one server; the bank calls the other, at the public host."""
    port = free_port()
    command = f"{sys.executable} -W ignore manage.py runserver --noreload 127.0.0.1:{port}"
    server = await start_shell(crm.folder / "runserver.log", crm.environment, command, crm.folder)
    try:
        await server.listening(port)
        there = evolve(crm, url=f"http://127.0.0.1:{port}")
        wanted = {"features": ["telephony"], "agent_count": 1, "save_card": False}
        status, order = await there.call("tea-house", "/api/payments/create/", "admin", wanted)
        assert status == 200, order
        await there.pay(order["order_id"])
        await there.wait_for((200, {"calls": []}), "tea-house", "/api/calls/", "member")
    finally:
        assert await asyncio.wait_for(server.stop(), 15) in (0, -15)
