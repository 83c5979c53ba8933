"""`customer`: show, list, set, export and erase customers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.table import Table

from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.entrypoints.cli.terminal import (
    OPERATOR,
    AsJson,
    Limit,
    TenantId,
    out,
    run_command,
    show,
    table_of,
)

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="Who buys.")


@commands.command("list")
def customer_list(
    after: Annotated[str, typer.Option(help="Only tenants after this one, in the order of their ids.")] = "",
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List customers by id."""

    async def work(container: Container, _settings: Settings) -> None:
        customers = await container.customers().listed(after, limit)

        def table() -> Table:
            table = table_of("tenant", "subdomain", "name", "legal name", "code")
            for one in customers:
                profile = one.profile
                table.add_row(one.tenant_id, one.host_label, one.name, profile.legal_name, profile.identification_code)
            return table

        show(customers, table, as_json=as_json)

    run_command(work)


@commands.command("show")
def customer_show(tenant: TenantId, as_json: AsJson = False) -> None:
    """Show a customer with its billing profile."""

    async def work(container: Container, _settings: Settings) -> None:
        customer = await container.customers().show(tenant)
        show(customer, lambda: _details(customer), as_json=as_json)

    run_command(work)


@commands.command("set")
def customer_set(
    tenant: TenantId,
    name: Annotated[str, typer.Option(help="Display name, on the payment page.")] = "",
    subdomain: Annotated[str, typer.Option(help="What {tenant} in return addresses becomes.")] = "",
    legal_name: Annotated[str | None, typer.Option(help="Name on invoices.")] = None,
    code: Annotated[str | None, typer.Option(help="Identification code.")] = None,
    vat_payer: Annotated[bool | None, typer.Option(help="Whether it is registered for VAT.")] = None,
    address: Annotated[str | None, typer.Option(help="Legal address.")] = None,
    email: Annotated[list[str] | None, typer.Option(help="Where invoices go; repeat it for several.")] = None,
    language: Annotated[str | None, typer.Option(help="Of invoices and mails: ka, en or ru.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change a customer's names and billing profile; invoices that were issued stay as they are."""
    given: dict[str, Any] = {
        "legal_name": legal_name,
        "identification_code": code,
        "is_vat_payer": vat_payer,
        "address": address,
        "emails": email,
        "language": language,
    }
    changes = {field: value for field, value in given.items() if value is not None}

    async def work(container: Container, _settings: Settings) -> None:
        customer = await container.customers().set(OPERATOR, tenant, changes, name=name, subdomain=subdomain)
        show(customer, lambda: _details(customer), as_json=as_json)

    run_command(work)


@commands.command("export")
def customer_export(
    tenant: TenantId,
    to: Annotated[Path | None, typer.Option("--to", help="Write to this file instead of standard output.")] = None,
) -> None:
    """Print everything that is stored about a customer, as JSON."""

    async def work(container: Container, _settings: Settings) -> None:
        found = await container.personal_data().export(OPERATOR, tenant)
        written = json.dumps(json.loads(msgspec.json.encode(found)), ensure_ascii=False, indent=2)
        if to is None:
            print(written)  # noqa: T201
            return
        to.touch(mode=0o600)
        to.write_text(written + "\n")
        out.print(f"{to}: {len(found.orders)} orders, {len(found.invoices)} invoices, {len(found.mails)} mails")

    run_command(work)


@commands.command("erase")
def customer_erase(
    tenant: TenantId,
    reason: Annotated[str, typer.Option(help="Who asked for it, for the record.")],
    as_json: AsJson = False,
) -> None:
    """Erase a customer's personal data; invoices, credit notes and the journal stay. It cannot be undone."""

    async def work(container: Container, _settings: Settings) -> None:
        erased = await container.personal_data().erase(OPERATOR, tenant, reason)
        done = (
            f"{tenant} is erased: names in {erased.orders} orders and {erased.registrations} registrations, "
            f"{erased.cards} cards, {erased.rows} mails, addresses, tokens and webhooks"
        )
        show(erased, lambda: done, as_json=as_json)

    run_command(work)


def _details(customer: Customer) -> Table:
    profile = customer.profile
    table = table_of("", "")
    for label, value in (
        ("tenant", customer.tenant_id),
        ("subdomain", customer.host_label),
        ("name", customer.name),
        ("legal name", profile.legal_name),
        ("identification code", profile.identification_code),
        ("VAT payer", "yes" if profile.is_vat_payer else "no"),
        ("address", profile.address),
        ("e-mails", ", ".join(profile.emails)),
        ("language", profile.language),
        ("customer since", f"{customer.created_at:%Y-%m-%d}"),
    ):
        table.add_row(label, value)
    return table
