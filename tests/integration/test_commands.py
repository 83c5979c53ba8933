"""`echodesk-billing` at a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sqlite3
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from echodesk_billing.domain.orders.report import Source
from echodesk_billing.ports.storage import UnitOfWork
from tests.integration.conftest import Service
from tests.integration.parts import START_WITHIN_SECONDS, Bank, Client, Forge, free_port, start

CATALOGUE = """
[[packages]]
id = 7
name = "solo"
display_name = "Solo"
pricing_model = "crm"
prices = { GEL = "10.00" }
"""


@pytest.fixture
def run(tmp_path: Path, forge: Forge) -> Callable[..., Awaitable[tuple[int, str]]]:
    """Runs a command on a SQLite file of its own; gives exit code and output."""
    number = 0

    async def run(*arguments: str, **environment: str) -> tuple[int, str]:
        nonlocal number
        number += 1
        settings = {
            "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
            "BILLING_LOG_LEVEL": "error",
            **environment,
        }
        return await forge.run(tmp_path / f"{number}.log", settings, *arguments)

    return run


Run = Callable[..., Awaitable[tuple[int, str]]]


async def test_a_catalogue_is_loaded_shown_and_not_loaded_twice(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.toml"
    file.write_text(CATALOGUE)
    assert await run("catalogue", "load", str(file)) == (0, "Version 1 is on sale: 1 packages\n")
    assert (await run("catalogue", "load", str(file)))[1].startswith("Version 1")
    file.write_text(CATALOGUE.replace("10.00", "12.00"))
    assert (await run("catalogue", "load", str(file)))[1].startswith("Version 2")
    _, printed = await run("catalogue", "show", "--json")
    assert json.loads(printed)["packages"][0]["prices"]["GEL"] == {"amount": "12.00", "currency": "GEL"}
    assert "Solo" in (await run("catalogue", "show"))[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[packages]]\nid = 1", "missing required field `name`"),
        (CATALOGUE.replace('"10.00"', "10.00"), "Expected `str`, got `float`"),
        (CATALOGUE.replace("10.00", "10.001"), "more than two decimals"),
        (CATALOGUE + CATALOGUE, "package id 7 is used twice"),
        ("not toml", "Expected '='"),
        ("", "catalogue is empty"),
    ],
)
async def test_a_bad_catalogue_says_what_is_wrong_and_changes_nothing(
    run: Run, tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "catalogue.toml"
    file.write_text(text)
    code, printed = await run("catalogue", "load", str(file))
    assert (code, message in printed, "Traceback" in printed) == (2, True, False)
    assert json.loads((await run("catalogue", "show", "--json"))[1])["version"] == 0


async def test_tokens_are_issued_listed_and_revoked(run: Run, tmp_path: Path) -> None:
    _, printed = await run("token", "create", "--tenant", "acme", "--scope", "billing:read", "--days", "30", "--json")
    token = json.loads(printed)["token"]
    _, printed = await run("token", "list", "--json")
    (listed,) = json.loads(printed)
    assert (listed["prefix"], listed["scopes"], listed["revoked_at"]) == (token[:8], ["billing:read"], None)
    assert token not in printed
    with sqlite3.connect(tmp_path / "db.sqlite3") as database:
        assert token not in "\n".join(database.iterdump())
    assert "acme" in (await run("token", "list"))[1]
    assert (await run("token", "revoke", token[:8]))[0] == 0
    assert (await run("token", "revoke", token[:8]))[0] == 1


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (("serve",), {"BILLING_PORT": "x"}, 2, "BILLING_PORT is 'x'"),
        (("status",), {"DATABASE_URL": "mysql://x"}, 2, "DATABASE_URL"),
        (("status",), {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, 1, "database"),
        (("order", "show", "SUB-0"), {}, 1, "Payment not found"),
        (("subscription", "show", "nobody"), {}, 1, "No active subscription found"),
        (("order", "list", "--state", "odd"), {}, 2, "odd"),
        (("order", "list", "--limit", "0"), {}, 2, "limit"),
        (("fly",), {}, 2, "No such command"),
        (("token", "create"), {}, 2, "tenant"),
        (("catalogue", "load", "/no/such/file"), {}, 2, "No such file"),
        (("reconcile",), {}, 1, "BOG_CLIENT_ID"),
        (("reconcile", "--older-than", "1e17"), {}, 2, "older-than"),
        (("reconcile", "--report", "--day", "0001-01-01"), {}, 2, "is not a day such as 2026-01-31"),
        (("reconcile", "--report", "--day", "9999-12-31"), {}, 2, "is not a day such as 2026-01-31"),
        (("token", "create", "--tenant", "acme", "--days", "999999999999"), {}, 2, "days"),
    ],
)
async def test_errors_are_reported_without_a_traceback(
    run: Run, arguments: tuple[str, ...], environment: dict[str, str], code: int, message: str
) -> None:
    exit_code, printed = await run(*arguments, **environment)
    assert (exit_code, message in printed, "Traceback" in printed) == (code, True, False), printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("order", "show", "SUB-0"), 1, "Payment not found"),
        (("order", "list", "--limit", "many"), 2, "--limit"),
        (("order", "show"), 2, "Missing argument"),
        (("token", "create", "--tenant", "Acme!"), 2, "Acme!"),
        (("fly",), 2, "No such command"),
    ],
)
async def test_with_json_errors_are_json_too(run: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    exit_code, printed = await run(*arguments, "--json")
    (error,) = [json.loads(line)["error"] for line in printed.splitlines() if line.startswith("{")]
    assert (exit_code, message in error) == (code, True), printed


async def test_a_taken_port_is_named_by_its_variable(run: Run, bank: Bank) -> None:
    port = bank.url.rpartition(":")[2]
    code, printed = await run("serve", BILLING_PORT=port)
    assert (code, f"BILLING_PORT is {port}: cannot listen there" in printed) == (2, True), printed
    code, printed = await run("sandbox", "--port", port)
    assert (code, f"--port {port}: cannot listen there" in printed, "Traceback" in printed) == (2, True, False)


async def test_check_reports_an_unreachable_bank(run: Run) -> None:
    nowhere = {"BOG_AUTH_URL": "http://127.0.0.1:1/token", "BOG_CLIENT_ID": "demo", "BOG_CLIENT_SECRET": "demo"}
    code, printed = await run("check", **nowhere, BOG_API_BASE_URL="http://127.0.0.1:1/payments/v1")
    assert (code, "token service cannot be reached: Cannot connect" in printed, "Error(" in printed) == (1, True, False)


ODD = "[/red] [bold]much[/bold] :smile: \x1b[31m"


async def test_outside_text_is_printed_literally(service: Service, client: Client, bank: Bank) -> None:
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    refund = ("order", "refund", payment["order_id"], "--amount", "10", "--reason", ODD)
    assert (await service.command(*refund))[0] == 0
    code, printed = await service.command("order", "show", payment["order_id"])
    assert (code, "[/red] [bold]much[/bold] :smile:" in printed, "\x1b[31m" in printed) == (0, True, False), printed
    code, printed = await service.command("events", "tail", "--limit", "50")
    assert (code, 'order_id="SUB-' in printed, "{'" in printed) == (0, True, False), printed


async def test_check_says_what_is_wrong_and_how_to_fix_it(run: Run, bank: Bank) -> None:
    code, printed = await run("check")
    assert (code, "BOG_CLIENT_ID" in printed) == (1, True)
    good = {**bank.environment, "BOG_CALLBACK_PUBLIC_KEY": await bank.control("GET", "public-key")}
    assert (await run("check", **good))[0] == 0
    code, printed = await run("check", **{**good, "BOG_CLIENT_SECRET": "wrong"})
    assert (code, "rejects our credentials" in printed) == (1, True)


async def test_status_and_order_list_show_what_is_there(service: Service, client: Client, bank: Bank) -> None:
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    tenant = (await service.container.tokens().authenticate(client.token)).tenant_id  # type: ignore[union-attr]
    _, printed = await service.command("order", "list", "--tenant", tenant, "--json")
    (row,) = json.loads(printed)
    assert (row["order_id"], row["state"]) == (payment["order_id"], "completed")
    assert payment["order_id"] in (await service.command("order", "list", "--tenant", tenant))[1]
    _, printed = await service.command("order", "show", payment["bank_order_id"], "--json")
    shown = json.loads(printed)
    assert [step["event"] for step in shown["history"]] == [
        "create",
        "begin",
        "save_card_accepted",
        "complete",
    ]
    assert [entry["verdict"] for entry in shown["callbacks"]] == ["valid"]
    assert "complete (callback)" in (await service.command("order", "show", payment["order_id"]))[1]
    _, printed = await service.command("subscription", "show", tenant, "--json")
    mine = json.loads(printed)
    assert (mine["state"], mine["has_access"], len(mine["cards"]), len(mine["invoices"])) == ("active", True, 1, 1)
    assert "Business, 3 seats, 147.00 GEL a month" in (await service.command("subscription", "show", tenant))[1]
    told = json.loads((await service.command("status", "--json"))[1])
    assert told["orders"]["completed"] >= 1
    assert "GEL" in {money["currency"] for money in told["bank_balance"]}
    assert "completed" in (await service.command("status"))[1]


async def test_an_order_is_refunded_from_the_terminal(service: Service, client: Client, bank: Bank) -> None:
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    code, printed = await service.command("order", "refund", payment["order_id"], "--amount", "ten")
    assert (code, "is not an amount" in printed) == (2, True)
    code, printed = await service.command("order", "refund", payment["order_id"], "--amount", "500")
    assert (code, "147.00 GEL to refund, not 500.00 GEL" in printed) == (1, True)
    code, printed = await service.command("order", "refund", payment["order_id"], "--amount", "10.50", "--reason", "x")
    assert (code, "Asked the bank to refund 10.50 GEL, of 147.00 GEL" in printed) == (0, True), printed
    code, printed = await service.command("order", "refund", payment["order_id"], "--json")
    assert (code, json.loads(printed)["amount"]["amount"]) == (0, "136.50")
    assert "refund_requested" in (await service.command("order", "show", payment["order_id"]))[1]


async def test_postgresql_is_migrated_by_command_only(run: Run, new_database: Callable[[], Awaitable[str]]) -> None:
    database = {"DATABASE_URL": await new_database()}
    code, printed = await run("status", **database)
    assert (code, "run echodesk-billing migrate" in printed) == (1, True)
    code, printed = await run("migrate", "--json", **database)
    assert (code, json.loads(printed)["applied"][0]) == (0, "0001")
    assert "nothing to do" in (await run("migrate", **database))[1]
    assert (await run("status", **database))[0] == 0


async def test_without_credentials_it_serves_and_says_503_where_the_bank_is_needed(
    tmp_path: Path, client: Client
) -> None:
    port = str(free_port())
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3", "BILLING_PORT": port}
    file = tmp_path / "catalogue.toml"
    file.write_text(CATALOGUE)
    for arguments in (("catalogue", "load", str(file)), ("token", "create", "--tenant", "acme")):
        process = await start(tmp_path / "command.log", settings, "echodesk_billing", *arguments)
        assert await process.process.wait() == 0
    token = process.printed.split()[-1]
    process = await start(tmp_path / "serve.log", settings, "echodesk_billing", "serve")
    await process.ready()
    user = Client(f"http://127.0.0.1:{port}", client.http, token)
    assert [package["id"] for package in (await user.get("/api/packages/")).body] == [7]
    assert (await user.subscription())["has_subscription"] is False
    answer = await user.post("/api/payments/create/", {"package_id": 7})
    assert (answer.status, "BOG_CLIENT_ID" in answer.body["error"]) == (503, True)
    assert "Retry-After" in answer.headers
    ready = await user.get("/readyz")
    assert (ready.status, ready.body["database"]["ok"], ready.body["gateway"]["ok"]) == (503, True, False)
    assert await process.stop() == 0


async def test_the_simulated_bank_runs_alone(tmp_path: Path, client: Client) -> None:
    port = str(free_port())
    process = await start(tmp_path / "bank.log", {}, "echodesk_billing", "sandbox", "--port", port)
    other = Client(f"http://127.0.0.1:{port}", client.http)
    async with asyncio.timeout(START_WITHIN_SECONDS):
        while not (tmp_path / "key.pem").exists():
            with contextlib.suppress(aiohttp.ClientConnectionError):
                (tmp_path / "key.pem").write_text((await other.get("/sandbox/public-key")).body)
            await asyncio.sleep(0.02)
    assert (tmp_path / "key.pem").read_text().startswith("-----BEGIN PUBLIC KEY-----")
    await process.stop()


async def test_a_refund_with_an_id_is_made_once_and_records_its_operator(
    service: Service, client: Client, bank: Bank
) -> None:
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    named = ("--refund-id", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "--amount", "10", "--json")
    refunds = [json.loads((await service.command("order", "refund", payment["order_id"], *named))[1]) for _ in "ab"]
    assert refunds[0]["refund_id"] == refunds[1]["refund_id"]
    assert await bank.refunded(payment["order_id"]) == ["10.0"]
    shown = json.loads((await service.command("order", "show", payment["order_id"], "--json"))[1])
    assert [one["by"][:4] for one in shown["refunds"]] == ["cli:"]
    code, printed = await service.command("order", "refund", payment["order_id"], "--refund-id", "mine")
    assert (code, "is not a UUID" in printed) == (2, True)


async def test_an_order_that_needs_attention_is_resolved_and_counts_no_more(
    service: Service, client: Client, bank: Bank
) -> None:
    payment = await client.buy()
    await bank.fault("callback", "drop")
    await bank.pay(payment["bank_order_id"])

    def mark(uow: UnitOfWork) -> None:
        order = uow.orders.lock(payment["order_id"], "")
        assert order is not None
        order.mark("somebody should look", Source.CALLBACK, order.updated_at)
        uow.orders.save(order)

    await service.container.storage().transact(mark)
    assert payment["order_id"] in (await service.command("check"))[1]
    assert (await service.command("order", "resolve", payment["order_id"]))[0] == 2
    code, printed = await service.command("order", "resolve", payment["order_id"], "--reason", "looked")
    assert (code, "no longer needs attention" in printed) == (0, True)
    assert payment["order_id"] not in (await service.command("check"))[1]
    assert "resolved" in (await service.command("order", "show", payment["order_id"]))[1]


@pytest.mark.parametrize(
    "command",
    [
        ("subscription", "show", "evil.example/#"),
        ("subscription", "statement", "Acme"),
        ("order", "list", "--tenant", ""),
        ("token", "create", "--tenant", "pg_toast"),
        ("token", "list", "--tenant", "a b"),
        ("events", "tail", "--tenant", "../x"),
    ],
)
async def test_an_invalid_tenant_is_exit_code_2(service: Service, command: tuple[str, ...]) -> None:
    code, printed = await service.command(*command)
    assert (code, "tenant" in printed, "Traceback" in printed) == (2, True, False)


async def test_tokens_expire_by_default_and_old_rows_are_pruned_by_command(service: Service) -> None:
    tenant = f"t{secrets.token_hex(4)}"
    await service.command("token", "create", "--tenant", tenant)
    await service.command("token", "create", "--tenant", tenant, "--never")
    listed = json.loads((await service.command("token", "list", "--tenant", tenant, "--json"))[1])
    assert sorted(one["expires_at"] is None for one in listed) == [False, True]
    pruned = json.loads((await service.command("prune", "--json"))[1])
    kept = {"answers", "refused_callbacks", "tokens", "unpaid_registrations", "mails", "webhooks", "events", "steps"}
    assert set(pruned) == kept
    assert json.loads((await service.command("status", "--json"))[1])["never_due"] == []


async def test_webhook_endpoints_are_managed_from_the_terminal(service: Service, client: Client, bank: Bank) -> None:
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    await bank.answered(payment["bank_order_id"])
    tenant = (await client.get("/api/events/")).body["events"][0]["data"]["tenant_id"]
    create = ("webhooks", "create", "https://hooks.invalid/billing", "--tenant", tenant)
    assert (await service.command(*create))[0] == 2, "a reason is needed"
    assert (await service.command("webhooks", "create", "http://10.0.0.1/", "--reason", "x"))[0] == 2
    made = json.loads((await service.command(*create, "--reason", "the CRM", "--json"))[1])
    assert made["secret"].startswith("whsec_")
    listed = (await service.command("webhooks", "list"))[1]
    assert (made["id"] in listed, made["secret"] in listed) == (True, False)
    reason = ("--reason", "tests")
    rotated = json.loads((await service.command("webhooks", "rotate", made["id"], *reason, "--json"))[1])
    assert rotated["secret"] != made["secret"]
    code, printed = await service.command("webhooks", "test", made["id"])
    assert (code, "failed: cannot connect" in printed) == (1, True), printed
    code, printed = await service.command("webhooks", "replay", made["id"], "--since", "yesterday", *reason)
    assert (code, "is not a day" in printed) == (2, True)
    assert (
        "sent again" in (await service.command("webhooks", "replay", made["id"], "--since", "2026-01-01", *reason))[1]
    )
    assert "SubscriptionActivated" in (await service.command("webhooks", "deliveries", made["id"]))[1]
    assert "is disabled" in (await service.command("webhooks", "disable", made["id"], *reason))[1]
    assert "is enabled" in (await service.command("webhooks", "enable", made["id"], *reason))[1]
    assert (await service.command("webhooks", "enable", "we-0", *reason))[0] == 1


async def test_mails_are_shown_before_they_are_sent(service: Service) -> None:
    code, printed = await service.command("mail", "preview", "receipt", "--language", "en")
    assert (code, "Subject: Receipt for 145.00 GEL: INV-2026-000012" in printed) == (0, True)
    assert (await service.command("mail", "preview", "receipt", "--html"))[1].startswith("<!doctype html>")
    written = json.loads((await service.command("mail", "preview", "suspended", "--language", "ru", "--json"))[1])
    assert set(written) == {"subject", "text", "html"}
    assert (await service.command("mail", "preview", "nothing"))[0] == 2


async def test_customers_are_listed_shown_and_changed_from_the_terminal(
    service: Service, client: Client, bank: Bank
) -> None:
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    assert await bank.answered(payment["bank_order_id"]) == [200]
    tenant = (await client.get("/api/billing-profile/")).body["tenant_id"]
    code, printed = await service.command("customer", "list", "--after", tenant[:-1], "--limit", "1", "--json")
    assert (code, [one["tenant_id"] for one in json.loads(printed)]) == (0, [tenant])
    profile = (
        "--legal-name",
        "შპს აკმე",
        "--code",
        "404123456",
        "--vat-payer",
        "--email",
        "a@b.ge",
        "--language",
        "en",
    )
    code, printed = await service.command("customer", "set", tenant, "--subdomain", f"{tenant}-shop", *profile)
    assert (code, "შპს აკმე" in printed, f"{tenant}-shop" in printed) == (0, True, True)
    code, printed = await service.command("customer", "show", tenant, "--json")
    shown = json.loads(printed)
    assert (shown["profile"]["is_vat_payer"], shown["profile"]["emails"]) == (True, ["a@b.ge"])
    events = (await client.get("/api/events/")).body["events"]
    (told,) = [one["data"] for one in events if one["type"] == "BillingProfileChanged"]
    assert (told["by"].startswith("cli:"), "legal_name" in told["fields"]) == (True, True)
    for arguments, wrong in (
        (("customer", "set", tenant, "--code", "?"), 2),
        (("customer", "set", tenant, "--subdomain", "www"), 2),
        (("customer", "show", "Acme"), 2),
        (("customer", "show", "nobody-here"), 1),
    ):
        code, printed = await service.command(*arguments)
        assert (code, "Traceback" in printed) == (wrong, False), printed


async def test_days_are_given_and_a_charge_is_tried_from_the_terminal(
    service: Service, client: Client, bank: Bank
) -> None:
    payment = await client.buy(package_id=2, seats=3)
    await bank.pay(payment["bank_order_id"])
    assert await bank.answered(payment["bank_order_id"]) == [200]
    (event,) = [
        one for one in (await client.get("/api/events/")).body["events"] if one["type"] == "SubscriptionActivated"
    ]
    tenant, until = event["data"]["tenant_id"], datetime.fromisoformat(event["data"]["paid_until"])
    code, printed = await service.command("subscription", "give-days", tenant, "10", "--reason", "an outage", "--json")
    assert code == 0, printed
    given = json.loads(printed)
    assert (given["state"], datetime.fromisoformat(given["paid_until"]) - until) == ("active", timedelta(days=10))
    code, printed = await service.command("subscription", "retry", tenant)
    assert (code, "Nothing is owed" in printed, "Traceback" in printed) == (1, True, False)
    code, printed = await service.command("subscription", "give-days", tenant, "0", "--reason", "x")
    assert (code, "Traceback" in printed) == (2, False)


async def test_a_plan_is_made_complimentary_paused_and_resumed_from_the_command_line(
    service: Service, client: Client, bank: Bank
) -> None:
    payment = await client.buy(package_id=2, seats=3)
    await bank.pay(payment["bank_order_id"])
    assert await bank.answered(payment["bank_order_id"]) == [200]
    (event,) = [
        one for one in (await client.get("/api/events/")).body["events"] if one["type"] == "SubscriptionActivated"
    ]
    tenant = event["data"]["tenant_id"]
    act = ("subscription", "pause", tenant, "--reason", "a season")
    code, printed = await service.command(*act, "--until", "soon")
    assert (code, "'soon' is not a day" in printed) == (2, True)
    assert (await service.command(*act, "--until", "2020-01-01"))[0] == 2
    code, printed = await service.command(*act, "--json")
    assert (code, json.loads(printed)["pause"]) == (0, {"until": None, "keeps_access": False})
    assert "until it is resumed" in (await service.command("subscription", "show", tenant))[1]
    assert (await service.command("subscription", "resume", tenant))[0] == 0
    code, printed = await service.command("subscription", "resume", tenant)
    assert (code, "Traceback" in printed) == (1, False)
    free = ("subscription", "complimentary", tenant, "--reason", "a partner")
    code, printed = await service.command(*free)
    assert (code, "--for-good" in printed) == (2, True)
    code, printed = await service.command(*free, "--for-good", "--json")
    assert (code, json.loads(printed)["complimentary"]["until"]) == (0, None)
    assert "for good" in (await service.command("subscription", "show", tenant))[1]
    assert (await service.command(*free, "--for-good", "--package", "2"))[0] == 1


async def test_a_bank_transfer_is_recorded_against_its_proforma(service: Service, tmp_path: Path) -> None:
    tenant = f"transfers-{tmp_path.name[-8:].lower().replace('_', '-')}"
    page = tmp_path / "proforma.pdf"
    made = ("proforma", "create", tenant, "--package", "2", "--pdf", str(page), "--json")
    code, printed = await service.command(*made)
    assert (code, page.read_bytes()[:5]) == (0, b"%PDF-"), printed
    number, amount = json.loads(printed)["number"], json.loads(printed)["amount"]["amount"]
    record = ("payment", "record", number, amount, "--reference", "T1", "--reason", "seen on the statement")
    assert (await service.command("payment", "record", number, "much", *record[4:]))[0] == 2
    code, printed = await service.command("payment", "record", number, "1.00", *record[4:])
    assert (code, "Traceback" in printed) == (2, False)
    orders = {json.loads((await service.command(*record, "--json"))[1])["order_id"] for _ in range(2)}
    assert len(orders) == 1
    code, printed = await service.command("payment", "record", number, amount, "--reference", "T2", "--reason", "x")
    assert (code, f"was paid before, by {orders.pop()}" in printed) == (1, True)
    assert number in (await service.command("proforma", "list", "--tenant", tenant))[1]
    assert "active" in (await service.command("subscription", "show", tenant))[1]


async def test_coupons_are_made_listed_and_ended_from_the_command_line(service: Service, client: Client) -> None:
    code = f"CLI-{uuid.uuid4().hex[:8]}".upper()
    create = ("coupon", "create", code.lower(), "percent", "20", "--reason", "a campaign")
    until = ("--until", "2999-01-01", "--max-uses", "5", "--package", "2")
    made, printed = await service.command(*create, *until, "--json")
    assert (made, json.loads(printed)["packages"]) == (0, [2]), printed
    again, printed = await service.command(*create)
    assert (again, "Traceback" in printed) == (1, False)
    assert (await service.command("coupon", "create", "OTHER", "percent", "100", "--reason", "x"))[0] == 2
    payment = await client.buy(package_id=2, coupon=code)
    assert payment["coupon_notice"]
    listed, printed = await service.command("coupon", "list", "--after", code[:-1])
    assert (listed, code in printed, "20 % off, for good" in printed) == (0, True, True)
    assert (await service.command("coupon", "disable", code))[0] == 0
    assert (await service.command("coupon", "disable", "NOTHING"))[0] == 1


async def test_figures_of_the_business_are_shown_and_verified(service: Service, client: Client, bank: Bank) -> None:
    payment = await client.buy(package_id=2, seats=3)
    await bank.pay(payment["bank_order_id"])
    assert await bank.answered(payment["bank_order_id"]) == [200]
    code, printed = await service.command("stats", "--json", "--verify")
    assert code == 0, printed
    stats = json.loads(printed)
    assert (stats["differences"], stats["currencies"][0]["customers"] > 0) == ([], True)
    code, printed = await service.command("stats", "--verify")
    assert (code, "MRR" in printed, "All figures agree." in printed) == (0, True, True)


async def test_documents_and_entries_are_listed_and_exported(
    service: Service, client: Client, bank: Bank, tmp_path: Path
) -> None:
    payment = await client.buy(package_id=2, seats=3)
    await bank.pay(payment["bank_order_id"])
    assert await bank.answered(payment["bank_order_id"]) == [200]
    (invoice,) = (await client.get("/api/payments/invoices/")).body["invoices"]
    days = ("--from", "2026-01-01", "--to", "2999-12-31")
    code, printed = await service.command("invoices", "list", "--json")
    assert (code, invoice["invoice_number"] in printed) == (0, True)
    assert invoice["invoice_number"] in (await service.command("invoices", "list"))[1]
    code, printed = await service.command("invoices", "export", *days)
    assert (code, invoice["invoice_number"] in printed) == (0, True), printed
    code, printed = await service.command("ledger", "export", *days, "--format", "json")
    entries = [one for one in json.loads(printed) if one["order_id"] == payment["order_id"]]
    assert [one["kind"] for one in entries] == ["payment", "invoice"]
    workbook = tmp_path / "invoices.xlsx"
    code, printed = await service.command("invoices", "export", *days, "--format", "xlsx", "--output", str(workbook))
    assert (code, f"rows in {workbook}" in printed, workbook.read_bytes()[:2]) == (0, True, b"PK")
    for wrong in (
        ("invoices", "export", "--from", "x", "--to", "2026-01-01"),
        ("invoices", "export", "--from", "2026-02-01", "--to", "2026-01-01"),
        ("ledger", "export", *days, "--format", "xlsx"),
    ):
        code, printed = await service.command(*wrong)
        assert (code, "Traceback" in printed) == (2, False), printed
    code, printed = await service.command("subscription", "list", "--state", "active")
    assert (code, "active" in printed) == (0, True)
