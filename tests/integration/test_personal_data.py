"""Personal data of a customer: exported whole, erased everywhere but in the books, which stay right."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path

import pytest

from echodesk_billing.ports.access import Scope
from tests.builders import principal
from tests.integration.conftest import Service
from tests.integration.parts import Bank, Client
from tests.integration.test_security import dump

NAME, EMAIL, CODE, STREET = "შპს პერსონა", "nino@persona.example", "404404404", "9 Persona Street"
BOOKS = ("invoices", "credit_notes", "journal")
PROFILE = ("--legal-name", NAME, "--code", CODE, "--address", STREET, "--email", EMAIL, "--name", "Persona Ltd")


async def a_customer(service: Service, bank: Bank) -> tuple[str, Client, str]:
    """Somebody who paid, with a profile, a webhook, a proforma, a mail that waits, and a refund; gives the order."""
    tenant = f"persona-{secrets.token_hex(4)}"
    who = principal(tenant, Scope.READ, Scope.WRITE)
    client = service.stranger(await service.container.tokens().issue(who))
    assert (await client.buy(package_id=3))["order_id"]  # names on an order that is never paid
    paid = await client.buy()
    await bank.pay(paid["bank_order_id"])
    assert await bank.answered(paid["bank_order_id"]) == [200]
    assert (await service.command("customer", "set", tenant, *PROFILE))[0] == 0
    assert (await service.command("proforma", "create", tenant, "--package", "2"))[0] == 0
    hook = ("webhooks", "create", "https://persona.example/hook", "--tenant", tenant, "--reason", "they asked")
    code, printed = await service.command(*hook)
    assert code == 0, printed
    return tenant, client, paid["order_id"]


@pytest.mark.server
async def test_a_customer_is_exported_and_erased_with_the_books_intact(
    service: Service, bank: Bank, tmp_path: Path
) -> None:
    tenant, client, order_id = await a_customer(service, bank)
    file = tmp_path / "export.json"
    code, printed = await service.command("customer", "export", tenant, "--to", str(file))
    assert code == 0, printed
    assert file.stat().st_mode & 0o077 == 0
    exported = json.loads(file.read_text())
    assert exported["customer"]["profile"]["legal_name"] == NAME
    assert order_id in [one["order"]["id"] for one in exported["orders"]]
    assert all(one["history"] for one in exported["orders"])
    assert [len(exported[kind]) for kind in ("invoices", "cards", "webhook_urls", "proformas")] == [1, 1, 1, 1]
    assert client.token not in file.read_text()

    erase = ("customer", "erase", tenant, "--reason", "they asked for it on 2026-11-27")
    code, printed = await service.command(*erase)
    assert (code, "is active: cancel it at once first" in printed) == (1, True), printed
    assert (await client.post("/api/payments/cancel/", {"immediately": True})).status == 200
    code, printed = await service.command(*erase)
    assert (code, "is not settled: wait until it is" in printed) == (1, True), printed
    await bank.control("POST", "clock", {"advance": 3600})
    assert (await service.command("reconcile"))[0] == 0  # the order that nobody paid expires at the bank

    code, printed = await service.command(*erase, "--json")
    assert code == 0, printed
    erased = json.loads(printed)
    assert (erased["orders"] >= 2, erased["cards"]) == (True, 1)
    books = await service.container.storage().read(
        lambda uow: (uow.books.invoices_of(tenant, 9), uow.books.of_tenant(tenant, 9))
    )
    assert [one.order_id for one in books[0]] == [order_id]
    assert sum(1 for _ in books[1]) >= 2
    assert (await client.get("/api/subscription/me/")).status == 401  # its tokens are gone
    everything = await service.container.personal_data().export(principal("x"), tenant)
    left = json.dumps([repr(everything.customer), *map(repr, everything.orders), *map(repr, everything.proformas)])
    left += repr([everything.cards, everything.mails, everything.users, everything.webhook_urls, everything.events])
    for trace in (NAME, "Persona Ltd", EMAIL, CODE, STREET, "persona.example", "400000***0001"):
        assert trace not in left, trace
    if service.environment["DATABASE_URL"].startswith("postgres"):  # in a file of SQLite, freed pages keep old bytes
        stored = await dump(service)
        assert EMAIL not in stored
        assert "persona.example" not in stored

    code, printed = await service.command(*erase, "--json")  # once more, as after a crash
    assert (code, json.loads(printed)["orders"], json.loads(printed)["rows"]) == (0, 0, 0)
    events = await service.container.storage().read(lambda uow: uow.outbox.latest(tenant, 100))
    told = [one for one in events if one.name == "CustomerErased"]
    assert [(one.by.startswith("cli:"), "they asked" in repr(one)) for one in told] == [(True, True)]
    code, printed = await service.command("customer", "erase", "nobody-here", "--reason", "x")
    assert (code, "Traceback" in printed) == (1, False)
    code, printed = await service.command("customer", "erase", tenant, "--reason", " ")
    assert (code, "Give the reason" in printed) == (2, True)
    assert re.search(r"invoice|INV-", (await service.command("invoices", "list", "--tenant", tenant))[1])
