"""Moving in: the CRM's own tables, with everything that went wrong in them, become customers here."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from attrs import define
from cryptography.fernet import Fernet
from sqlalchemy import make_url

from echodesk_billing import load_settings
from echodesk_billing.container import Container, open_container
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.face.base import operator
from tests.builders import principal
from tests.integration.old_crm import OldCrm, fill
from tests.integration.parts import ROOT, Bank, Forge, clean_environment, prepare, run_python, running_bank
from tests.integration.test_docs import blocks, commands_in, run

NewDatabase = Callable[[], Awaitable[str]]

ASKED_ZERO = "the saved card may be charged 0.00 GEL, and the price is 120.00 GEL"
ASKED_SMALL = "the saved card may be charged 4.20 GEL, and the price is 120.00 GEL"
NO_CARD = "there is no saved card"
QUIET = 1 + 1 / 24
"""Days until something may be due: the pause, and the longest import."""

# tenant: state, days paid, months added, price, what the card repeats, days to the next charge, why not the card, lines
BY_THE_TABLES: dict[str, tuple[Any, ...]] = {
    "acme": ("active", 12, 0, "120.00 GEL", "120.00 GEL", 12, None, []),
    "bought_twice": ("active", 12, 0, "120.00 GEL", "120.00 GEL", 12, None, ["paid without effect SUB-BOUGHT000002"]),
    "cancelled": ("cancelled", 12, 0, "120.00 GEL", "120.00 GEL", None, None, []),
    "cardless": ("active", 9, 0, "120.00 GEL", "0.00 GEL", 8, ASKED_ZERO, ["no mandate"]),
    "charging": ("active", 1, 0, "120.00 GEL", "120.00 GEL", QUIET, None, []),
    "ended": ("ended", -70, 0, "120.00 GEL", "120.00 GEL", None, None, []),
    "flitt": (
        "active",
        12,
        0,
        "120.00 GEL",
        "120.00 GEL",
        12,
        None,
        ["left alone UUID", "paid without effect FEAT-FLITT0000001"],
    ),
    "gave_back": ("active", 12, 0, "120.00 GEL", "120.00 GEL", 12, None, []),
    "late_dates": ("active", 12, 0, "130.00 GEL", "130.00 GEL", 12, None, ["feature telegraph"]),
    "no_dates": ("incomplete", None, 0, None, "120.00 GEL", None, None, ["incomplete"]),
    "one_payment": ("active", 12, 0, "120.00 GEL", "120.00 GEL", 12, None, ["duplicate MAN-ONEPAYMENT01"]),
    "overdue": ("past_due", -20, 0, "120.00 GEL", "120.00 GEL", QUIET, None, ["overdue"]),
    "prorated": ("active", 9, 0, "120.00 GEL", "4.20 GEL", 8, ASKED_SMALL, ["no mandate"]),
    "removed": ("active", 12, 0, "120.00 GEL", None, 11, NO_CARD, ["card UUID", "no mandate"]),
    "retried": (
        "active",
        -1,
        1,
        "120.00 GEL",
        "120.00 GEL",
        "paid",
        None,
        ["charge without order RETRY-1", "payment added RETRY-1"],
    ),
    "rounded": ("active", 12, 0, "156.00 GEL", "156.00 GEL", 12, None, ["price fitted"]),
    "suspended": ("suspended", -9, 0, "120.00 GEL", "120.00 GEL", None, None, []),
    "trialing": ("trialing", 10, 0, "120.00 GEL", None, 10, NO_CARD, ["no mandate"]),
    "two_cards": ("active", 12, 0, "120.00 GEL", "120.00 GEL", 12, None, ["card UUID"]),
    "unbilled": ("active", 1, 1, "120.00 GEL", "120.00 GEL", "paid", None, ["payment added REC-UNBILLED0001"]),
    "unlisted": ("active", 12, 0, "120.00 GEL", "120.00 GEL", 12, None, ["card UUID"]),
    "vip": ("cancelled", 2000, 0, "120.00 GEL", "120.00 GEL", None, None, ["complimentary"]),
    "waiting": ("active", 1, 0, "120.00 GEL", "120.00 GEL", QUIET, None, []),
}
# What the bank knows better.
BY_THE_BANK: dict[str, tuple[Any, ...]] = {
    **BY_THE_TABLES,
    "gave_back": (*BY_THE_TABLES["gave_back"][:-1], ["refunded REC-GAVEBACK0001"]),
    "one_payment": (
        *BY_THE_TABLES["one_payment"][:-1],
        ["unknown at the bank MAN-ONEPAYMENT02", "duplicate MAN-ONEPAYMENT01"],
    ),
    "retried": (
        *BY_THE_TABLES["retried"][:-1],
        ["charge without order RETRY-1-REC-0123456789AB", "payment added RETRY-1-REC-0123456789AB"],
    ),
    "rounded": (
        *BY_THE_TABLES["rounded"][:-1],
        ["amount differs REC-ROUNDED00001", "price fitted", "amount differs INV-202511-0009"],
    ),
    "waiting": (
        "active",
        1,
        1,
        "120.00 GEL",
        "120.00 GEL",
        "paid",
        None,
        ["outcome differs MAN-WAITING00001", "payment added MAN-WAITING00001"],
    ),
}
OF_NO_TENANT = [
    "left alone gone REG-GONE00000001",
    "left alone paddle_co",
    "paid without effect ghost REG-GHOST0000001",
    "paid without effect newcomer REG-NEWCOMER0001",
]


@define
class Moving:
    """The old CRM, the bank, and the database to move to."""

    crm: OldCrm
    bank: Bank
    database: str
    environment: dict[str, str]
    folder: Path
    forge: Forge

    async def command(self, *arguments: str, code: int = 0) -> Any:
        """`import echodesk … --json`; gives what it printed."""
        whole = ("import", "echodesk", "--from", self.crm.url, *arguments, "--json")
        found, printed = await self.forge.run(self.folder / "command.log", self.environment, *whole)
        assert found == code, printed[-2000:]
        return json.loads(printed.splitlines()[-1])

    @asynccontextmanager
    async def container(self) -> AsyncIterator[Container]:
        """The components on the database to move to."""
        async with open_container(load_settings(self.environment)) as container:
            yield container

    async def dump(self) -> dict[str, list[str]]:
        """Every row of every table of ours."""
        connection = await asyncpg.connect(self.database)
        try:
            tables = await connection.fetch(
                "SELECT table_name AS name FROM information_schema.tables "
                "WHERE table_schema = 'billing' AND table_name NOT LIKE 'procrastinate%' ORDER BY 1"
            )
            found = {}
            for table in tables:
                query = f'SELECT t::text AS row FROM billing."{table["name"]}" t ORDER BY 1'  # noqa: S608 - our names
                found[table["name"]] = [row["row"] for row in await connection.fetch(query)]
            return found
        finally:
            await connection.close()


@asynccontextmanager
async def moving_in(folder: Path, new_database: NewDatabase, forge: Forge) -> AsyncIterator[Moving]:
    """An old CRM that is full of traps, its bank, and a database of ours that is empty."""
    async with running_bank(folder / "bank.log") as bank:
        crm = await OldCrm.create(await new_database(), bank)
        await fill(crm)
        database = await new_database()
        environment = {
            **bank.environment,
            "DATABASE_URL": database,
            "BILLING_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "BILLING_LOG_LEVEL": "error",
            "API_DOMAIN": "http://127.0.0.1:9",
        }
        settings = load_settings(environment)
        async with open_container(settings) as container:
            await container.storage().migrate()
        yield Moving(crm, bank, database, environment, folder, forge)
        await crm.connection.close()


@pytest.fixture
async def moving(tmp_path: Path, new_database: NewDatabase, forge: Forge) -> AsyncIterator[Moving]:
    async with moving_in(tmp_path, new_database, forge) as moving:
        yield moving


def as_lines(crm: OldCrm, plan: Any) -> dict[str, tuple[Any, ...]]:
    """A printed plan in the words of the tables above."""
    return {one["tenant"]: _line(crm, one) for one in plan["tenants"]}


def _line(crm: OldCrm, one: Any) -> tuple[Any, ...]:
    months = sum(reason.startswith("+ 1 month") for reason in one["because"])
    until = datetime.fromisoformat(one["paid_until"]) if one["paid_until"] else None
    # A month added is a calendar month, or 30 days where those are more.
    days = None if until is None else _days(crm, until) - (_month(crm, one) if months else 0)
    charge = one["next_charge"]
    at = None
    if charge is not None:
        moment = datetime.fromisoformat(charge["at"])
        at = "paid" if months and moment == until else _days(crm, moment)
        assert f"{charge['amount']['amount']} {charge['amount']['currency']}" == one["price"]
    obstacle = charge and charge["obstacle"]
    found = [_finding(finding) for finding in one["findings"]]
    return (one["state"], days, months, one["price"], one["mandate"], at, obstacle, found)


def _month(crm: OldCrm, one: Any) -> float:
    before = crm.days(BY_THE_TABLES[one["tenant"]][1])
    days = (datetime.fromisoformat(one["paid_until"]) - before).days
    assert 30 <= days <= 31
    return days


def _days(crm: OldCrm, moment: datetime) -> float:
    days = (moment - crm.now).total_seconds() / 86400
    return round(days) if abs(days - round(days)) < 0.01 else QUIET if abs(days - QUIET) < 0.01 else days


def _finding(one: Any) -> str:
    subject = "UUID" if len(one["subject"]) == 36 else one["subject"]
    return f"{one['kind']} {subject}".strip()


async def test_every_line_of_the_plan_by_the_tables_and_by_the_bank(moving: Moving) -> None:
    by_tables = await moving.command("--dry-run")
    assert as_lines(moving.crm, by_tables) == BY_THE_TABLES
    by_bank = await moving.command("--dry-run", "--ask-bank")
    assert as_lines(moving.crm, by_bank) == BY_THE_BANK
    for plan in (by_tables, by_bank):
        told = [f"{one['kind']} {one['tenant']} {one['subject']}".strip() for one in plan["findings"]]
        assert sorted(told) == OF_NO_TENANT
        registered = [(one["tenant"], one["state"]) for one in plan["registrations"]]
        assert registered == [("newcomer", "completed"), ("late", "processing"), ("ghost", "completed")]
        people = [one for tenant in plan["tenants"] for one in tenant["findings"]] + plan["findings"]
        assert plan["needs_a_person"] == sum(one["needs_a_person"] for one in people)
    assert (await moving.dump())["customers"] == []


async def test_it_is_written_once_and_nothing_is_charged_mailed_or_called(moving: Moving) -> None:
    before = await moving.bank.control("GET", "orders")
    made = len(await moving.bank.control("GET", "calls"))
    first = await moving.command("--ask-bank")
    assert {one["outcome"] for one in first["tenants"]} == {"imported"}
    calls = (await moving.bank.control("GET", "calls"))[made:]
    assert {(call["method"], call["path"].split("/")[3]) for call in calls} == {("GET", "receipt"), ("POST", "bog")}
    assert await moving.bank.control("GET", "orders") == before

    stored = await moving.dump()
    async with moving.container() as container:
        events = await container.storage().read(lambda uow: uow.outbox.latest(None, 1000))
        due = await container.storage().read(lambda uow: uow.subscriptions.due(moving.crm.days(QUIET - 0.05), 100))
        audit = [one async for one in container.audit().report(await container.audit().day(moving.crm.now.date()))]
    assert {event.name for event in events} == {"SubscriptionImported"}
    assert len(events) == len(BY_THE_TABLES)
    assert due == []
    assert {one.order_id: one.differences for one in audit if one.differences and not _expected(one.differences)} == {}
    assert (await moving.command("--ask-bank", "--verify")) == {"tenants": len(BY_THE_TABLES), "differences": []}

    second = await moving.command("--ask-bank")
    assert {one["outcome"] for one in [*second["tenants"], *second["registrations"]]} == {"unchanged"}
    assert await moving.dump() == stored

    connection = await asyncpg.connect(moving.database)
    await connection.execute("UPDATE billing.cards SET mandate_minor = 1 WHERE tenant_id = 'acme'")
    await connection.close()
    (found,) = (await moving.command("--ask-bank", "--verify", code=1))["differences"]
    assert (found["tenant"], found["what"], found["planned"], found["found"]) == (
        "acme",
        "mandate",
        "120.00 GEL",
        "0.01 GEL",
    )


def _expected(differences: tuple[str, ...]) -> bool:
    """What needs a person is said again, in the words of the plan."""
    return all("show it" in one or "not selected" in one or "no tenant was made" in one for one in differences)


async def test_ids_names_numbers_and_secrets_are_kept(moving: Moving) -> None:
    await moving.command("--ask-bank")
    rows = await moving.crm.connection.fetch("SELECT id, parent_order_id FROM tenants_saved_card")
    kept = {row["parent_order_id"]: row["id"] for row in rows}
    async with moving.container() as container:
        storage = container.storage()
        cards = {
            tenant: await storage.read(lambda uow, parent=parent, tenant=tenant: uow.cards.of_parent(parent, tenant))  # type: ignore[misc]
            for tenant, parent in moving.crm.parents.items()
        }
        for tenant, parent in moving.crm.parents.items():
            assert cards[tenant].id == kept[parent] if parent in kept else cards[tenant].id > max(kept.values())
        assert (cards["removed"].state, cards["removed"].is_default) == ("forgetting", False)
        (invoice,) = await storage.read(lambda uow: uow.books.invoices_of("acme", 10))
        assert (invoice.number, invoice.external_url) == (
            "INV-202511-0007",
            "https://files.example/INV-202511-0007.pdf",
        )
        customer = await container.customers().show("late_dates")
        assert (customer.subdomain, customer.profile.language, customer.profile.emails) == ("latecomer", "en", ())
        payload = json.loads(await container.register().payload("REG-NEWCOMER0001"))
        assert (payload["admin_password"], payload["feature_ids"]) == ("pbkdf2_sha256$600000$salt$hash", [1, 2, 3])
        catalogue = await container.views().catalogue()
        assert [(one.key, one.is_required) for one in catalogue.features] == [
            ("core", True),
            ("tickets", False),
            ("calls", False),
            ("booking", False),
        ]
        assert all(not one.prices_flat for one in catalogue.features)
    stored = await moving.dump()
    assert not [row for rows in stored.values() for row in rows if "pbkdf2" in row]
    history = [row for row in stored["order_steps"] if "REC-ACME00000001" in row]
    assert ["import" in row for row in history] == [True, False, False]
    assert "120.00 GEL, paid, says the CRM" in history[0]


async def test_a_crash_between_tenants_leaves_whole_tenants(moving: Moving) -> None:
    script = f"""
import asyncio, os
from echodesk_billing import load_settings
from echodesk_billing.container import open_container

async def main():
    async with open_container(load_settings()) as container:
        uses = container.import_tenants()
        plan = await uses.plan(container.old_tables({moving.crm.url!r}))
        written = 0
        async for one in uses.write(plan):
            written += 1
            if written == 7:
                os._exit(9)

asyncio.run(main())
"""
    process = await run_python(moving.folder / "crash.log", moving.environment, script)
    assert await process.process.wait() == 9, process.printed
    names = sorted(BY_THE_TABLES)
    half = await moving.command("--verify", code=1)
    missing = {one["tenant"] for one in half["differences"] if one["what"] == "imported"}
    assert missing == set(names[7:])
    assert {one["tenant"] for one in half["differences"]} == missing | {"newcomer", "late", "ghost"}
    rest = await moving.command()
    outcomes = {one["tenant"]: one["outcome"] for one in rest["tenants"]}
    assert outcomes == {name: "unchanged" if name in names[:7] else "imported" for name in names}
    assert (await moving.command("--verify"))["differences"] == []


async def test_two_imports_at_once_write_each_tenant_once(moving: Moving) -> None:
    async def run() -> list[str]:
        async with moving.container() as container:
            uses = container.import_tenants()
            plan = await uses.plan(container.old_tables(moving.crm.url))
            return [one.outcome async for one in uses.write(plan)]

    both = await asyncio.gather(run(), run())
    assert [sorted(pair) for pair in zip(*both, strict=True)] == [["imported", "unchanged"]] * (len(BY_THE_TABLES) + 3)
    assert len((await moving.dump())["customers"]) == len(BY_THE_TABLES)


async def test_a_person_decides(moving: Moving) -> None:
    decided = moving.folder / "decisions.toml"
    decided.write_text(
        """
        [acme]
        skip = true
        note = "pays by bank transfer"

        [no_dates]
        paid_until = 2099-01-01T00:00:00+04:00
        complimentary = false

        [vip]
        complimentary = true

        [bought_twice]
        apply = ["SUB-BOUGHT000002"]

        [flitt]
        settled = ["FEAT-FLITT0000001"]
        note = "given back in cash"

        [newcomer]
        apply = ["REG-NEWCOMER0001"]

        [ended]
        apply = ["SUB-000000000000"]
        """
    )
    plan = await moving.command("--ask-bank", "--decisions", str(decided))
    tenants = {one["tenant"]: one for one in plan["tenants"]}
    assert "acme" not in tenants
    assert ("left alone", "decided: pays by bank transfer") in [
        (one["kind"], one["message"]) for one in plan["findings"]
    ]
    assert (tenants["no_dates"]["state"], tenants["no_dates"]["paid_until"]) == ("active", "2098-12-31T20:00:00Z")
    assert tenants["bought_twice"]["because"] == ["next_billing_date", "+ 1 month for SUB-BOUGHT000002"]
    assert [one["kind"] for one in tenants["flitt"]["findings"]] == ["left alone"]
    assert [(one["kind"], one["subject"]) for one in tenants["ended"]["findings"]] == [("conflict", "SUB-000000000000")]
    async with moving.container() as container:
        assert [one async for one in container.reconcile().run()]
        names = [one.name for one in await container.storage().read(lambda uow: uow.outbox.latest("newcomer", 100))]
        assert "TenantRegistered" in names
        newcomer = await subscription(container, "newcomer")
        assert (newcomer.state, newcomer.plan_of(0).price.minor) == ("active", 12000)
        attention = await container.storage().read(lambda uow: uow.orders.needing_attention(100))
        assert {one.id for one in attention} == {"REG-GHOST0000001"}


async def test_messages_of_the_bank_about_old_orders_are_understood(moving: Moving) -> None:
    """An order that was still open is paid after the move; a feature too; an old payment is given back."""
    crm = moving.crm
    late = await crm.at_bank("MAN-ACMELATE0001", "120.00", pays=False)
    row = {"status": "pending", "paid_at": None}
    await crm.order("acme", "MAN", "120.00", 0, order_id="MAN-ACMELATE0001", bog_order_id=late, **row)
    feature = await crm.at_bank("FEAT-ACMELATE001", "2.10", pays=False)
    await crm.order("acme", "FEAT", "2.10", 0, order_id="FEAT-ACMELATE001", bog_order_id=feature, **row)
    await moving.command()
    await moving.bank.pay(late)
    await moving.bank.pay(feature)
    async with moving.container() as container:
        before = await subscription(container, "acme")
        assert [one async for one in container.reconcile().run()]
        after = await subscription(container, "acme")
        assert (after.next_period, after.term.end) == (2, before.term.period(1).end)
        (odd,) = [
            one
            for one in await container.storage().read(lambda uow: uow.orders.needing_attention(100))
            if one.tenant_id == "acme"
        ]
        assert (odd.id, odd.state) == ("FEAT-ACMELATE001", "completed")
        await container.refunds().refund(operator("tests"), "REC-ACME00000001", None, "asked for")
        await moving.bank.control("POST", "clock", {"advance": 5})
        assert [one async for one in container.reconcile().run(older_than=timedelta(0))]
        given_back = await container.storage().read(lambda uow: uow.orders.get("REC-ACME00000001", "acme"))
        assert given_back is not None
        assert given_back.state == "refunded"


async def test_what_cannot_be_imported_is_refused_by_name(moving: Moving, new_database: NewDatabase) -> None:
    old = await new_database()
    connection = await asyncpg.connect(old)
    try:
        other = {**moving.environment}
        for table, said in (
            ("", "no table public.django_migrations"),
            ("CREATE TABLE django_migrations (app text, name text)", "at migration none"),
            (
                "INSERT INTO django_migrations VALUES ('tenants', '0041_subscription_management_system')",
                "0041_subscription",
            ),
            ("INSERT INTO django_migrations VALUES ('tenants', '0042_drop_package_model')", "tenants_tenant"),
        ):
            if table:
                await connection.execute(table)
            code, printed = await moving.forge.run(
                moving.folder / "refused.log", other, "import", "echodesk", "--from", old, "--dry-run"
            )
            assert (code, said in printed) == (1, True), printed
    finally:
        await connection.close()
    wrong = moving.folder / "wrong.toml"
    wrong.write_text("[acme]\npaid_util = 1")
    naive = moving.folder / "naive.toml"
    naive.write_text("[acme]\npaid_until = 2026-12-20T00:00:00")
    for arguments, said in (
        (("--from", "sqlite:///x"), "postgresql://"),
        ((), "--from"),
        (("--from", moving.crm.url, "--grace-from", "soon"), "--grace-from"),
        (("--from", moving.crm.url, "--decisions", str(wrong)), "paid_util"),
        (("--from", moving.crm.url, "--decisions", str(naive)), "no time zone"),
        (("--from", moving.crm.url, "--decisions", "/nowhere.toml"), "/nowhere.toml"),
    ):
        code, printed = await moving.forge.run(
            moving.folder / "wrong.log", moving.environment, "import", "echodesk", *arguments
        )
        assert (code in (1, 2), said in printed, "Traceback" in printed) == (True, True, False), printed
    await moving.bank.fault("/receipt", "status", status=503, times=100)
    assert "bank" in (await moving.command("--ask-bank", code=1))["error"]
    await moving.bank.control("DELETE", "faults")
    assert (await moving.command("--tenant", "acme", "--tenant", "nobody", code=1))["error"].startswith(
        "The CRM has no"
    )
    assert (await moving.dump())["customers"] == []
    found = await moving.command("--tenant", "acme", "--tenant", "vip")
    assert [one["tenant"] for one in found["tenants"]] == ["acme", "vip"]
    assert found["registrations"] == []


async def test_other_versions_of_the_tables_are_read_or_refused_by_column(moving: Moving) -> None:
    change = moving.crm.connection.execute
    await change("ALTER TABLE tenants_subscription_event DROP COLUMN tenant_id")
    await change("ALTER TABLE tenants_tenant DROP COLUMN payment_provider, ADD COLUMN more text")
    await change("DROP TABLE tenants_pending_registration_selected_features")
    plan = as_lines(moving.crm, await moving.command("--dry-run", "--tenant", "acme", "--tenant", "suspended"))
    assert plan == {name: BY_THE_TABLES[name] for name in ("acme", "suspended")}
    await change("ALTER TABLE tenants_saved_card DROP COLUMN saved_at")
    assert (await moving.command("--dry-run", code=1))["error"] == "The old tables lack the column saved_at"


async def test_somebody_who_already_buys_here_is_not_overwritten(moving: Moving) -> None:
    async with moving.container() as container:
        await prepare(container, load_settings(moving.environment))
        order = await container.checkout().buy(principal("bought_twice"), Selection(package_id=2, seats=1))
        await moving.bank.pay(order.bank_order_id or "")
        assert [one async for one in container.reconcile().run(older_than=timedelta(0))]
        bought = await subscription(container, "bought_twice")
        code, printed = await moving.forge.run(
            moving.folder / "command.log", moving.environment, "import", "echodesk", "--from", moving.crm.url
        )
        assert (code, "bought_twice has a subscription here already" in printed) == (1, True), printed
        assert await subscription(container, "bought_twice") == bought
        assert [one.tenant_id for one in await container.customers().listed()] == ["acme", "bought_twice"]
        assert (await container.views().catalogue()).packages  # what was on sale stays on sale


async def test_the_commands_of_the_docs_move_a_crm(moving: Moving) -> None:
    page = (ROOT / "docs/moving.md").read_text()
    (decisions,) = blocks(page, "toml")
    (moving.folder / "decisions.toml").write_text(decisions)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    on_file = {"DATABASE_URL": f"sqlite:///{moving.folder}/ours.sqlite3"}
    environment = clean_environment({**moving.environment, **on_file, "OLD_DATABASE": moving.crm.url, "PATH": path})
    lines = [line for block in blocks(page, "console") for line in commands_in(block)]
    printed = [await run(" && ".join([lines[0], line]), environment, moving.folder) for line in lines[1:]]
    shown = blocks(page, "text")[0].splitlines()
    told = {line.split("(")[0][:14] for line in printed[0].splitlines()}
    assert {line.split("(")[0][:14] for line in shown} <= told
    assert "acme: decided: pays by bank transfer" in printed[1]
    assert printed[-1].strip() == f"{len(BY_THE_TABLES) - 1} tenants are here as planned."


async def test_a_django_project_imports_from_its_own_database(moving: Moving) -> None:
    address = make_url(moving.crm.url)
    project = {
        "DJANGO_SETTINGS_MODULE": "tests.integration.django_project.settings",
        "CRM_POSTGRES": f"{address.query['host']}:{address.database}",
    }
    script = (
        "from django.core.management import execute_from_command_line\n"
        "execute_from_command_line(['manage.py', 'billing_import', '--dry-run', '--json'])"
    )
    process = await run_python(moving.folder / "django.log", {**moving.environment, **project}, script)
    assert await process.process.wait() == 0, process.printed
    assert as_lines(moving.crm, json.loads(process.printed.splitlines()[-1])) == BY_THE_TABLES


async def subscription(container: Container, tenant_id: str) -> Subscription:
    """The subscription of a tenant."""
    found = await container.storage().read(lambda uow: uow.subscriptions.get(tenant_id))
    assert found is not None
    return found


CHARGED = {
    "acme": "120.00",
    "bought_twice": "120.00",
    "charging": "120.00",
    "flitt": "120.00",
    "gave_back": "120.00",
    "late_dates": "130.00",
    "one_payment": "120.00",
    "overdue": "120.00",
    "retried": "120.00",
    "rounded": "156.00",
    "two_cards": "120.00",
    "unbilled": "120.00",
    "unlisted": "120.00",
    "waiting": "120.00",
}
"""Who is charged without being asked, and what."""
ASKED = {"cardless", "prorated", "removed"}


async def test_a_year_after_the_move(moving: Moving) -> None:
    """No period is charged twice, no paid day is lost, and each first charge comes on its day with its amount."""
    plan = {one["tenant"]: one for one in (await moving.command("--ask-bank"))["tenants"]}
    known = {order["order_id"] for order in await moving.bank.control("GET", "orders")}
    async with moving.container() as container:
        began = await container.clock().now()
        for day in range(1, 370):
            await moving.bank.control(
                "POST", "clock", {"advance": _seconds_until(await container.clock().now(), began, day)}
            )
            [one async for one in container.reconcile().run()]
            [one async for one in container.renew().run()]
            await moving.bank.control("POST", "clock", {"advance": 1})
            [one async for one in container.reconcile().run(older_than=timedelta(0))]
            now = await container.clock().now()
            assert await without_access(container, now) == [], day
        new = [one for one in await moving.bank.control("GET", "orders") if one["order_id"] not in known]
        paid = [one for one in new if one["order_status"]["key"] == "completed"]
        parents = {parent: tenant for tenant, parent in moving.crm.parents.items()}
        for tenant, amount in CHARGED.items():
            charges = [one for one in paid if parents.get(one["payment_detail"]["parent_order_id"]) == tenant]
            days = sorted(datetime.fromisoformat(one["zoned_create_date"]) for one in charges)
            first = datetime.fromisoformat(plan[tenant]["next_charge"]["at"])
            assert {one["purchase_units"]["transfer_amount"] for one in charges} == {str(float(amount))}, tenant
            assert first <= days[0] < first + timedelta(days=1), tenant
            assert all(25 < (later - earlier).days < 33 for earlier, later in itertools.pairwise(days)), tenant
            mine = await subscription(container, tenant)
            orders = await container.storage().read(lambda uow, tenant=tenant: uow.orders.listed(tenant, None, 1000))  # type: ignore[misc]
            periods = [one.period for one in orders if one.purpose == "REN" and one.is_paid and one.period is not None]
            assert sorted(periods) == list(range(min(periods), mine.next_period)), tenant
            assert len(charges) == len(periods), tenant
        charged = {parents.get(one["payment_detail"]["parent_order_id"]) for one in paid}
        assert charged == set(CHARGED)
        events = await container.storage().read(lambda uow: uow.outbox.latest(None, 100_000))
        for tenant in ASKED:
            first_asked = min(
                one.at for one in events if (one.name, one.tenant_id) == ("PaymentActionRequired", tenant)
            )
            assert first_asked < datetime.fromisoformat(plan[tenant]["paid_until"])
        states = {
            name: (await subscription(container, name)).state.value
            for name in ("vip", "ended", "cancelled", "trialing")
        }
        assert states == {"vip": "cancelled", "ended": "ended", "cancelled": "ended", "trialing": "suspended"}
        cards = await container.storage().read(
            lambda uow: uow.cards.of_parent(moving.crm.parents["removed"], "removed")
        )
        assert cards is not None
        assert cards.state == "forgotten"


async def without_access(container: Container, now: datetime) -> list[str]:
    """Who of those who are charged has no access."""
    return await container.storage().read(
        lambda uow: [
            tenant
            for tenant in CHARGED
            if (found := uow.subscriptions.get(tenant)) is None or not found.has_access(now)
        ]
    )


def _seconds_until(now: datetime, began: datetime, day: int) -> float:
    return max((began + timedelta(days=day) - now).total_seconds(), 0)
