"""The Django app: users and tenants of the project, transactions, signals, access, checks, commands."""

from __future__ import annotations

import asyncio
import io
import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from echodesk_billing import Event, OrderCompleted, load_settings
from echodesk_billing.container import open_container
from tests.integration.django_project.project import Project, running_project
from tests.integration.parts import ROOT, Bank, prepare, run_python

T = TypeVar("T")


@pytest.fixture(scope="module")
async def project(bank: Bank, workspace: Path) -> AsyncIterator[Project]:
    async with running_project(bank, workspace) as project:
        yield project


def host() -> str:
    return f"tenant-{secrets.token_hex(4)}.crm.example"


async def test_an_administrator_of_a_tenant_buys_with_their_session(project: Project) -> None:
    at = host()

    def buy() -> Any:
        browser = project.browser(at, project.user(at, is_staff=True))
        return browser.post("/api/payments/create/", {"package_id": 2, "agent_count": 3}, "application/json")

    answer = await project.do(buy)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    bank_order_id = body["payment_url"].rpartition("=")[2]
    (order,) = [one for one in await project.bank.control("GET", "orders") if one["order_id"] == bank_order_id]
    assert order["purchase_units"]["items"][0]["description"] == f"EchoDesk Business - {at.partition('.')[0].title()}"
    success, _ = await project.bank.returns(body["order_id"])
    assert success.endswith("/settings/subscription?payment=success")


async def test_a_member_reads_and_does_not_change(project: Project) -> None:
    at = host()

    def call() -> tuple[int, int]:
        browser = project.browser(at, project.user(at))
        reading = browser.get("/api/subscription/me/")
        buying = browser.post("/api/payments/create/", {"package_id": 1}, "application/json")
        return reading.status_code, buying.status_code

    assert await project.do(call) == (200, 403)


async def test_nobody_is_401_and_a_user_without_a_tenant_is_403(project: Project) -> None:
    def call() -> tuple[int, int, int]:
        outside = project.browser("crm.example", project.user(secrets.token_hex(4), is_staff=True))
        return (
            project.browser(host()).get("/api/subscription/me/").status_code,
            outside.get("/api/subscription/me/").status_code,
            outside.get("/api/features/").status_code,
        )

    assert await project.do(call) == (401, 403, 200)


async def test_a_session_needs_the_csrf_token_and_a_token_does_not(project: Project) -> None:
    at = host()

    def call() -> tuple[int, bool, int]:
        browser = project.browser(at, project.user(at, is_staff=True), enforce_csrf_checks=True)
        forged = browser.post("/api/payments/create/", {"package_id": 1}, "application/json")
        from echodesk_billing.django import billing

        token = billing().issue_token("acme")
        with_token = project.browser(at, enforce_csrf_checks=True).post(
            "/api/payments/create/", {"package_id": 1}, "application/json", headers={"authorization": f"Token {token}"}
        )
        return forged.status_code, "CSRF" in forged.json()["error"], with_token.status_code

    assert await project.do(call) == (403, True, 200)


async def test_only_exact_paths_are_ours(project: Project) -> None:
    def call() -> list[bytes]:
        browser = project.browser(host())
        paths = ("/api/payments/", "/api/payments/7/", "/api/payments/payment_summary/")
        return [browser.get(path).content for path in paths]

    assert await project.do(call) == [b"of another app"] * 3


async def test_the_webhook_is_verified_over_the_raw_body(project: Project) -> None:
    from echodesk_billing.django import billing

    def call() -> tuple[int, int]:
        browser = project.browser("crm.example", enforce_csrf_checks=True)
        signed = {"callback-signature": "AAAA"}
        forged = browser.post("/api/payments/webhook/", b'{"a": 1}', "application/json", headers=signed)
        unsigned = browser.post("/api/payments/webhook/", b"not json", "application/json")
        return forged.status_code, unsigned.status_code

    assert await project.do(call) == (401, 400)
    assert billing() is billing()


async def paid(project: Project, tenant_id: str, **more: Any) -> str:
    from echodesk_billing.django import billing

    def buy() -> Any:
        return billing().checkout(tenant_id=tenant_id, **{"features": ["tickets"], "seats": 2, **more})

    order = await project.do(buy)
    await project.bank.fault("callback", "drop")
    await project.bank.pay(order.bank_order_id)
    (callback,) = await project.bank.callbacks(order.bank_order_id)

    def hear() -> None:
        billing().receive_callback(callback["body"].encode(), callback["signature"])

    await project.do(hear)
    order_id: str = order.id
    return order_id


async def test_inside_a_transaction_billing_refuses_and_says_what_to_do(project: Project) -> None:
    from django.db import transaction

    from echodesk_billing.django import billing
    from echodesk_billing.django.runtime import CalledInTransaction

    def inside() -> None:
        with transaction.atomic():
            billing().subscription("acme")  # reading may be done anywhere
            billing().checkout(tenant_id="acme", package_id=1)

    with pytest.raises(CalledInTransaction, match=r"transaction.on_commit\(\)"):
        await project.do(inside)

    def afterwards() -> list[object]:
        found: list[object] = []
        with transaction.atomic():
            transaction.on_commit(lambda: found.append(billing().checkout(tenant_id="acme", package_id=1)))
        return found

    assert len(await project.do(afterwards)) == 1


async def test_events_are_signals_and_a_receiver_that_fails_gets_them_again(project: Project) -> None:
    from django.contrib.auth import get_user_model
    from django.db import connection

    from echodesk_billing.django import billing
    from echodesk_billing.django.signals import billing_event

    got: list[tuple[str, str]] = []

    def receiver(sender: type[Event], event: Event, **_more: Any) -> None:
        if sender is OrderCompleted:
            get_user_model().objects.count()  # its own connection works
            assert not connection.in_atomic_block
            got.append((event.name, event.id))
            if len(got) == 1:
                raise RuntimeError("the tenant could not be told")

    billing_event.connect(receiver)
    try:
        await paid(project, f"t-{secrets.token_hex(4)}")
        async with asyncio.timeout(20):
            while len(got) < 2:
                await project.do(billing().deliver_events)
                await asyncio.sleep(0.1)
        assert got[0] == got[1]
    finally:
        billing_event.disconnect(receiver)


async def test_a_view_is_gated_by_a_feature_without_a_query_per_request(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from echodesk_billing.django import access, billing

    at = host()
    tenant = at.partition(".")[0].replace("-", "_")

    def visit() -> tuple[int, bytes]:
        answer = project.browser(at).get("/tickets/")
        return answer.status_code, answer.content

    assert (await project.do(visit))[0] == 402
    await paid(project, tenant)
    access.forget(tenant)
    asked: list[str] = []
    library = billing()
    ask = library.subscription
    monkeypatch.setattr(library, "subscription", lambda one: (asked.append(one), ask(one))[1])
    for _ in range(3):
        assert await project.do(visit) == (200, b"tickets")
    assert asked == [tenant]
    assert access.has_feature(tenant, "tickets")
    assert not access.has_feature(tenant, "reports")
    permission = access.HasActiveSubscription.to("reports")()
    assert "does not include reports" in permission.message
    access.forget()


async def test_it_works_under_asgi_too(project: Project) -> None:
    from django.test import AsyncClient

    answer = await AsyncClient(headers={"host": host()}).get("/api/features/")
    assert (answer.status_code, answer.json()["count"]) == (200, 8)


def test_settings_that_are_wrong_are_named_by_the_checks(project: Project) -> None:
    from django.core.checks import run_checks
    from django.test import override_settings

    def said(*, deploy: bool = False, **given: Any) -> list[str]:
        with override_settings(ECHODESK_BILLING=given):
            found = run_checks(tags=["echodesk_billing"], include_deployment_checks=deploy)
            return [f"{one.id} {one.msg}" for one in found]

    assert said() == []
    assert said(BILLING_GRACE_DAYS=99)[0].startswith("echodesk_billing.E001 BILLING_GRACE_DAYS is '99'")
    assert 'ECHODESK_BILLING["USAGE"]' in said(USAGE="nowhere.at_all")[0]
    assert "did you mean BILLING_TIME_ZONE" in said(BILLING_TIME_ZON="x")[0]
    assert [one.split()[0] for one in said(deploy=True)] == ["echodesk_billing.W002", "echodesk_billing.W004"]


async def test_the_commands_work(project: Project) -> None:
    from django.core.management import call_command

    from echodesk_billing.django import billing

    def run(*command: str) -> str:
        output = io.StringIO()
        call_command(*command, stdout=output)
        return output.getvalue()

    running = await project.do(billing()._here)
    assert await project.do(lambda: run("billing_migrate")) == "nothing to do\n"
    assert "renewed" in await project.do(lambda: run("billing_work_once"))
    assert "bank: good" in await project.do(lambda: run("billing_check"))
    assert "reconciled" in await project.do(lambda: run("billing_reconcile"))
    assert billing()._running is running  # other threads of a Celery worker go on using it


@pytest.mark.parametrize("command", ["work", "work_once", "migrate", "check", "reconcile"])
async def test_a_command_without_its_database_ends_with_a_line(project: Project, command: str) -> None:
    from django.core.management import CommandError, call_command
    from django.test import override_settings

    def run() -> None:
        with override_settings(ECHODESK_BILLING={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}):
            call_command(f"billing_{command}", stdout=io.StringIO())

    with pytest.raises(CommandError):
        await project.do(run)


async def test_the_command_line_runs_with_the_settings_of_the_project(project: Project, tmp_path: Path) -> None:
    project_settings = "from tests.integration.django_project.settings import *\nECHODESK_BILLING = "
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "DJANGO_SETTINGS_MODULE": "theirs"}

    def manage(settings: object, *arguments: str) -> tuple[int, str]:
        (tmp_path / "theirs.py").write_text(f"{project_settings}{settings!r}\n")
        command = (sys.executable, "-B", "-m", "django", "billing", *arguments)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    database = f"sqlite:///{tmp_path}/theirs.sqlite3"
    assert manage({"DATABASE_URL": database}, "migrate")[0] == 0
    assert manage({"DATABASE_URL": database}, "order", "list", "--json") == (0, "[]\n")
    assert manage(["no dictionary"], "order", "list")[0] == 2
    code, printed = manage({"DATABASE_URL": database, "BILLING_GRACE_DAYS": 99}, "order", "list")
    assert code == 2
    assert printed.startswith("BILLING_GRACE_DAYS is '99'")


async def test_a_worker_delivers_events_to_the_receivers_of_the_project(project: Project, workspace: Path) -> None:
    script = (
        "import django, sys; django.setup(); from echodesk_billing.django.signals import billing_event\n"
        "billing_event.connect(lambda sender, event, **more: print('got', event.name, flush=True), weak=False)\n"
        "from django.core.management import call_command; call_command('billing_work')\n"
    )
    environment = {**project.environment, "BILLING_WORK_EVERY_SECONDS": "0.1", "CRM_DATABASE": ":memory:"}
    environment["DJANGO_SETTINGS_MODULE"] = "tests.integration.django_project.settings"
    environment["DATABASE_URL"] = f"sqlite:///{workspace}/django-worker.sqlite3"
    settings = load_settings({**environment, "CRM_DATABASE": ""})
    async with open_container(settings) as container:
        await prepare(container, settings)
        process = await run_python(workspace / "django-worker.log", environment, script)
        await process.ready()
        from echodesk_billing import Selection
        from tests.builders import principal

        await container.checkout().buy(principal("acme"), Selection(package_id=1))
        async with asyncio.timeout(20):
            while "got OrderCreated" not in process.printed:
                await asyncio.sleep(0.05)
        assert await asyncio.wait_for(process.stop(), 10) == 0


async def test_it_works_without_rest_framework(project: Project, workspace: Path) -> None:
    script = (
        "import importlib.util as u, sys\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name.startswith('rest_framework') else find(name, *more)\n"
        "sys.modules['rest_framework'] = None\n"
        "import django; django.setup()\n"
        "from django.core.management import call_command; call_command('migrate', verbosity=0)\n"
        "from django.contrib.auth import get_user_model; from django.test import Client\n"
        "user = get_user_model().objects.create_user('nino', is_staff=True)\n"
        "host = {'host': 'acme.crm.example'}\n"
        "client = Client(headers=host); client.force_login(user)\n"
        "bought = client.post('/api/payments/create/', {'package_id': 1}, 'application/json')\n"
        "strict = Client(headers=host, enforce_csrf_checks=True); strict.force_login(user)\n"
        "forged = strict.post('/api/payments/create/', {'package_id': 1}, 'application/json')\n"
        "from echodesk_billing.django import access, billing\n"
        "print([bought.status_code, forged.status_code, hasattr(access, 'HasActiveSubscription')]); billing().close()\n"
    )
    environment = {
        **project.environment,
        "CRM_DATABASE": str(workspace / "crm-without.sqlite3"),
        "WITH_REST_FRAMEWORK": "0",
        "DJANGO_SETTINGS_MODULE": "tests.integration.django_project.settings",
    }
    process = await run_python(workspace / "without.log", environment, script)
    async with asyncio.timeout(60):
        await process.process.wait()
    assert json.loads(process.printed.splitlines()[-1].lower()) == [200, 403, False], process.printed


def test_the_operation_ids_are_in_the_schema_of_drf_spectacular(project: Project, tmp_path: Path) -> None:
    from django.core.management import call_command

    call_command(
        "spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", file=str(tmp_path / "api.json")
    )
    schema = json.loads((tmp_path / "api.json").read_text())
    assert schema["paths"]["/api/subscription/me/"]["get"]["operationId"] == "getSubscriptionMe"
    assert "/healthz" not in schema["paths"]
    assert "MySubscription" in schema["components"]["schemas"]


def test_what_the_project_names_itself_wins_over_billing(project: Project) -> None:
    from echodesk_billing.django.spectacular import add_billing

    theirs = {"paths": {"/api/payments/create/": {}}, "components": {"schemas": {"MySubscription": {}, "A": {}}}}
    schema = add_billing(theirs, generator=None, request=None, public=True)
    assert schema["paths"]["/api/payments/create/"] == {}
    assert schema["components"]["schemas"]["MySubscription"] == {}
    assert "A" in schema["components"]["schemas"]


def test_a_schema_of_openapi_3_0_is_refused_with_what_to_set(project: Project) -> None:
    from django.core.exceptions import ImproperlyConfigured

    from echodesk_billing.django.spectacular import add_billing

    with pytest.raises(ImproperlyConfigured, match="OAS_VERSION"):
        add_billing({"openapi": "3.0.3"})


def test_names_subdomain_and_language_are_those_of_the_requests_tenant() -> None:
    from echodesk_billing.django.hooks import names_of_tenant

    def names(host: str, **tenant: str) -> tuple[str, str, str]:
        return names_of_tenant(SimpleNamespace(tenant=SimpleNamespace(**tenant), get_host=lambda: host))

    known = {"name": "Acme LLC", "domain_url": "acme-shop.echodesk.ge", "preferred_language": "ru"}
    assert names("api.echodesk.ge", **known) == ("Acme LLC", "acme-shop", "ru")
    assert names("tea.echodesk.ge:8000") == ("", "tea", "")
    assert names("127.0.0.1") == names("localhost") == ("", "", "")


def test_the_public_urlconf_has_only_what_needs_no_tenant(project: Project) -> None:
    from echodesk_billing.django import urls

    paths = {str(one.pattern) for one in urls.public}
    assert paths >= {"api/payments/webhook/", "api/register-with-payment/", "api/features/", "api/packages/"}
    assert "api/subscription/me/" not in paths
    assert (ROOT / "docs" / "django.md").exists()
